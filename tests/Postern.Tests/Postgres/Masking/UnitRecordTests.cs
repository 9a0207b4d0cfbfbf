using System.Collections.Immutable;
using System.Text;
using Postern.Core.Masking;
using Postern.Core.Operations;
using Postern.Protocols.Postgres;
using Postern.Protocols.Postgres.Masking;
using Postern.Protocols.Postgres.Sql;
using static Postern.Tests.Masking.MaskTest;
using static Postern.Tests.Postgres.Masking.Frames;

namespace Postern.Tests.Postgres.Masking;

/// <summary>What people are shown of a unit, what the record keeps of it, and what masks of columns refuse.</summary>
public sealed class UnitRecordTests
{
    [Fact]
    [Guarantee("G9")]
    public void A_unit_is_shown_with_its_texts_and_every_value()
    {
        ImmutableArray<UnitStatement> unit =
        [
            Step("insert into t values ($1, $2, $3, $4, $5, $6, $7)", Bound("o'ne \u202e"), Bound(PgTypes.Int4, Int32(-7)), Bound(null), Bound(PgTypes.Bool, [1]), Bound(PgTypes.TimestampTz, [0, 1]), Bound(PgTypes.Jsonb, [1, .. "[1]"u8]), Bound(PgTypes.Uuid, [.. Enumerable.Repeat((byte)0x11, 16)])),
            Step("select 1"),
        ];

        Assert.Equal(
            """{"statements":[{"sql":"insert into t values ($1, $2, $3, $4, $5, $6, $7)","params":["o'ne MARK",-7,null,true,{"type":1184,"bytes":"\\x0001"},"[1]","11111111-1111-1111-1111-111111111111"]},{"sql":"select 1"}]}""".Replace("MARK", "\u202e", StringComparison.Ordinal),
            Shown(unit));
    }

    [Fact]
    public void Statements_of_one_text_are_shown_once()
    {
        var step = Step("select 1; select 2");

        Assert.Equal("""{"statements":[{"sql":"select 1; select 2"}]}""", Shown([step, step]));
    }

    [Fact]
    [Row("M17")]
    [Guarantee("G11")]
    public void The_record_of_a_unit_that_touches_a_masked_column_keeps_no_value_of_it()
    {
        ImmutableArray<UnitStatement> unit = [Step("/* it's */ insert into t(c) values ('ad''a', E'a\\'da', $x$ada$x$, $1, 42, 'c'||\"c'c\") -- 'note'", Bound("ada"), Bound(PgTypes.Int4, Int32(42)))];

        Assert.Equal(
            """{"statements":[{"sql":"/* it's */ insert into t(c) values ('[masked:m]', E'[masked:m]', $x$[masked:m]$x$, $1, 0, '[masked:m]'||\"c'c\") -- 'note'","params":["[masked:m]",0]}]}""",
            Recorded(unit, Columns("public.t.c")));
        Assert.Equal(Shown(unit), Recorded(unit, Columns("public.other.c")));
    }

    [Fact]
    public void Detectors_look_into_texts_and_values()
    {
        ImmutableArray<UnitStatement> unit = [Step($"select '{Canary}'", Bound(Canary), Bound(PgTypes.Text, Utf8(Canary)))];

        // A quote may stand in the first half of an address, and is taken for a part of it.
        Assert.Equal("""{"statements":[{"sql":"select [masked:m]'","params":["[masked:m]","[masked:m]"]}]}""", Recorded(unit, Values(MaskKind.Redact, Detectors.Email)));
    }

    [Theory]
    [InlineData("select", OutputKind.Expression, "public.t.c", "computed from the column `public.t.c`")]
    [InlineData("select", OutputKind.Expression, "public.t.id", null)]
    [InlineData("select", OutputKind.Column, "public.t.c", null)]
    [InlineData("select", OutputKind.OneOf, "public.t.c", null)]
    [InlineData("insert", OutputKind.Column, "public.t.c", "where no mask is")]
    [InlineData("update", OutputKind.Column, "public.t.c", "where no mask is")]
    [InlineData("delete", OutputKind.Column, "public.t.c", null)]
    [InlineData("create", OutputKind.Column, "public.t.id", null)]
    [Row("M10")]
    public void What_is_made_from_a_masked_column_is_refused(string word, object kind, string reads, string? objection)
    {
        var output = new OutputColumn { Kind = (OutputKind)kind, Origins = [new ColumnOrigin(16384, 1, reads)] };
        var statement = new SqlStatement
        {
            Kind = word,
            Parts = [new Part { Action = "postgres." + word }, new Part { Action = "postgres.select", Facts = [Fact.Of(SqlVocabulary.Column, reads)] }],
            MayReturnRows = true,
            Output = [output],
        };

        Assert.Null(MaskObjection.Of([new UnitStatement(default, statement)])?.Invoke(Masker.None));
        var said = MaskObjection.Of([new UnitStatement(default, statement)])?.Invoke(Columns("public.t.c"));
        if (objection is null) Assert.Null(said);
        else Assert.Contains(objection, said, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("postgres.opaque", null, true)]
    [InlineData("postgres.explain", "public.t.c", true)]
    [InlineData("postgres.explain", "public.t.id", false)]
    public void Rows_of_which_nobody_can_tell_anything_are_refused_where_a_masked_column_is_in_reach(string action, string? reads, bool isRefused)
    {
        var statement = new SqlStatement { Kind = "x", Parts = [new Part { Action = action, Facts = reads is null ? [] : [Fact.Of(SqlVocabulary.Column, reads)] }], MayReturnRows = true };

        Assert.Equal(isRefused, MaskObjection.Of([new UnitStatement(default, statement)])!(Columns("public.t.c")) is not null);
    }

    private static UnitStatement Step(string sql, params BoundValue[] values) => new(
        Utf8(sql), new SqlStatement { Kind = "insert", Parts = [new Part { Action = "postgres.insert", Facts = [Fact.Of(SqlVocabulary.Column, "public.t.c")] }] }, values.Length == 0 ? default : [.. values]);

    private static BoundValue Bound(string? text) => new(0, IsBinary: false, text is null, text is null ? default : Utf8(text));

    private static BoundValue Bound(uint type, byte[] content) => new(type, IsBinary: true, IsNull: false, content);

    private static string Shown(ImmutableArray<UnitStatement> unit) => Encoding.UTF8.GetString(UnitText.Write(unit).Span);

    private static string Recorded(ImmutableArray<UnitStatement> unit, Masker masker) => Encoding.UTF8.GetString(masker.Apply(UnitText.Write(unit).ToArray(), UnitText.ShapeOf(unit), out _));
}
