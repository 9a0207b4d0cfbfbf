using Postern.Protocols.Postgres.Sql;
using Postern.Tests.Gateway;

namespace Postern.Tests.Postgres.Sql;

/// <summary>The catalogue of <c>tests/specs/postgres/schema.sql</c>, as a real server gave it (<c>schema.tsv</c>).</summary>
internal static class SpecCatalogue
{
    public static Catalogue Instance { get; } = Load([]);

    /// <summary>The same with more rows.</summary>
    public static Catalogue Load(IEnumerable<string> more, IReadOnlyList<string>? searchPath = null)
    {
        var builder = new CatalogueBuilder();
        BuiltInNames.AddTo(builder);
        foreach (var line in File.ReadLines(Repository.PathOf("tests", "specs", "postgres", "schema.tsv")).Concat(more))
        {
            var words = line.Split('\t');
            builder.Add(words[0][0] - '0', words[1..]);
        }
        return builder.Build(searchPath);
    }
}
