using System.Buffers;
using Postern.Core.Masking;

namespace Postern.Protocols.Postgres.Masking;

/// <summary>
/// An array as it is written (<c>array_out</c>): <c>{a,"b c",NULL,{…}}</c>, possibly behind its bounds (<c>[2:3]={…}</c>). Each element is
/// asked about as it reads, without quotes and escapes; what takes its place is written in quotes.
/// </summary>
internal static class TextArray
{
    private static readonly SearchValues<byte> s_ends = SearchValues.Create(",{}\"\\"u8);

    public static void Mask(scoped ref CellRun run, ReadOnlySpan<byte> value, int at, int end, in CellForm form, int column)
    {
        var element = form.Inner(form.Element);
        var output = new ArrayBufferWriter<byte>(value.Length + 64);
        var scratch = ArrayPool<byte>.Shared.Rent(value.Length);
        var isChanged = false;
        try
        {
            var from = 0;
            if (value is [(byte)'[', ..])
            {
                from = value.IndexOf((byte)'=') + 1;
                if (from == 0) throw Broken();
                output.Write(value[..from]);
            }
            while (from < value.Length)
            {
                if (value[from] is (byte)'{' or (byte)'}' or (byte)',')
                {
                    output.Write(value.Slice(from++, 1));
                    continue;
                }
                var length = Element(value[from..], scratch, out var read, out var isNull);
                var text = scratch.AsSpan(0, length);
                if (isNull || !Change(ref run, text, element, column, output)) output.Write(value.Slice(from, read));
                else isChanged = true;
                from += read;
            }
            if (isChanged) CellCodec.Put(ref run, at, end, output.WrittenSpan);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(scratch, clearArray: true);
        }
    }

    /// <summary>Reads one element without its quotes and escapes; returns its length in <paramref name="scratch"/>.</summary>
    private static int Element(ReadOnlySpan<byte> rest, Span<byte> scratch, out int read, out bool isNull)
    {
        var length = 0;
        isNull = false;
        if (rest[0] != '"')
        {
            read = rest.IndexOfAny(s_ends);
            if (read <= 0 || rest[read] is (byte)'"' or (byte)'\\' or (byte)'{') throw Broken();
            rest[..read].CopyTo(scratch);
            isNull = rest[..read].SequenceEqual("NULL"u8);
            return read;
        }
        for (read = 1; read < rest.Length && rest[read] != '"'; read++)
        {
            if (rest[read] == '\\' && ++read == rest.Length) throw Broken();
            scratch[length++] = rest[read];
        }
        if (read++ >= rest.Length) throw Broken();
        return length;
    }

    private static bool Change(scoped ref CellRun run, ReadOnlySpan<byte> text, in CellForm element, int column, ArrayBufferWriter<byte> output)
    {
        switch (element.Kind)
        {
            case CellKind.Text when run.Text(text, column, element.MaxCharacters):
            case CellKind.Json or CellKind.Jsonb when run.Document(text, column):
                Quote(run.Replacement, output);
                return true;
            case CellKind.Bool when run.Value(column):
                output.Write("f"u8);
                return true;
            case CellKind.Int2 or CellKind.Int4 or CellKind.Int8 or CellKind.Float4 or CellKind.Float8 or CellKind.Numeric when run.IsMasked(column) ? run.Value(column) : run.Number(text, column):
                output.Write("0"u8);
                return true;
            case CellKind.Bytes or CellKind.Address or CellKind.Opaque or CellKind.Record when run.IsMasked(column) ? run.Value(column) : Hides(ref run, text, element.Kind):
            case CellKind.Closed when run.Value(column):
                output.Write("NULL"u8);
                return true;
            default:
                return false;
        }
    }

    private static bool Hides(scoped ref CellRun run, ReadOnlySpan<byte> text, CellKind kind)
    {
        if (!run.ReadsTexts) return false;
        if (kind != CellKind.Bytes || !text.StartsWith("\\x"u8)) return run.Text(text, CellRun.NoColumn);
        var bytes = new byte[text.Length / 2];
        if (Convert.FromHexString(text[2..], bytes, out _, out var length) != OperationStatus.Done) throw Broken();
        return run.Bytes(bytes.AsSpan(0, length), CellRun.NoColumn);
    }

    private static void Quote(ReadOnlySpan<byte> text, ArrayBufferWriter<byte> output)
    {
        output.Write("\""u8);
        foreach (var current in text)
        {
            if (current is (byte)'"' or (byte)'\\') output.Write("\\"u8);
            output.Write([current]);
        }
        output.Write("\""u8);
    }

    private static MaskingException Broken() => new("an array under a mask is not written as arrays are; blocked");
}
