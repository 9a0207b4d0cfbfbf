namespace Postern.Demo.Acts;

/// <summary>What every act is given.</summary>
internal sealed class DemoCast
{
    /// <summary>Issuer, shop and gateway.</summary>
    public required DemoStage Stage { get; init; }

    /// <summary>Alice's agent, connected.</summary>
    public required AgentClient Agent { get; init; }

    /// <summary>Tells the story.</summary>
    public required DemoVoice Voice { get; init; }

    /// <summary>True when nobody watches: the demo answers the hold by itself.</summary>
    public required bool IsAuto { get; init; }

    /// <summary>Runs a command of the executable, as a person would type it; returns its exit code.</summary>
    public required Func<IReadOnlyList<string>, Task<int>> RunCommandAsync { get; init; }

    /// <summary>All time comes from here.</summary>
    public required TimeProvider Clock { get; init; }

    /// <summary>What was recorded of a tool call, newest first.</summary>
    public DemoRecord Record => new(Stage.JournalFolder);
}

/// <summary>One act of the demo.</summary>
internal interface IAct
{
    /// <summary>The heading.</summary>
    string Title { get; }

    /// <summary>Plays it; true when it had the expected outcome.</summary>
    Task<bool> PlayAsync(DemoCast cast, CancellationToken cancellationToken);
}
