namespace Postern.Gateway.Listening;

/// <summary>Follows what one caller's connection carries, beside the server that serves it.</summary>
internal interface IConnectionFraming
{
    /// <summary>What is wrong; null as long as nothing is. After it nothing is read.</summary>
    string? Fault { get; }

    /// <summary>True when the fault ends whatever the server reads, because no head is there that could be refused.</summary>
    bool IsFatal { get; }

    /// <summary>Reads on. Each byte is given once, in order.</summary>
    void Read(ReadOnlySpan<byte> bytes);
}
