using System.Collections.Immutable;

namespace Postern.Protocols.Postgres.Sql;

/// <summary>
/// What every database of PostgreSQL 15 has: the rows of <see cref="CatalogueQueries"/> for a database in which nobody created
/// anything. For judging texts offline (policy tests); a connection's own catalogue is read from its database.
/// </summary>
internal static class BuiltInNames
{
    private static readonly Lazy<ImmutableArray<(int Query, string[] Values)>> s_rows = new(Load);

    /// <summary>Adds them all.</summary>
    public static void AddTo(CatalogueBuilder builder)
    {
        foreach (var (query, values) in s_rows.Value) builder.Add(query, values);
    }

    private static ImmutableArray<(int, string[])> Load()
    {
        using var stream = typeof(BuiltInNames).Assembly.GetManifestResourceStream("postgres-15.tsv") ?? throw new InvalidOperationException("the names of PostgreSQL are not in this build");
        using var reader = new StreamReader(stream);
        var rows = ImmutableArray.CreateBuilder<(int, string[])>();
        while (reader.ReadLine() is { } line)
        {
            var words = line.Split('\t');
            rows.Add((words[0][0] - '0', words[1..]));
        }
        return rows.ToImmutable();
    }
}
