using System.Collections.Immutable;

namespace Postern.Protocols;

/// <summary>What became of asking a target whether it is there.</summary>
public enum TargetState
{
    /// <summary>It answered as it should.</summary>
    Good,

    /// <summary>Nothing could be sent: no such name, nobody listens, no answer in time, no program.</summary>
    Unreachable,

    /// <summary>It is there, and its certificate is not trusted.</summary>
    Untrusted,

    /// <summary>It does not let the gateway in.</summary>
    Refused,

    /// <summary>Something answers there that is not what the configuration says.</summary>
    Foreign,
}

/// <summary>What a target said when the gateway itself asked whether it is there. Holds no credential and nothing of anybody's data.</summary>
/// <param name="State">What became of it.</param>
/// <param name="Text">The same in words: lower case, no full stop.</param>
public sealed record TargetAnswer(TargetState State, string Text)
{
    /// <summary>What it offers by name, where its protocol has such a list.</summary>
    public ImmutableArray<OfferedTool> Tools { get; init; } = [];
}

/// <summary>A tool as its target describes it. The description is the target's claim.</summary>
/// <param name="Name">Exact name.</param>
/// <param name="Definition">The definition as the target wrote it (UTF-8 JSON).</param>
public sealed record OfferedTool(string Name, ReadOnlyMemory<byte> Definition);
