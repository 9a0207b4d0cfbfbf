using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using Postern.Core.Masking;

namespace Postern.Protocols.Postgres.Masking;

/// <summary>Reads what <see cref="UnitText"/> writes, for the record. All columns that the unit touches stand at position 0.</summary>
internal sealed class UnitReader(CellColumns columns) : CellReader
{
    /// <summary>Of a unit that touches no column.</summary>
    public static FrameShape WithoutColumns { get; } = FrameShape.Cells(new UnitReader(CellColumns.None));

    /// <summary>Of a unit that may touch any column.</summary>
    public static FrameShape Unbounded { get; } = FrameShape.Cells(new UnitReader(new CellColumns([default])));

    private const int Touched = 0;

    /// <inheritdoc/>
    public override CellColumns Columns => columns;

    /// <inheritdoc/>
    public override void Read(ReadOnlySpan<byte> frame, scoped ref CellRun run)
    {
        if (run.IsIdle) return;
        var reader = new Utf8JsonReader(frame);
        var isText = false;
        // The last of it: names, in which detectors look as in any description, and numbers of types.
        var areResults = false;
        while (reader.Read())
        {
            switch (reader.TokenType)
            {
                case JsonTokenType.PropertyName:
                    isText = reader.ValueTextEquals("sql"u8);
                    areResults = reader.CurrentDepth == 1 && reader.ValueTextEquals(UnitText.ResultsName);
                    continue;
                case JsonTokenType.String:
                    Text(ref reader, isText, areResults, ref run);
                    break;
                case JsonTokenType.Number when !areResults && reader.CurrentDepth > 0:
                    if (run.IsMasked(Touched) ? run.Value(Touched) : run.Number(reader.ValueSpan, Touched)) Put(ref reader, "0"u8, ref run);
                    break;
                case JsonTokenType.True or JsonTokenType.False when run.Value(Touched):
                    Put(ref reader, "false"u8, ref run);
                    break;
            }
            isText = false;
        }
    }

    private static void Text(ref Utf8JsonReader reader, bool isSql, bool isName, scoped ref CellRun run)
    {
        if (!reader.ValueIsEscaped)
        {
            Text(ref reader, reader.ValueSpan, isSql, isName, ref run);
            return;
        }
        var rented = ArrayPool<byte>.Shared.Rent(reader.ValueSpan.Length);
        try
        {
            Text(ref reader, rented.AsSpan(0, reader.CopyString(rented)), isSql, isName, ref run);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(rented, clearArray: true);
        }
    }

    private static void Text(ref Utf8JsonReader reader, ReadOnlySpan<byte> text, bool isSql, bool isName, scoped ref CellRun run)
    {
        if (isSql && run.IsMasked(Touched))
        {
            var scrubbed = new ArrayBufferWriter<byte>(text.Length + 64);
            SqlLiterals.Mask(text, ref run, Touched, scrubbed);
            Quote(ref reader, run.Text(scrubbed.WrittenSpan, CellRun.NoColumn) ? run.Replacement : scrubbed.WrittenSpan, ref run);
        }
        else if (run.Text(text, isSql || isName ? CellRun.NoColumn : Touched))
        {
            Quote(ref reader, run.Replacement, ref run);
        }
    }

    private static void Quote(ref Utf8JsonReader reader, ReadOnlySpan<byte> text, scoped ref CellRun run)
    {
        ReadOnlySpan<byte> quoted = [(byte)'"', .. JsonEncodedText.Encode(text, JavaScriptEncoder.UnsafeRelaxedJsonEscaping).EncodedUtf8Bytes, (byte)'"'];
        run.Replace((int)reader.TokenStartIndex, (int)reader.BytesConsumed, quoted);
    }

    private static void Put(ref Utf8JsonReader reader, ReadOnlySpan<byte> value, scoped ref CellRun run) => run.Replace((int)reader.TokenStartIndex, (int)reader.BytesConsumed, value);
}
