using System.Text;
using Postern.Core.Masking;
using Postern.Protocols.Postgres.Masking;
using static Postern.Tests.Masking.MaskTest;
using static Postern.Tests.Postgres.Masking.Frames;

namespace Postern.Tests.Postgres.Masking;

/// <summary>What servers say beside rows.</summary>
[Guarantee("G11")]
[Row("M11")]
public sealed class ReportMaskTests
{
    [Theory]
    [InlineData('E')]
    [InlineData('N')]
    public void No_detail_of_a_conflict_tells_a_value_where_columns_are_masked(char type)
    {
        var report = Report(type, "SERROR", "VERROR", "C23505", "Mduplicate key value violates unique constraint \"t_email_key\"", "DKey (email)=(ada) already exists.", "spublic", "tt", "nt_email_key", "Fnbtinsert.c", "L666", "R_bt_check_unique");

        var masked = Text(Columns("public.t.c").Apply(report, RowShape.Plain, out var count));

        Assert.DoesNotContain("ada", masked, StringComparison.Ordinal);
        Assert.Contains("Mduplicate key value violates", masked, StringComparison.Ordinal);
        Assert.Contains("Dwithheld", masked, StringComparison.Ordinal);
        Assert.Equal(1, count);
        Assert.Equal(report, Values(MaskKind.Redact, Detectors.Email).Apply(report, RowShape.Plain, out _));
    }

    [Theory]
    [InlineData("C22P02", "Minvalid input syntax for type integer: \"ada\"", "Fnumutils.c")]
    [InlineData("CP0001", "Mada is not welcome", "Fpl_exec.c")]
    [InlineData("C42P01", "Mada raised under a code of names", "Fpl_exec.c")]
    [InlineData("C42P01", "Mada from an unknown file", "x")]
    [InlineData("x", "Mada without a code", "Fparse.c")]
    [InlineData("C42P01", "Mrelation \"ada\" does not exist", "Fnamespace.c")]
    [InlineData("C42704", "Mtype \"ada\" does not exist", "Fparse_type.c")]
    [InlineData("C42601", "Msyntax error at or near \"ada\"", "Fscan.l")]
    [InlineData("C42883", "Mfunction \"ada\" does not exist", "Fregproc.c")]
    [InlineData("C3F000", "Mschema \"ada\" does not exist", "Fnamespace.c")]
    [InlineData("C34000", "Mcursor \"ada\" does not exist", "Fxml.c")]
    public void A_message_that_may_quote_a_row_gives_way_where_columns_are_masked(string code, string message, string file)
    {
        var report = Report('E', [.. new[] { "SERROR", "VERROR", code, message, "Htry ada", "Wat ada", "qselect 'ada'", file }.Where(field => field != "x")]);

        var masked = Text(Columns("public.t.c").Apply(report, RowShape.Plain, out _));

        Assert.DoesNotContain("ada", masked, StringComparison.Ordinal);
        Assert.Contains("Mwithheld", masked, StringComparison.Ordinal);
    }

    [Fact]
    public void A_message_about_names_is_told()
    {
        var report = Report('E', "SERROR", "VERROR", "C42703", "Mcolumn \"emial\" does not exist", "HPerhaps you meant to reference the column \"t.email\".", "P8", "Fparse_relation.c", "L3722", "RerrorMissingColumn");

        Assert.Equal(report, Columns("public.t.c").Apply(report, RowShape.Plain, out _));
    }

    [Fact]
    public void A_canary_in_any_field_of_any_message_does_not_arrive()
    {
        var masker = Values(MaskKind.Redact, Detectors.Email);
        foreach (var field in "SMDHWqstcdnFR?"
        )
        {
            Assert.DoesNotContain(Canary, Text(masker.Apply(Report('E', "C00000", field + "x " + Canary), RowShape.Plain, out _)), StringComparison.Ordinal);
            Assert.DoesNotContain(Canary, Text(masker.Apply(Report('N', "C00000", field + Canary), RowShape.Plain, out _)), StringComparison.Ordinal);
        }
        foreach (var field in "VCPpL") Assert.Throws<MaskingException>(() => masker.Apply(Report('E', field + Canary), RowShape.Plain, out _));
        Assert.DoesNotContain(Canary, Text(masker.Apply(Message('S', [.. "application_name\0"u8, .. Utf8(Canary), 0]), RowShape.Plain, out _)), StringComparison.Ordinal);
        Assert.DoesNotContain(Canary, Text(masker.Apply(Message('S', [.. Utf8(Canary), .. "\0on\0"u8]), RowShape.Plain, out _)), StringComparison.Ordinal);
        var description = Message('T', Description(new Column(PgTypes.Text, Name: Canary), new Column(PgTypes.Int4, Name: "id")));
        var masked = Read(masker.Apply(description, RowShape.Plain, out _)).Single();
        Assert.DoesNotContain(Canary, Encoding.UTF8.GetString(masked.Body), StringComparison.Ordinal);
        Assert.Equal(Description(new Column(PgTypes.Text, Name: "[masked:m]"), new Column(PgTypes.Int4, Name: "id")), masked.Body);
        foreach (var type in Enumerable.Range(0, 256).Select(type => (char)type).Where(type => type is not ('S' or 'E' or 'N' or 'T' or 'D')))
        {
            Assert.Throws<MaskingException>(() => masker.Apply(Message(type, [.. Utf8(Canary), 0]), RowShape.Plain, out _));
        }
    }

    [Fact]
    public void Messages_without_data_pass_as_they_are()
    {
        byte[] frame = [.. Message('1', []), .. Message('2', []), .. Message('t', [0, 1, 0, 0, 0, 25]), .. Message('n', []), .. Message('C', [.. "INSERT 0 1"u8, 0]), .. Message('I', []), .. Message('3', []), .. Message('Z', "T"u8)];

        Assert.Equal(frame, AllValues().Apply(frame, RowShape.Plain, out var count));
        Assert.Equal(0, count);
    }

    private static string Text(byte[] frame)
    {
        // Every length must be right.
        Assert.NotEmpty(Read(frame));
        return Encoding.UTF8.GetString(frame);
    }
}
