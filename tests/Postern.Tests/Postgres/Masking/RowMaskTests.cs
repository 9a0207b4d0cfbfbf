using Postern.Core.Masking;
using Postern.Protocols.Postgres.Masking;
using static Postern.Tests.Masking.MaskTest;
using static Postern.Tests.Postgres.Masking.Frames;

namespace Postern.Tests.Postgres.Masking;

/// <summary>Values of rows under masks, in both formats of the protocol.</summary>
[Guarantee("G11")]
public sealed class RowMaskTests
{
    private static readonly Masker s_column = Columns("public.t.c");

    [Theory]
    [InlineData(PgTypes.Text, false, "[masked:m]")]
    [InlineData(PgTypes.Text, true, "[masked:m]")]
    [InlineData(PgTypes.Varchar, true, "[masked:m]")]
    [InlineData(PgTypes.Name, false, "[masked:m]")]
    [InlineData(PgTypes.Char, false, "[")]
    [InlineData(PgTypes.Xml, true, "[masked:m]")]
    [InlineData(PgTypes.Bytea, true, "[masked:m]")]
    [InlineData(PgTypes.Int2, false, "0")]
    [InlineData(PgTypes.Int8, false, "0")]
    [InlineData(PgTypes.Numeric, false, "0")]
    [InlineData(PgTypes.Float8, false, "0")]
    [InlineData(PgTypes.Bool, false, "f")]
    [InlineData(PgTypes.Int2, true, "\0\0")]
    [InlineData(PgTypes.Int4, true, "\0\0\0\0")]
    [InlineData(PgTypes.Int8, true, "\0\0\0\0\0\0\0\0")]
    [InlineData(PgTypes.Float4, true, "\0\0\0\0")]
    [InlineData(PgTypes.Float8, true, "\0\0\0\0\0\0\0\0")]
    [InlineData(PgTypes.Numeric, true, "\0\0\0\0\0\0\0\0")]
    [InlineData(PgTypes.Bool, true, "\0")]
    [InlineData(PgTypes.Date, false, null)]
    [InlineData(PgTypes.TimestampTz, true, null)]
    [InlineData(PgTypes.Interval, true, null)]
    [InlineData(PgTypes.Uuid, true, null)]
    [InlineData(PgTypes.Inet, false, null)]
    [InlineData(PgTypes.Inet, true, null)]
    [InlineData(PgTypes.Oid, true, null)]
    [InlineData(PgTypes.Record, true, null)]
    [InlineData(PgTypes.Record, false, null)]
    [InlineData(3904u, false, null)]
    [InlineData(3904u, true, null)]
    [InlineData(90_001u, false, null)]
    [InlineData(90_001u, true, null)]
    [Row("M12")]
    public void A_masked_column_becomes_what_its_type_and_format_can_hold(uint type, bool isBinary, string? masked)
    {
        var value = isBinary ? type switch { PgTypes.Int2 => Int16(7), PgTypes.Int4 or PgTypes.Float4 => Int32(7), PgTypes.Int8 or PgTypes.Float8 => Int64(7), PgTypes.Numeric => [0, 1, 0, 0, 0, 0, 0, 0, 0, 7], _ => "secret"u8.ToArray() } : "7"u8.ToArray();

        Assert.Equal(masked is null ? null : Utf8(masked), s_column.One(new Column(type, isBinary), value));
    }

    [Fact]
    public void Documents_keep_their_shape_and_jsonb_its_version()
    {
        const string Json = """{"a": [1, true, null, "x"]}""";
        const string Masked = """{"a": [0, false, null, "[masked:m]"]}""";

        Assert.Equal(Utf8(Masked), s_column.One(new Column(PgTypes.Json), Utf8(Json)));
        Assert.Equal(Utf8(Masked), s_column.One(new Column(PgTypes.Json, IsBinary: true), Utf8(Json)));
        Assert.Equal(Utf8(Masked), s_column.One(new Column(PgTypes.Jsonb), Utf8(Json)));
        Assert.Equal([1, .. Utf8(Masked)], s_column.One(new Column(PgTypes.Jsonb, IsBinary: true), [1, .. Utf8(Json)]));
        Assert.Throws<MaskingException>(() => s_column.One(new Column(PgTypes.Jsonb, IsBinary: true), [2, .. Utf8(Json)]));
    }

    [Fact]
    public void A_declared_length_bounds_the_mask()
    {
        Assert.Equal("[mask"u8.ToArray(), s_column.One(new Column(PgTypes.Varchar, Modifier: 4 + 5), "secret"u8.ToArray()));
        Assert.Equal("[m"u8.ToArray(), s_column.One(new Column(PgTypes.BpChar, Modifier: 4 + 2), "ab"u8.ToArray()));
    }

    [Fact]
    public void Bytes_are_hidden_as_bytes()
    {
        Assert.Equal(Utf8("\\x" + Convert.ToHexStringLower("[masked:m]"u8)), s_column.One(new Column(PgTypes.Bytea), "\\x736563726574"u8.ToArray()));
        Assert.Null(s_column.One(new Column(PgTypes.Bytea), "sec\\000ret"u8.ToArray()));
        Assert.Equal(Utf8("\\x" + Convert.ToHexStringLower("to [masked:m]"u8)), Values(MaskKind.Redact, Detectors.Email).One(new Column(PgTypes.Bytea), Utf8("\\x" + Convert.ToHexStringLower(Utf8("to " + Canary)))));
    }

    [Fact]
    public void Arrays_are_masked_element_by_element_in_both_formats()
    {
        Assert.Equal("""{"[masked:m]",NULL,{"[masked:m]"}}"""u8.ToArray(), s_column.One(new Column(1009), """{a,NULL,{"b \"c\""}}"""u8.ToArray()));
        Assert.Equal("[2:3]={0,0}"u8.ToArray(), s_column.One(new Column(1007), "[2:3]={4,5}"u8.ToArray()));
        Assert.Null(s_column.One(new Column(1182), "{2026-01-02}"u8.ToArray()));
        Assert.Equal("{}"u8.ToArray(), s_column.One(new Column(1009), "{}"u8.ToArray()));
        Assert.Equal(Array(PgTypes.Text, "[masked:m]"u8.ToArray(), null), s_column.One(new Column(1009, IsBinary: true), Array(PgTypes.Text, "abc"u8.ToArray(), null)));
        Assert.Null(s_column.One(new Column(2951, IsBinary: true), Array(PgTypes.Uuid, new byte[16])));
    }

    [Theory]
    [InlineData(PgTypes.Text, "call canary@example.org now", "call [masked:m] now")]
    [InlineData(PgTypes.Varchar, "canary@example.org", "[masked:m]")]
    [InlineData(PgTypes.Json, """{"x":"canary@example.org"}""", """{"x":"[masked:m]"}""")]
    [InlineData(PgTypes.Text, """{"x":"\u0063anary@example.org"}""", """{"x":"[masked:m]"}""")]
    [InlineData(1009u, """{ok,"canary@example.org"}""", """{ok,"[masked:m]"}""")]
    [InlineData(PgTypes.Record, "(1,canary@example.org)", null)]
    [InlineData(90_001u, "canary@example.org", null)]
    [InlineData(PgTypes.Text, "harmless", "harmless")]
    public void Detectors_look_into_every_text(uint type, string value, string? masked)
    {
        var masker = Values(MaskKind.Redact, Detectors.Email);

        Assert.Equal(masked is null ? null : Utf8(masked), masker.One(new Column(type, Source: null), Utf8(value)));
        if (type is not (1009 or PgTypes.Record)) Assert.Equal(masked is null ? null : Utf8(masked), masker.One(new Column(type, IsBinary: true, Source: null), Utf8(value)));
    }

    [Fact]
    public void Detectors_look_into_elements_fields_and_numbers_of_binary_values()
    {
        var emails = Values(MaskKind.Redact, Detectors.Email);
        var cards = Values(MaskKind.Redact, Detectors.CreditCard);
        byte[] numeric = [0, 4, 0, 3, 0, 0, 0, 0, .. Int16(4111), .. Int16(1111), .. Int16(1111), .. Int16(1111)];

        Assert.Equal(Array(PgTypes.Text, "ok"u8.ToArray(), "[masked:m]"u8.ToArray()), emails.One(new Column(1009, IsBinary: true), Array(PgTypes.Text, "ok"u8.ToArray(), Utf8(Canary))));
        Assert.Equal(
            [.. Int32(2), .. Int32(23), .. Int32(4), .. Int32(7), .. Int32(25), .. Int32(10), .. "[masked:m]"u8],
            emails.One(new Column(PgTypes.Record, IsBinary: true, Source: null), [.. Int32(2), .. Int32(23), .. Int32(4), .. Int32(7), .. Int32(25), .. Int32(Canary.Length), .. Utf8(Canary)])!);
        Assert.Equal(Int64(0), cards.One(new Column(PgTypes.Int8, IsBinary: true), Int64(4111111111111111)));
        Assert.Equal("0"u8.ToArray(), cards.One(new Column(PgTypes.Int8), Utf8(Card)));
        Assert.Equal(new byte[8], cards.One(new Column(PgTypes.Numeric, IsBinary: true), numeric));
        Assert.Equal(new byte[8], cards.One(new Column(PgTypes.Float8, IsBinary: true), Int64(BitConverter.DoubleToInt64Bits(4111111111111111d))));
        Assert.Equal(Int64(4111111111111112), cards.One(new Column(PgTypes.Int8, IsBinary: true), Int64(4111111111111112)));
        Assert.Null(Values(MaskKind.Redact, Detectors.IpAddress).One(new Column(PgTypes.Inet, IsBinary: true), [2, 32, 0, 4, 192, 0, 2, 7]));
    }

    [Fact]
    public void Texts_inside_a_value_of_an_unknown_binary_form_are_found()
    {
        byte[] value = [0x08, 0xc9, 0, 0, 0, (byte)Canary.Length, .. Utf8(Canary), 0xff];

        Assert.Null(Values(MaskKind.Redact, Detectors.Email).One(new Column(90_001u, IsBinary: true, Source: null), value));
        Assert.Null(Values(MaskKind.Redact, Detectors.Email).One(new Column(90_001u, IsBinary: true, Source: null), [0, 1, .. Utf8(Canary), 0]));
        Assert.Equal([0xff, 1, 2], Values(MaskKind.Redact, Detectors.Email).One(new Column(90_001u, IsBinary: true, Source: null), [0xff, 1, 2]));
    }

    [Fact]
    public void What_the_statement_does_not_tell_the_source_of_is_masked_as_the_strictest_column()
    {
        Column[] columns = [new(PgTypes.Text), new(PgTypes.Text, Source: null)];
        var row = Row("a"u8.ToArray(), "b"u8.ToArray());
        var masker = Columns("public.other.x");

        // Known, and none of them is masked.
        Assert.Equal(row, masker.Apply(row, Shape(columns), out _));
        // Nothing is known.
        Assert.Equal(Row("[masked:m]"u8.ToArray(), "[masked:m]"u8.ToArray()), masker.Apply(row, RowShape.For(Description(columns), default), out _));
        // More columns than the statement has.
        Assert.Equal(Row("[masked:m]"u8.ToArray(), "[masked:m]"u8.ToArray()), masker.Apply(row, RowShape.For(Description(columns), [Output(columns[0])]), out _));
        // The server says that it is the column of another table.
        Assert.Equal(
            Row("[masked:m]"u8.ToArray()),
            masker.Apply(Row("a"u8.ToArray()), RowShape.For(Description(columns[0]), [new() { Kind = Postern.Protocols.Postgres.Sql.OutputKind.Column, Origins = [new(999, 1, "public.t.c")] }]), out _));
    }

    [Fact]
    public void Null_stays_null_and_rows_without_anything_to_hide_are_not_copied()
    {
        byte[] batch = [.. Row("7"u8.ToArray(), null), .. Row("8"u8.ToArray(), "x"u8.ToArray()), .. Done];
        var shape = Shape(new Column(PgTypes.Int4, Source: "public.t.id"), new Column(PgTypes.Text, Source: "public.t.note"));
        var output = new System.Buffers.ArrayBufferWriter<byte>();
        var masker = AllValues();
        masker.Apply(batch, shape, output, mustWrite: false);

        var before = GC.GetAllocatedBytesForCurrentThread();
        var count = masker.Apply(batch, shape, output, mustWrite: false);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.Equal(0, count);
        Assert.Null(s_column.One(new Column(PgTypes.Text), null!));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [Row("M13")]
    public void A_row_with_another_number_of_values_than_described_is_blocked(int width)
    {
        var row = Row([.. Enumerable.Repeat("x"u8.ToArray(), width)]);

        Assert.Throws<MaskingException>(() => s_column.Apply(row, Shape(new Column(PgTypes.Text), new Column(PgTypes.Text)), out _));
        Assert.Throws<MaskingException>(() => s_column.Apply(row, RowShape.Plain, out _));
    }

    [Fact]
    [Row("M06")]
    public void Every_length_around_a_masked_value_is_written_anew()
    {
        byte[] batch = [.. Row("short"u8.ToArray()), .. Row("much longer than its mask"u8.ToArray()), .. Row([null]), .. Done];

        Assert.Equal([.. Row("[masked:m]"u8.ToArray()), .. Row("[masked:m]"u8.ToArray()), .. Row([null]), .. Done], s_column.Apply(batch, Shape(new Column(PgTypes.Text)), out var count));
        Assert.Equal(2, count);
    }

    [Fact]
    public void Equal_values_look_equal_under_a_hash_in_both_formats()
    {
        var masker = Columns(MaskKind.Hash, "public.t.c");

        var text = masker.One(new Column(PgTypes.Text), "ada"u8.ToArray());
        Assert.Equal(text, masker.One(new Column(PgTypes.Varchar, IsBinary: true), "ada"u8.ToArray()));
        Assert.NotEqual(text, masker.One(new Column(PgTypes.Text), "bob"u8.ToArray()));
        Assert.StartsWith("[hash:", System.Text.Encoding.UTF8.GetString(text!), StringComparison.Ordinal);
    }
}
