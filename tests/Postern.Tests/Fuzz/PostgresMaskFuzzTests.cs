using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Postern.Core.Masking;
using Postern.Protocols.Postgres;
using Postern.Protocols.Postgres.Masking;
using Postern.Protocols.Postgres.Wire;
using Postern.Tests.Masking;
using Postern.Tests.Postgres.Masking;
using static Postern.Tests.Postgres.Masking.Frames;

namespace Postern.Tests.Fuzz;

/// <summary>What servers send, hostile: under a mask it comes out masked in every type and format, with every length right, or not at all.</summary>
[Trait("Lane", "fuzz")]
[Guarantee("G11")]
public sealed partial class PostgresMaskFuzzTests
{
    private const string Mask = "[masked:m]";

    private static readonly uint[] s_types =
    [
        PgTypes.Text, PgTypes.Json, PgTypes.Jsonb, PgTypes.Bytea, PgTypes.Bool, PgTypes.Int2, PgTypes.Int4, PgTypes.Int8, PgTypes.Float4, PgTypes.Float8, PgTypes.Numeric, PgTypes.Inet, PgTypes.Uuid,
        PgTypes.Record, PgTypes.Date, 1009, 1007, 1016, 1231, 1001, 3807, 2951, 90_001,
    ];

    private static readonly Masker s_column = Columns("public.t.c");
    private static readonly Masker s_emails = MaskTest.Values(MaskKind.Redact, Detectors.Email);

    private static readonly Column[] s_row = [new(PgTypes.Text), new(PgTypes.Text, Source: null), new(PgTypes.Int4, IsBinary: true), new(1009), new(PgTypes.Jsonb, IsBinary: true)];

    private static readonly byte[][] s_batches =
    [
        [.. Row("secret"u8.ToArray(), "open"u8.ToArray(), Int32(7), "{a,NULL}"u8.ToArray(), [1, .. """{"a":1}"""u8]), .. Row(null, null, null, null, null), .. Done],
        [.. Message('T', Description(s_row)), .. Report('N', "SNOTICE", "C00000", "Msaid ada@example.com"), .. Row("x"u8.ToArray(), "to ada@example.com"u8.ToArray(), null, null, null), .. Done],
        [.. Message('1', []), .. Message('2', []), .. Message('t', [0, 1, 0, 0, 0, 23]), .. Message('S', Utf8("TimeZone\0UTC\0")), .. Report('E', "SERROR", "VERROR", "C23505", "Mkey", "Dvalue (ada@example.com)"), .. Done],
    ];

    // Two bytes choose type and format; the rest is the value.
    private static readonly byte[][] s_cells =
    [
        .. s_types.SelectMany((_, index) => ((byte[][])
        [
            "ada@example.com"u8.ToArray(), """{"a":[1,true,null,"ada@example.com"]}"""u8.ToArray(), "{a,\"ada@example.com\",NULL,{\"b\"}}"u8.ToArray(), "\\x6164614065"u8.ToArray(), "4111111111111111"u8.ToArray(), Int64(7),
            [1, .. """{"a":"ada@example.com"}"""u8], Array(PgTypes.Text, "ada@example.com"u8.ToArray(), null), Array(PgTypes.Int4, Int32(7)), [.. Int32(1), .. Int32(25), .. Int32(15), .. "ada@example.com"u8], [2, 32, 0, 4, 192, 0, 2, 7],
        ]).SelectMany(value => (byte[][])[[(byte)index, 0, .. value], [(byte)index, 1, .. value]])),
    ];

    [Fact]
    [Row("M12"), Row("M13"), Row("M06")]
    public void A_batch_of_a_server_comes_out_framed_and_masked_or_not_at_all()
    {
        var shape = Shape(s_row);
        FuzzRun.Run(nameof(A_batch_of_a_server_comes_out_framed_and_masked_or_not_at_all), s_batches, bytes =>
        {
            ReplyText.Read([bytes]);
            foreach (var masker in (Masker[])[s_column, s_emails])
            {
                if (TryApply(masker, shape, bytes) is not { } masked) continue;
                foreach (var (type, body) in Whole(masked))
                {
                    if (type != 'D') continue;
                    var values = Cells(body);
                    Assert.Equal(s_row.Length, values.Count);
                    if (ReferenceEquals(masker, s_emails)) continue;
                    Assert.True(values[0] is null || values[0].AsSpan().SequenceEqual(Utf8(Mask)), "the masked text is not its mask");
                    Assert.True(values[2] is null || BinaryPrimitives.ReadInt32BigEndian(values[2]) == 0, "the masked number is not zero");
                }
            }
        });
    }

    [Fact]
    [Row("M12")]
    public void A_masked_value_of_any_type_and_format_says_nothing() => FuzzRun.Run(nameof(A_masked_value_of_any_type_and_format_says_nothing), s_cells, bytes =>
    {
        var (column, value) = Chosen(bytes);
        if (column is null) return;
        if (TryApply(s_column, Shape(column), Row(value)) is not { } masked) return;
        if (Cells(Whole(masked).Single().Body).Single() is not { } left) return;
        var form = CellForm.Of(column.Type, -1, column.IsBinary);
        var isHidden = form.Kind switch
        {
            CellKind.Text => left.AsSpan().SequenceEqual(Utf8(Mask)),
            CellKind.Bytes => left.AsSpan().SequenceEqual(Utf8(Mask)) || left.AsSpan().SequenceEqual(Utf8("\\x" + Convert.ToHexStringLower(Utf8(Mask)))),
            CellKind.Bool => form.IsBinary ? left is [0] : left.AsSpan().SequenceEqual("f"u8),
            CellKind.Int2 or CellKind.Int4 or CellKind.Int8 or CellKind.Float4 or CellKind.Float8 or CellKind.Numeric => form.IsBinary ? !left.AsSpan().ContainsAnyExcept((byte)0) : left.AsSpan().SequenceEqual("0"u8),
            CellKind.Json => SaysNothing(left),
            CellKind.Jsonb => SaysNothing(form.IsBinary ? left.AsSpan(1).ToArray() : left),
            CellKind.Array when form.IsBinary => ElementsOf(left).All(element => element is null || SaysNothing(element, BinaryPrimitives.ReadUInt32BigEndian(left.AsSpan(8)))),
            // Braces, quotes, commas and bounds are the shape; every word in it must be a mask's.
            CellKind.Array => SaysNothingWritten(Encoding.UTF8.GetString(left)),
            _ => false,
        };
        Assert.True(isHidden, $"{form.Kind}, binary {form.IsBinary}: {Convert.ToHexString(left)}");
    });

    [Fact]
    [Row("M12"), Row("M02")]
    public void Nothing_that_a_detector_finds_is_left_in_a_value_of_any_type_and_format() => FuzzRun.Run(nameof(Nothing_that_a_detector_finds_is_left_in_a_value_of_any_type_and_format), s_cells, bytes =>
    {
        var (column, value) = Chosen(bytes);
        if (column is null) return;
        if (TryApply(s_emails, Shape(column with { Source = null }), Row(value)) is not { } masked) return;
        if (Cells(Whole(masked).Single().Body).Single() is not { } left) return;
        if (CellForm.Of(column.Type, -1, column.IsBinary).Kind == CellKind.Text) Assert.DoesNotMatch(Plain(), Encoding.UTF8.GetString(left).Replace(Mask, "_", StringComparison.Ordinal));
    });

    [Fact]
    [Row("M13")]
    public void A_description_is_read_or_refused() => FuzzRun.Run(nameof(A_description_is_read_or_refused), [Description(s_row), Description(), Description(new Column(PgTypes.Text))], bytes =>
    {
        try
        {
            var columns = RowPlan.Of(bytes, statement: null).Columns;
            Assert.Equal(BinaryPrimitives.ReadUInt16BigEndian(bytes), columns);
        }
        catch (Exception refused) when (refused is WireException or MaskingException)
        {
            // Refused, both in the words that the session knows.
        }
    });

    private static byte[]? TryApply(Masker masker, FrameShape shape, byte[] frame)
    {
        var output = new ArrayBufferWriter<byte>();
        try
        {
            masker.Apply(frame, shape, output);
            return output.WrittenSpan.ToArray();
        }
        catch (MaskingException)
        {
            return null;
        }
    }

    private static (Column? Column, byte[] Value) Chosen(byte[] bytes) => bytes.Length < 2 ? (null, []) : (new Column(s_types[bytes[0] % s_types.Length], bytes[1] % 2 == 1), bytes[2..]);

    /// <summary>The messages, when the bytes are messages from the first to the last.</summary>
    private static List<(char Type, byte[] Body)> Whole(byte[] frame)
    {
        var messages = Read(frame);
        Assert.Equal(frame.Length, messages.Sum(message => 5 + message.Body.Length));
        return messages;
    }

    private static List<byte[]?> Cells(byte[] row) => Behind(row, 2, BinaryPrimitives.ReadUInt16BigEndian(row));

    private static List<byte[]?> ElementsOf(byte[] array) => Behind(array, 12 + (8 * BinaryPrimitives.ReadInt32BigEndian(array)), count: -1);

    private static List<byte[]?> Behind(byte[] bytes, int at, int count)
    {
        var values = new List<byte[]?>();
        while (at < bytes.Length)
        {
            var length = BinaryPrimitives.ReadInt32BigEndian(bytes.AsSpan(at));
            values.Add(length == -1 ? null : bytes.AsSpan(at + 4, length).ToArray());
            at += 4 + Math.Max(length, 0);
        }
        Assert.Equal(bytes.Length, at);
        if (count >= 0) Assert.Equal(count, values.Count);
        return values;
    }

    private static bool SaysNothing(byte[] element, uint type) => PgTypes.KindOf(type) switch
    {
        CellKind.Text or CellKind.Bytes => element.AsSpan().SequenceEqual(Utf8(Mask)),
        CellKind.Json => SaysNothing(element),
        CellKind.Jsonb => SaysNothing(element[1..]),
        _ => !element.AsSpan().ContainsAnyExcept((byte)0),
    };

    private static bool SaysNothing(byte[] json)
    {
        try
        {
            using var document = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = 1_000 });
            return SaysNothing(document.RootElement);
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private static bool SaysNothing(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Object => element.EnumerateObject().All(member => SaysNothing(member.Value)),
        JsonValueKind.Array => element.EnumerateArray().All(SaysNothing),
        JsonValueKind.String => element.GetString() == Mask,
        JsonValueKind.Number => element.GetRawText() == "0",
        JsonValueKind.True => false,
        _ => true,
    };

    private static bool SaysNothingWritten(string array) => WrittenShape().IsMatch(Quoted().Replace(array, static element =>
    {
        var text = Escape().Replace(element.Value[1..^1], "$1");
        return text == Mask || SaysNothing(Utf8(text)) ? "NULL" : "said";
    }));

    [GeneratedRegex(@"\A(\[[^=]*=)?([{},]|0|f|NULL)*\z", RegexOptions.ExplicitCapture)]
    private static partial Regex WrittenShape();

    [GeneratedRegex(@"""([^""\\]|\\.)*""", RegexOptions.ExplicitCapture | RegexOptions.Singleline)]
    private static partial Regex Quoted();

    [GeneratedRegex(@"\\(.)", RegexOptions.Singleline)]
    private static partial Regex Escape();

    [GeneratedRegex(@"[a-z]+@[a-z]+\.com(?![\w.-])", RegexOptions.ECMAScript)]
    private static partial Regex Plain();
}
