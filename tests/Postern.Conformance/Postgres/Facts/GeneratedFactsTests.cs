using System.Globalization;
using System.Text;
using Postern.Protocols.Postgres.Sql;
using Postern.Tests;

namespace Postern.Conformance.Postgres.Facts;

/// <summary>
/// Statements that nobody wrote: what the gateway says that each reads, writes and calls is held against what the server's own checks demand for its plan.
/// Never less, and what is more is counted.
/// </summary>
public sealed class GeneratedFactsTests(SharedCluster shared)
{
    private const int Statements = 2_700;

    private static CancellationToken Test => TestContext.Current.CancellationToken;

    [Fact]
    [Row("Q01")]
    [Row("Q03")]
    [Guarantee("G6")]
    public async Task The_rights_that_the_facts_stand_for_are_those_that_the_server_demands()
    {
        var cluster = await shared.StartedAsync();
        var database = shared.NewName("facts");
        await using var oracle = await RightsOracle.StartAsync(cluster, database, Test);
        var catalogue = await ServerCatalogue.LoadAsync(cluster.Direct(database), Test);
        using var texts = new StatementTexts();
        var (judged, invalid, refused, narrower, wider) = (0, 0, new List<string>(), new List<string>(), new List<string>());
        for (var seed = 0; judged < Statements; seed++)
        {
            var text = StatementMaker.Make(seed);
            var reading = await texts.ReadAsync(Encoding.UTF8.GetBytes(text), catalogue, Test);
            var rights = reading is StatementReading.Understood understood ? Rights.Of(understood.Statements) : null;
            var verdict = await oracle.JudgeAsync(text, [.. rights?.Select(right => right.Text) ?? []], Test);
            if (verdict.Verdict == "invalid")
            {
                // Not even the superuser may run it: nothing to be right about.
                invalid++;
                continue;
            }
            judged++;
            if (rights is null) refused.Add($"{Why(reading)} | {text}");
            else if (verdict.Verdict == "narrower") narrower.Add($"{verdict.Detail} | {string.Join("; ", rights.Select(right => right.Text))} | {text}");
            else if (rights.Where(right => verdict.Superfluous.Contains(right.Text) && IsTooMuch(right, verdict.Named)).Select(right => right.Text).ToArray() is { Length: > 0 } much) wider.Add($"{string.Join("; ", much)} | {text}");
        }
        TestContext.Current.TestOutputHelper?.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{judged} statements ({invalid} made besides that the server takes for none): {refused.Count} refused, {narrower.Count} narrower, {wider.Count} wider"));

        Assert.True(narrower.Count == 0, string.Join('\n', narrower.Take(20)));
        Assert.True(wider.Count == 0, string.Join('\n', wider.Take(20)));
        Assert.True(refused.Count < Statements / 5, string.Join('\n', refused.Take(20)));
    }

    /// <summary>
    /// A right that nobody missed is too much when the catalogue keeps such statements and this one is kept without a word of it. What the planner threw away was named all the same.
    /// </summary>
    private static bool IsTooMuch(Right right, string[]? named) => right.Table is not null && (right.IsRead
        ? named is not null && !named.Contains(right.Table) && (right.Column is null ? !named.Any(name => name.StartsWith(right.Table + ".", StringComparison.Ordinal)) : !named.Contains($"{right.Table}.{right.Column}"))
        : true);

    private static string Why(StatementReading reading) => reading switch
    {
        StatementReading.Undecidable undecidable => undecidable.Reason,
        StatementReading.Invalid wrong => "invalid: " + wrong.Message,
        _ => "not bounded",
    };
}
