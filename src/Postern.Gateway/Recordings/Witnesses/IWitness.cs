namespace Postern.Gateway.Recordings.Witnesses;

/// <summary>A place outside the gateway's reach that remembers checkpoints, so that nobody can later shorten the journal behind its back (G4).</summary>
internal interface IWitness : IDisposable
{
    /// <summary>Its name in the configuration.</summary>
    string Name { get; }

    /// <summary>Tells it one line; null when it has it, otherwise what happened instead.</summary>
    ValueTask<string?> TellAsync(byte[] line, CancellationToken stopping);
}
