using System.Buffers;
using System.Text;
using System.Text.Unicode;

namespace Postern.Core.Json;

/// <summary>
/// The one strict reading of JSON on the data path: a document that passes has exactly one meaning for every reader
/// (RFC 8259, and I-JSON, RFC 7493: unique names, no lone surrogates). Numbers of any size and precision pass, because
/// they are compared and forwarded as the tokens that they are.
/// </summary>
public static class StrictJson
{
    /// <summary>Arrays and objects that may stand in each other unless a caller says otherwise.</summary>
    public const int DefaultMaxDepth = 64;

    /// <summary>Names that one object may have unless a caller says otherwise.</summary>
    public const int DefaultMaxNames = 100_000;

    /// <summary>
    /// Reads the whole document once and says what is wrong with it, or null. Never throws, whatever the bytes.
    /// </summary>
    /// <param name="utf8">One document; white space around it is permitted.</param>
    /// <param name="maxDepth">Arrays and objects that may stand in each other.</param>
    /// <param name="maxNames">Names that one object may have.</param>
    /// <param name="maxBytes">Length in bytes that is permitted.</param>
    public static JsonFault? Check(
        ReadOnlySpan<byte> utf8,
        int maxDepth = DefaultMaxDepth,
        int maxNames = DefaultMaxNames,
        int maxBytes = int.MaxValue)
    {
        if (utf8.Length > maxBytes) return new JsonFault(JsonFaultKind.TooLarge, maxBytes, $"at most {maxBytes} bytes");
        if (utf8.StartsWith(Encoding.UTF8.Preamble)) return new JsonFault(JsonFaultKind.ByteOrderMark, 0, "no byte order mark");
        if (!Utf8.IsValid(utf8)) return new JsonFault(JsonFaultKind.InvalidUtf8, FirstInvalid(utf8), "UTF-8");
        return Scan(utf8, Math.Max(maxDepth, 0), maxNames);
    }

    // Of all open objects together; more are kept in rented memory.
    private const int FirstNames = 64;

    private static JsonFault? Scan(ReadOnlySpan<byte> utf8, int maxDepth, int maxNames)
    {
        // A level is kept as the number of names seen when it opened, or -1 for an array.
        int[]? rented = maxDepth > DefaultMaxDepth ? ArrayPool<int>.Shared.Rent(Math.Min(maxDepth, utf8.Length) + 1) : null;
        var levels = rented ?? stackalloc int[DefaultMaxDepth + 1];
        Span<NameList.Entry> firstNames = stackalloc NameList.Entry[FirstNames];
        Span<ulong> firstMarks = stackalloc ulong[FirstNames + NameList.Stride];
        Span<byte> scratch = stackalloc byte[256];
        var names = new NameList(utf8, firstNames, firstMarks, scratch);
        try
        {
            return new JsonScan(utf8, levels, maxDepth, maxNames).Run(ref names);
        }
        finally
        {
            names.Dispose();
            if (rented is not null) ArrayPool<int>.Shared.Return(rented);
        }
    }

    private static int FirstInvalid(ReadOnlySpan<byte> utf8)
    {
        var offset = 0;
        while (Rune.DecodeFromUtf8(utf8[offset..], out _, out var length) == OperationStatus.Done) offset += length;
        return offset;
    }
}
