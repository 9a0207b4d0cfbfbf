using System.Globalization;
using System.Runtime.InteropServices;

namespace Postern.Core.Recording;

/// <summary>The keys that recorded content is sealed with, as far as they are here and not destroyed (docs/decisions/0049).</summary>
public interface IDataKeys
{
    /// <summary>Another number after each destruction: whoever kept keys by an older one forgets them.</summary>
    int Generation { get; }

    /// <summary>What is known of a key. Any thread; must not wait for anything but a local file.</summary>
    DataKeyFinding Find(UInt128 id);
}

/// <summary>Where new data keys are kept, each wrapped by the master key.</summary>
public interface IDataKeyStore : IDataKeys
{
    /// <summary>Keeps a key; it survives a power loss when the task completes.</summary>
    /// <param name="id">Random; stands in every record that is sealed with it.</param>
    /// <param name="session">Whose records.</param>
    /// <param name="key">The key itself, 32 bytes; not kept beyond the call in this form.</param>
    /// <exception cref="RecordingException">It cannot be kept, or the session was erased; nothing may be sealed with it.</exception>
    ValueTask SaveAsync(UInt128 id, string session, ReadOnlyMemory<byte> key);
}

/// <summary>What is known of one data key: the key, or how it was destroyed, or neither.</summary>
/// <param name="Key">The key.</param>
/// <param name="Erasure">How it was destroyed.</param>
[StructLayout(LayoutKind.Auto)]
public readonly record struct DataKeyFinding(byte[]? Key, Erasure? Erasure);

/// <summary>What a session's content was erased by: somebody, or the end of the time that it is kept for.</summary>
/// <param name="At">When the keys were destroyed.</param>
/// <param name="By"><c>issuer:subject</c>, or the gateway itself.</param>
/// <param name="Why">The reason given.</param>
/// <param name="IsExpiry">True when its time was over.</param>
public sealed record Erasure(DateTimeOffset At, string By, string Why, bool IsExpiry);

/// <summary>Why a record's content cannot be read here. The account around it stands.</summary>
/// <param name="Erasure">How its key was destroyed; null when the key is merely not here.</param>
public sealed record ClosedContent(Erasure? Erasure)
{
    /// <summary>The key is not here: a copy of the journal alone, say.</summary>
    public static readonly ClosedContent NoKey = new(Erasure: null);

    /// <summary>For people.</summary>
    public override string ToString() => Erasure is { } erased
        ? string.Create(CultureInfo.InvariantCulture, $"{(erased.IsExpiry ? "expired" : "erased")} on {erased.At.UtcDateTime:yyyy-MM-dd'T'HH:mm:ss'Z'} by {erased.By}: {erased.Why}")
        : "no key here";
}
