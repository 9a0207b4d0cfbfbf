using System.Security.Cryptography;
using System.Text;

namespace Postern.Core.Masking;

/// <summary>
/// What one mask puts in a value's place. Treatments are ranked: a higher rank is stronger, and among equals belongs to the
/// mask whose id comes first, so that the order of masks never matters.
/// </summary>
internal sealed class Treatment(string maskId, MaskKind kind, byte[] hashKey)
{
    /// <summary>What a number becomes: it stays a number, and says nothing.</summary>
    public static ReadOnlySpan<byte> Number => "0"u8;

    /// <summary>What a boolean becomes.</summary>
    public static ReadOnlySpan<byte> Boolean => "false"u8;

    // A share of the value that says little, and a length under which even that says too much.
    private const int KeptShare = 4;
    private const int MaxKept = 4;
    private const int MinToKeep = 8;
    private const int HashBytes = 8;
    private const int MaxId = 64;

    private readonly byte[] _marker = Encoding.UTF8.GetBytes($"[masked:{Short(maskId)}]");
    private readonly byte[] _nameMarker = Encoding.UTF8.GetBytes($"[masked:{Short(maskId)}:");

    private IncrementalHash? _idle;

    public MaskKind Kind => kind;

    /// <summary>True when what is written needs no escaping in JSON, whatever it stands for.</summary>
    public bool IsPlain { get; } = kind != MaskKind.Partial && !Short(maskId).AsSpan().ContainsAnyExceptInRange(' ', '~') && !Short(maskId).AsSpan().ContainsAny('"', '\\');

    /// <summary>The most bytes that <see cref="Write"/> and <see cref="WriteName"/> write.</summary>
    public const int MaxLength = 256;

    /// <summary>Writes what stands for this text, before any escaping; returns its length.</summary>
    public int Write(ReadOnlySpan<byte> text, bool isCard, Span<byte> destination) => kind switch
    {
        MaskKind.Hash => WriteHash(text, isCard, destination),
        MaskKind.Partial => WritePartial(text, isCard, destination),
        _ => Put(_marker, destination),
    };

    /// <summary>
    /// Writes what stands for a name. Names must stay different from each other, so all but a hash carry the
    /// <paramref name="ordinal"/> of the masked name in its frame.
    /// </summary>
    public int WriteName(ReadOnlySpan<byte> text, bool isCard, int ordinal, Span<byte> destination)
    {
        if (kind == MaskKind.Hash) return WriteHash(text, isCard, destination);
        var length = Put(_nameMarker, destination);
        System.Buffers.Text.Utf8Formatter.TryFormat(ordinal, destination[length..], out var digits);
        length += digits;
        destination[length++] = (byte)']';
        return length;
    }

    private int WriteHash(ReadOnlySpan<byte> text, bool isCard, Span<byte> destination)
    {
        Span<byte> hash = stackalloc byte[HMACSHA256.HashSizeInBytes];
        if (isCard)
        {
            // One card looks equal to itself however it is written.
            Span<byte> digits = stackalloc byte[19];
            var count = 0;
            foreach (var current in text)
            {
                if (char.IsAsciiDigit((char)current) && count < digits.Length) digits[count++] = current;
            }
            Hash(digits[..count], hash);
        }
        else
        {
            Hash(text, hash);
        }
        var length = Put("[hash:"u8, destination);
        Convert.TryToHexStringLower(hash[..HashBytes], destination[length..], out var hex);
        length += hex;
        destination[length++] = (byte)']';
        return length;
    }

    /// <summary>HMAC-SHA-256 with the key, by a digest that was set up before: setting one up costs more than hashing a value.</summary>
    private void Hash(ReadOnlySpan<byte> text, Span<byte> hash)
    {
        // Taken for as long as it is used; who finds none makes one. What is left over goes with the masker.
        var hmac = Interlocked.Exchange(ref _idle, null) ?? IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, hashKey);
        hmac.AppendData(text);
        hmac.GetHashAndReset(hash);
        if (Interlocked.CompareExchange(ref _idle, hmac, null) is not null) hmac.Dispose();
    }

    private int WritePartial(ReadOnlySpan<byte> text, bool isCard, Span<byte> destination)
    {
        var characters = 0;
        foreach (var current in text)
        {
            if (!IsContinuation(current)) characters++;
        }
        if (characters < MinToKeep) return Put(_marker, destination);
        // The last four digits of a card are what its own issuer prints on receipts; all else keeps at most a quarter.
        var kept = isCard ? MaxKept : Math.Min(characters / KeptShare, MaxKept);
        var length = Put("****"u8, destination);
        if (isCard)
        {
            for (var i = text.Length - 1; i >= 0 && kept > 0; i--)
            {
                if (char.IsAsciiDigit((char)text[i])) destination[length + --kept] = text[i];
            }
            return length + MaxKept;
        }
        var start = text.Length;
        for (; kept > 0; kept--)
        {
            do start--;
            while (IsContinuation(text[start]));
        }
        return length + Put(text[start..], destination[length..]);
    }

    // Ids have no upper length; what is written for every value must.
    private static string Short(string maskId) => maskId.Length <= MaxId ? maskId : maskId[..MaxId];

    private static bool IsContinuation(byte value) => (value & 0xc0) == 0x80;

    private static int Put(ReadOnlySpan<byte> text, Span<byte> destination)
    {
        text.CopyTo(destination);
        return text.Length;
    }
}
