using System.Text;
using Postern.Protocols.Postgres.Sql;
using Postern.Tests.Gateway;

namespace Postern.Tests.Postgres.Sql;

/// <summary>The case files of <c>tests/specs/postgres</c>: SQL with the facts that somebody checked by hand.</summary>
[Row("Q01")]
[Row("Q02")]
[Row("Q03")]
[Row("Q04")]
[Row("Q19")]
[Row("M10")]
public sealed class StatementSpecTests
{
    public static TheoryData<string> Files() => [.. Directory.GetFiles(Repository.PathOf("tests", "specs", "postgres"), "*.sql").Select(path => Path.GetFileName(path)!).Where(name => name != "schema.sql").Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Files))]
    public async Task Every_statement_has_the_facts_that_were_checked_by_hand(string file)
    {
        var differences = new StringBuilder();
        foreach (var one in SpecFile.Read(file))
        {
            var reading = await StatementTexts.Shared.ReadAsync(Encoding.UTF8.GetBytes(one.Sql), SpecCatalogue.Instance, TestContext.Current.CancellationToken);
            var found = string.Join("\n", FactText.Of(reading).Select(line => "--> " + line));
            if (found != one.Expected) differences.AppendLine($"{file}:{one.Line}: {one.Sql}\nexpected\n{one.Expected}\nfound\n{found}\n");
        }
        Assert.True(differences.Length == 0, differences.ToString());
    }

    [Fact]
    public void There_are_three_hundred_statements() => Assert.True(Files().Sum(file => SpecFile.Read(file.Data).Count) >= 300);
}

/// <summary>One case: a text, and the facts of its statements behind <c>--></c>. Cases stand apart by a blank line; <c>##</c> is a remark.</summary>
/// <param name="Line">Counted from 1.</param>
/// <param name="Sql">The text.</param>
/// <param name="Expected">The lines of facts.</param>
internal sealed record SpecFile(int Line, string Sql, string Expected)
{
    public static IReadOnlyList<SpecFile> Read(string file)
    {
        List<SpecFile> cases = [];
        List<string> sql = [];
        List<string> expected = [];
        var number = 0;
        var first = 0;
        foreach (var line in File.ReadLines(Repository.PathOf("tests", "specs", "postgres", file)).Append(""))
        {
            number++;
            if (line.StartsWith("##", StringComparison.Ordinal)) continue;
            if (line.StartsWith("-->", StringComparison.Ordinal)) expected.Add(line);
            else if (line.Length > 0)
            {
                if (sql.Count == 0) first = number;
                sql.Add(line);
            }
            else if (sql.Count > 0)
            {

                cases.Add(new SpecFile(first, string.Join("\n", sql), string.Join("\n", expected)));
                sql.Clear();
                expected.Clear();
            }
        }
        return cases;
    }
}
