using System.Text;
using Postern.Protocols.Postgres;
using Postern.Protocols.Postgres.Sql;

namespace Postern.Tests.Postgres.Sql;

/// <summary>What <c>sql.limit</c> promises: never more rows than it says.</summary>
[Row("Q04")]
public sealed class LimitTests
{
    [Theory]
    [InlineData("select id from public.contacts order by id limit 1", true)]
    [InlineData("select id from public.contacts order by id fetch first 1 row only", true)]
    [InlineData("select id from public.contacts order by id is null fetch first 1 row with ties", false)]
    public async Task A_limit_with_ties_is_no_limit(string sql, bool isLimited)
    {
        var reading = Assert.IsType<StatementReading.Understood>(await StatementTexts.Shared.ReadAsync(Encoding.UTF8.GetBytes(sql), SpecCatalogue.Instance, TestContext.Current.CancellationToken));

        var facts = reading.Statements[0].Parts[0].Variables.First(variable => variable.Name == SqlVocabulary.Sql);

        Assert.Equal(isLimited, Encoding.UTF8.GetString(facts.Json.Span).Contains("\"limit\":1", StringComparison.Ordinal));
    }
}
