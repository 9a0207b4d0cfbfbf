namespace Postern.Gateway.Recordings.Stores;

/// <summary>
/// Where a journal's bytes are kept besides the local disk: named pieces, each written once. Nothing here changes or removes a piece, so
/// that whoever holds the gateway's rights to the store can add to what is there and not rewrite it.
/// </summary>
public interface IRecordingStore : IAsyncDisposable
{
    /// <summary>How the place is called in messages; holds no secret.</summary>
    string Place { get; }

    /// <summary>
    /// Keeps a piece under a name that has none yet. True when it survives whatever the store survives; false when the name is taken, by
    /// whatever bytes, and those are left as they are.
    /// </summary>
    /// <param name="name">Letters, digits, <c>.</c>, <c>-</c> and <c>_</c>, in steps parted by <c>/</c>.</param>
    /// <param name="bytes">Up to 128 MiB.</param>
    /// <param name="cancellationToken">Gives up; whether the piece arrived is then unknown.</param>
    /// <exception cref="StoreException">It cannot be reached, or refuses; whether the piece arrived is unknown.</exception>
    ValueTask<bool> PutAsync(string name, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken);

    /// <summary>The pieces whose names begin with <paramref name="prefix"/>, in the order of their names' characters.</summary>
    /// <exception cref="StoreException">It cannot be reached, refuses, or lists what cannot be.</exception>
    IAsyncEnumerable<StoredPiece> ListAsync(string prefix, CancellationToken cancellationToken);

    /// <summary>A piece's bytes; null when there is none of that name.</summary>
    /// <exception cref="StoreException">It cannot be reached, refuses, or breaks off.</exception>
    ValueTask<byte[]?> ReadAsync(string name, CancellationToken cancellationToken);
}

/// <summary>A piece as a store lists it.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Length">Its bytes.</param>
public sealed record StoredPiece(string Name, long Length);

/// <summary>A store could not do what it was asked; the message says so without any value of it or of its credentials.</summary>
public sealed class StoreException : Exception
{
    /// <summary>With nothing to say.</summary>
    public StoreException()
    {
    }

    /// <summary>With what happened.</summary>
    public StoreException(string message)
        : base(message)
    {
    }

    /// <summary>With what happened, and why.</summary>
    public StoreException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
