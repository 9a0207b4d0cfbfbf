using System.Collections.Immutable;
using System.Text;
using Postern.Core.Masking;
using Postern.Core.Operations;
using Postern.Protocols.Postgres;
using Postern.Protocols.Postgres.Sql;

namespace Postern.Tests.Postgres.Sql;

/// <summary>One unit, one operation: its parts, its <c>params</c> and what an approval of it is bound to.</summary>
public sealed class PostgresOperationsTests
{
    private static readonly Connection Target = new("orders-db", "postgres", "db:5432", []);

    private static async Task<Operation> BuildAsync(string sql, params BoundValue[] values)
    {
        var text = Encoding.UTF8.GetBytes(sql);
        var reading = Assert.IsType<StatementReading.Understood>(await StatementTexts.Shared.ReadAsync(text, SpecCatalogue.Instance, TestContext.Current.CancellationToken));
        ImmutableArray<UnitStatement> unit = [.. reading.Statements.Select(statement => new UnitStatement(text, statement, [.. values]))];
        return PostgresOperations.Build(Target, unit, text, FrameShape.Text, null, null, null, DateTimeOffset.UnixEpoch);
    }

    private static BoundValue Text(string content, uint type = 25) => new(type, IsBinary: false, IsNull: false, Encoding.UTF8.GetBytes(content));

    [Fact]
    [Row("N08")]
    public async Task The_digest_is_the_same_for_the_same_and_another_for_anything_else()
    {
        const string Sql = "update orders set note = $1 where id = 1";
        var asked = (await BuildAsync(Sql, Text("a"))).Digest;

        Assert.Equal(asked, (await BuildAsync(Sql, Text("a"))).Digest);
        Digest[] others =
        [
            (await BuildAsync(Sql, Text("b"))).Digest,
            (await BuildAsync(Sql, Text("a", type: 1043))).Digest,
            (await BuildAsync(Sql, Text("a") with { IsBinary = true })).Digest,
            (await BuildAsync(Sql, new BoundValue(25, IsBinary: false, IsNull: true, default))).Digest,
            (await BuildAsync(Sql)).Digest,
            (await BuildAsync("update orders set note = $1 where id = 2", Text("a"))).Digest,
            (await BuildAsync($"{Sql}; select 1", Text("a"))).Digest,
        ];
        Assert.DoesNotContain(asked, others);
        Assert.Equal(others.Length, others.Distinct().Count());
    }

    [Fact]
    [Row("N08")]
    public async Task An_approval_holds_for_what_the_names_meant_and_for_the_settings_that_texts_were_read_under()
    {
        const string Sql = "delete from orders where note < '01/02/2026'";
        var here = await DigestAsync(SpecCatalogue.Instance, "ISO, MDY");

        Assert.Equal(here, await DigestAsync(SpecCatalogue.Instance, "ISO, MDY"));
        Assert.NotEqual(here, await DigestAsync(SpecCatalogue.Instance, "ISO, DMY"));
        Assert.NotEqual(here, await DigestAsync(SpecCatalogue.Load(["3\t16569\tnote\t3\t25"], ["hr", "public"]), "ISO, MDY"));

        static async Task<Digest> DigestAsync(Catalogue catalogue, string style)
        {
            var text = Encoding.UTF8.GetBytes(Sql);
            var reading = Assert.IsType<StatementReading.Understood>(await StatementTexts.Shared.ReadAsync(text, catalogue, TestContext.Current.CancellationToken));
            return PostgresOperations.Build(Target, [new UnitStatement(text, reading.Statements[0], [])], text, FrameShape.Text, null, null, null, DateTimeOffset.UnixEpoch, new SessionLook([new("DateStyle", style)]).ToString()).Digest;
        }
    }

    [Theory]
    [InlineData("7", 23u, """{"p1":7}""")]
    [InlineData("-7", 20u, """{"p1":-7}""")]
    [InlineData("1.50", 1700u, """{"p1":1.50}""")]
    [InlineData("NaN", 1700u, "{}")]
    [InlineData("0x10", 23u, "{}")]
    [InlineData(" 7", 23u, "{}")]
    [InlineData("1,2", 1700u, "{}")]
    [InlineData("t", 16u, """{"p1":true}""")]
    [InlineData("yes", 16u, "{}")]
    [InlineData("x\"y", 25u, """{"p1":"x\u0022y"}""")]
    [InlineData("7", 0u, """{"p1":"7"}""")]
    public async Task A_bound_value_is_what_its_type_says_or_absent(string content, uint type, string expected)
    {
        var part = (await BuildAsync("select id from orders where note = $1", Text(content, type))).Parts[0];

        Assert.Equal(expected, Encoding.UTF8.GetString(part.Variables.Single(variable => variable.Name == SqlVocabulary.Params).Json.Span));
    }

    [Fact]
    public async Task A_binary_value_of_a_type_that_is_not_read_is_absent()
    {
        var part = (await BuildAsync("select id from orders where id = $1", new BoundValue(23, IsBinary: true, IsNull: false, new byte[] { 0, 0, 1, 0 }))).Parts[0];
        var strange = (await BuildAsync("select id from orders where id = $1", new BoundValue(9999, IsBinary: true, IsNull: false, new byte[] { 1 }))).Parts[0];

        Assert.Equal("""{"p1":256}""", Encoding.UTF8.GetString(part.Variables.Single(variable => variable.Name == SqlVocabulary.Params).Json.Span));
        Assert.Equal("{}", Encoding.UTF8.GetString(strange.Variables.Single(variable => variable.Name == SqlVocabulary.Params).Json.Span));
    }

    [Fact]
    public async Task Without_values_the_params_are_unknown()
    {
        var text = "select id from orders where id = $1"u8.ToArray();
        var reading = Assert.IsType<StatementReading.Understood>(await StatementTexts.Shared.ReadAsync(text, SpecCatalogue.Instance, TestContext.Current.CancellationToken));
        var operation = PostgresOperations.Build(Target, [new UnitStatement(text, reading.Statements[0])], text, FrameShape.Text, null, null, null, DateTimeOffset.UnixEpoch);

        Assert.True(operation.Parts[0].Variables.Single(variable => variable.Name == SqlVocabulary.Params).IsUnknown);
    }
}
