using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Postern.Core.Operations;

/// <summary>
/// Names one operation, and so its one decision: 48 bits of Unix milliseconds, then 80 random bits, written as 26
/// characters of Crockford base 32 (the ULID text form), so that ids sort by time of creation to the millisecond.
/// </summary>
public readonly record struct OperationId(UInt128 Value)
{
    private const string Alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

    /// <summary>Characters of the text form.</summary>
    internal const int TextLength = 26;

    private const int RandomBytes = 10;
    private const int IdsPerFill = 64;

    // Asking the system for ten random bytes costs as much as asking for hundreds; each byte of these goes into one id.
    [ThreadStatic]
    private static byte[]? _random;

    [ThreadStatic]
    private static int _used;

    /// <summary>A new id for the given instant. The random part comes from the operating system.</summary>
    public static OperationId New(DateTimeOffset now)
    {
        Span<byte> bytes = stackalloc byte[16];
        var random = _random ??= new byte[RandomBytes * IdsPerFill];
        if (_used == 0) RandomNumberGenerator.Fill(random);
        random.AsSpan(_used * RandomBytes, RandomBytes).CopyTo(bytes[6..]);
        _used = (_used + 1) % IdsPerFill;
        var milliseconds = now.ToUnixTimeMilliseconds();
        BinaryPrimitives.WriteUInt16BigEndian(bytes, (ushort)(milliseconds >> 32));
        BinaryPrimitives.WriteUInt32BigEndian(bytes[2..], (uint)milliseconds);
        return new OperationId(BinaryPrimitives.ReadUInt128BigEndian(bytes));
    }

    /// <summary>Reads the 26-character text form; false for anything else.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out OperationId id)
    {
        id = default;
        if (text.Length != TextLength || text[0] > '7') return false;
        UInt128 value = 0;
        foreach (var character in text)
        {
            var digit = Alphabet.IndexOf(character, StringComparison.Ordinal);
            if (digit < 0) return false;
            value = (value << 5) | (uint)digit;
        }
        id = new OperationId(value);
        return true;
    }

    /// <inheritdoc/>
    public override string ToString() => string.Create(TextLength, this, static (text, id) => id.Format(text));

    /// <summary>Writes the text form as ASCII, 26 bytes.</summary>
    internal void Format(Span<byte> text)
    {
        var value = Value;
        for (var i = TextLength - 1; i >= 0; i--)
        {
            text[i] = (byte)Alphabet[(int)(uint)(value & 31)];
            value >>= 5;
        }
    }

    /// <summary>Writes the text form, 26 characters.</summary>
    internal void Format(Span<char> text)
    {
        Span<byte> ascii = stackalloc byte[TextLength];
        Format(ascii);
        Ascii.ToUtf16(ascii, text, out _);
    }
}
