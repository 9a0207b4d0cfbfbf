namespace Postern.Protocols;

/// <summary>A protocol whose clients do not speak HTTP: it has a listener of its own, and is handed each connection.</summary>
public interface IRawProtocol : IProtocol
{
    /// <summary>Serves one connection from its first byte to its last. Never throws for what a client does.</summary>
    /// <param name="client">The connection; disposed by whoever accepted it.</param>
    Task ServeAsync(RawClient client);
}

/// <summary>One accepted connection. The listener owns socket and TLS; a protocol says when TLS begins, where that is part of it.</summary>
public abstract class RawClient
{
    /// <summary>What is read from and written to; another one after <see cref="StartTlsAsync"/>.</summary>
    public abstract Stream Stream { get; }

    /// <summary>True once TLS is established.</summary>
    public abstract bool HasTls { get; }

    /// <summary>True when the operator demands TLS of every client.</summary>
    public abstract bool NeedsTls { get; }

    /// <summary>True when there is a certificate to offer.</summary>
    public abstract bool CanTls { get; }

    /// <summary>True while bytes have arrived and were not read.</summary>
    public abstract bool HasUnread { get; }

    /// <summary>Where it comes from, for records.</summary>
    public abstract string From { get; }

    /// <summary>Somebody is known to be there: from here on it counts as a session, and no longer as somebody at the door.</summary>
    public abstract void SignedIn();

    /// <summary>The first byte that arrives, left where it is; null when the client closed.</summary>
    public abstract ValueTask<byte?> PeekAsync();

    /// <summary>Begins TLS. With <paramref name="protocol"/> the client must have asked for exactly that application protocol (ALPN).</summary>
    /// <exception cref="System.Security.Authentication.AuthenticationException">It failed.</exception>
    public abstract ValueTask StartTlsAsync(string? protocol);

    /// <summary>Ends the reading, also one that waits: it returns the end. What is written still goes out.</summary>
    public abstract void StopReading();

    /// <summary>Closes at once; whatever waits on it fails.</summary>
    public abstract void Abort();
}
