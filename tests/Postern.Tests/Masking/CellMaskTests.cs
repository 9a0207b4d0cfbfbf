using System.Buffers;
using Postern.Core.Masking;
using static Postern.Tests.Masking.MaskTest;

namespace Postern.Tests.Masking;

/// <summary>Values that a protocol takes out of frames of its own, on a toy wire.</summary>
[Guarantee("G11")]
public sealed class CellMaskTests
{
    [Fact]
    [Row("M06")]
    public void A_masked_column_is_replaced_and_the_frame_is_counted_again()
    {
        var reader = new ToyCells("public.orders.id", "public.orders.email");
        var frame = ToyCells.Frame(["n1", "ta@b.example"], ["n2", "t"]);

        var masked = Apply(Columns(MaskKind.Redact, "public.orders.email"), frame, reader, out var count);

        Assert.Equal(ToyCells.Frame(["n1", "t[masked:m]"], ["n2", "t[masked:m]"]), masked);
        Assert.Equal(2, count);
    }

    [Fact]
    public void Every_form_has_a_mask_of_its_own()
    {
        var reader = new ToyCells("s.t.a", "s.t.b", "s.t.c", "s.t.d", "s.t.e");
        var frame = ToyCells.Frame(["tword", "n17", """j{"a":[true,"x",1,null]}""", "bbytes", "vvalue"]);

        var masked = Apply(Columns(MaskKind.Redact, "s.t.*"), frame, reader, out var count);

        Assert.Equal(ToyCells.Frame(["t[masked:m]", "n0", """j{"a":[false,"[masked:m]",0,null]}""", "b[masked:m]", "v"]), masked);
        Assert.Equal(7, count);
    }

    [Fact]
    public void What_is_computed_from_several_columns_is_masked_when_one_of_them_is()
    {
        var reader = new ToyCells("s.t.a+s.t.b", "s.t.a");
        var frame = ToyCells.Frame(["tab", "ta"]);

        Assert.Equal(ToyCells.Frame(["t[masked:m]", "ta"]), Apply(Columns(MaskKind.Redact, "s.t.b"), frame, reader, out _));
    }

    [Fact]
    public void What_nobody_can_tell_the_columns_of_is_masked_as_the_strictest_of_them()
    {
        var masker = Masker.Compile([Column("weak", MaskKind.Partial, "s.t.a"), Column("strong", MaskKind.Redact, "s.u.b")], Key);

        Assert.Equal(ToyCells.Frame(["t[masked:strong]", "tb"]), Apply(masker, ToyCells.Frame(["ta", "tb"]), new ToyCells("?", ""), out _));
        Assert.Equal(ToyCells.Frame(["ta", "tb"]), Apply(Values(MaskKind.Redact, Detectors.Email), ToyCells.Frame(["ta", "tb"]), new ToyCells("?", ""), out _));
    }

    [Theory]
    [InlineData("s.t.a", true)]
    [InlineData("s.t.*", true)]
    [InlineData("s.*.a", true)]
    [InlineData("**.a", true)]
    [InlineData("s.t.b", false)]
    [InlineData("s.t.A", false)]
    [InlineData("x.*.*", false)]
    public void Columns_are_named_whole_or_by_patterns(string pattern, bool isMasked)
    {
        Assert.Equal(isMasked, Columns(MaskKind.Redact, pattern).MasksColumn("s.t.a"));
    }

    [Fact]
    public void The_strongest_mask_of_a_column_wins_whatever_their_order()
    {
        MaskRule[] rules = [Column("weak", MaskKind.Partial, "s.t.*"), Column("strong", MaskKind.Redact, "**.a"), Column("middle", MaskKind.Hash, "s.t.a")];
        var frame = ToyCells.Frame(["tlong enough to keep"]);

        foreach (MaskRule[] order in (MaskRule[][])[rules, [.. rules.Reverse()], [rules[1], rules[0], rules[2]]])
        {
            Assert.Equal(ToyCells.Frame(["t[masked:strong]"]), Apply(Masker.Compile([.. order], Key), frame, new ToyCells("s.t.a"), out _));
        }
    }

    [Fact]
    public void Detectors_look_at_every_cell_of_every_column()
    {
        var frame = ToyCells.Frame(["tcard 4111111111111111.", "n4111111111111111", """j{"c":"4111111111111111"}""", "b4111111111111111", "tharmless"]);

        var masked = Apply(Values(MaskKind.Redact, Detectors.CreditCard), frame, new ToyCells(), out _);

        Assert.Equal(ToyCells.Frame(["tcard [masked:m].", "n0", """j{"c":"[masked:m]"}""", "b[masked:m]", "tharmless"]), masked);
    }

    [Fact]
    public void Paths_lead_into_documents_whether_their_cell_is_said_to_hold_one_or_not()
    {
        var frame = ToyCells.Frame(["""j{"mail":"x"}""", """t{"mail":"x"}""", "tmail"]);

        Assert.Equal(ToyCells.Frame(["""j{"mail":"[masked:m]"}""", """t{"mail":"[masked:m]"}""", "tmail"]), Apply(Fields(MaskKind.Redact, "$.mail"), frame, new ToyCells(), out _));
    }

    [Fact]
    public void A_mask_is_never_longer_than_its_type_allows()
    {
        var masker = Masker.Compile([Column(new string('x', 60), MaskKind.Redact, "s.t.a")], Key);

        Assert.Equal(ToyCells.Frame(["t[masked:" + new string('x', 32)]), Apply(masker, ToyCells.Frame(["tsecret"]), new ToyCells("s.t.a"), out _));
    }

    [Fact]
    [Guarantee("G16")]
    public void A_frame_in_which_nothing_is_masked_is_not_copied()
    {
        var frame = ToyCells.Frame(["n1", "tword"], ["n2", "tother"]);
        var output = new ArrayBufferWriter<byte>();
        var shape = FrameShape.Cells(new ToyCells("s.t.id", "s.t.word"));
        var masker = Masker.Compile([Column("m", MaskKind.Redact, "s.u.*"), Rule("n", MaskKind.Redact, [], [.. Detectors.Names])], Key);
        masker.Apply(frame, shape, output, mustWrite: false);

        var before = GC.GetAllocatedBytesForCurrentThread();
        var count = masker.Apply(frame, shape, output, mustWrite: false);

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.Equal(0, count);
        Assert.Equal(0, output.WrittenCount);
    }

    [Theory]
    [InlineData(new byte[] { 5, (byte)'t', 1, (byte)'x' })]
    [InlineData(new byte[] { 3, (byte)'t', 9, (byte)'x' })]
    [InlineData(new byte[] { 3, (byte)'?', 1, (byte)'x' })]
    [InlineData(new byte[] { 3, (byte)'t', 1, 0xff })]
    [InlineData(new byte[] { 3, (byte)'j', 1, (byte)'{' })]
    public void What_the_reader_does_not_understand_is_blocked_whole(byte[] bad)
    {
        var output = new ArrayBufferWriter<byte>();
        byte[] frame = [.. ToyCells.Frame(["ta@b.example"]), .. bad];

        Assert.Throws<MaskingException>(() => AllValues().Apply(frame, FrameShape.Cells(new ToyCells()), output));
        Assert.Equal(0, output.WrittenCount);
    }

    [Theory]
    [InlineData("email", "written whole")]
    [InlineData("orders.email", "written whole")]
    [InlineData("public..email", "empty")]
    [InlineData("", "empty")]
    public void A_column_that_is_not_written_whole_is_an_error(string text, string says)
    {
        Assert.False(ColumnPattern.TryParse(text, out _, out var error));
        Assert.Contains(says, error, StringComparison.Ordinal);
    }

    private static Masker Columns(MaskKind kind, params string[] columns) => Masker.Compile([Column("m", kind, columns)], Key);

    private static MaskRule Column(string id, MaskKind kind, params string[] columns) => Rule(id, kind, [], []) with
    {
        Columns = [.. columns.Select(text => ColumnPattern.TryParse(text, out var pattern, out var error) ? pattern! : throw new ArgumentException(error, nameof(columns)))],
    };

    private static byte[] Apply(Masker masker, byte[] frame, CellReader reader, out int count)
    {
        var output = new ArrayBufferWriter<byte>();
        count = masker.Apply(frame, FrameShape.Cells(reader), output);
        return output.WrittenSpan.ToArray();
    }
}
