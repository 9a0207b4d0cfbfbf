using System.Buffers.Binary;
using Postern.Core.Masking;

namespace Postern.Protocols.Postgres.Masking;

/// <summary>
/// An array in binary (<c>array_send</c>): dimensions, whether it holds NULLs, the elements' type, for each dimension its length and
/// lower bound, then the elements, each behind its length.
/// </summary>
internal static class BinaryArray
{
    private const int HeaderLength = 12;
    private const int DimensionLength = 8;
    private const int MaxDimensions = 6;

    public static void Mask(scoped ref CellRun run, ReadOnlySpan<byte> frame, int at, int end, in CellForm form, int column)
    {
        var start = at + sizeof(int);
        if (end - start < HeaderLength) throw Broken();
        var dimensions = BinaryPrimitives.ReadInt32BigEndian(frame[start..]);
        if (dimensions is < 0 or > MaxDimensions || end - start < HeaderLength + (dimensions * DimensionLength)) throw Broken();
        var element = form.Inner(PgTypes.KindOf(BinaryPrimitives.ReadUInt32BigEndian(frame[(start + 8)..])));
        var place = run.PlaceOf(at);
        var flags = run.PlaceOf(start + 4);
        var cell = start + HeaderLength + (dimensions * DimensionLength);
        var first = cell;
        while (cell < end)
        {
            var next = BinaryCells.Next(frame, cell, end, out var isNull);
            if (!isNull) CellCodec.Mask(ref run, frame, cell, next, element, column);
            cell = next;
        }
        if (!run.HasReplacedSince(first)) return;
        // An element of these may have become NULL; of the others none does, and clients take the flag at its word.
        if (element.Kind is CellKind.Address or CellKind.Opaque or CellKind.Record) run.Patch(flags, [0, 0, 0, 1]);
        BinaryCells.Close(ref run, place, end);
    }

    private static MaskingException Broken() => new("an array under a mask is not what it should be; blocked");
}

/// <summary>A row without a type of its own, in binary (<c>record_send</c>): count of fields, for each its type, its length and its value.</summary>
internal static class BinaryRecord
{
    public static void Mask(scoped ref CellRun run, ReadOnlySpan<byte> frame, int at, int end)
    {
        var cell = at + sizeof(int);
        if (end - cell < sizeof(int)) throw new MaskingException("a record under a mask is not what it should be; blocked");
        var place = run.PlaceOf(at);
        var first = cell += sizeof(int);
        while (cell < end)
        {
            if (end - cell < sizeof(uint)) throw new MaskingException("a record under a mask is not what it should be; blocked");
            var form = CellForm.Of(BinaryPrimitives.ReadUInt32BigEndian(frame[cell..]), -1, isBinary: true);
            cell += sizeof(uint);
            var next = BinaryCells.Next(frame, cell, end, out var isNull);
            // A record in a record is as deep as a client wants it to be: read as bytes.
            if (!isNull) CellCodec.Mask(ref run, frame, cell, next, form.Kind == CellKind.Record ? form with { Kind = CellKind.Opaque } : form, CellRun.NoColumn);
            cell = next;
        }
        if (run.HasReplacedSince(first)) BinaryCells.Close(ref run, place, end);
    }
}

/// <summary>Values behind lengths of four bytes, inside a value.</summary>
internal static class BinaryCells
{
    /// <summary>Where the value whose length stands here ends.</summary>
    public static int Next(ReadOnlySpan<byte> frame, int at, int end, out bool isNull)
    {
        if (end - at < sizeof(int)) throw new MaskingException("a value inside another ends early; blocked");
        var length = BinaryPrimitives.ReadInt32BigEndian(frame[at..]);
        isNull = length == -1;
        if (isNull) return at + sizeof(int);
        if (length < 0 || length > end - at - sizeof(int)) throw new MaskingException("a value inside another is longer than it; blocked");
        return at + sizeof(int) + length;
    }

    /// <summary>Writes the length of the value that holds others anew.</summary>
    public static void Close(scoped ref CellRun run, int place, int end) => Write(ref run, place, run.PlaceOf(end) - place - sizeof(int));

    /// <summary>Writes the length of the message that begins here anew; it counts itself, and not the type before it.</summary>
    public static void CloseMessage(scoped ref CellRun run, int place, int end) => Write(ref run, place + 1, run.PlaceOf(end) - place - 1);

    private static void Write(scoped ref CellRun run, int place, int length)
    {
        Span<byte> bytes = stackalloc byte[sizeof(int)];
        BinaryPrimitives.WriteInt32BigEndian(bytes, length);
        run.Patch(place, bytes);
    }
}
