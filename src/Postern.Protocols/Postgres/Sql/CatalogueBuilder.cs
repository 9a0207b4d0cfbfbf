using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Postern.Protocols.Postgres.Sql;

/// <summary>Turns the rows of <see cref="CatalogueQueries"/> into a <see cref="Catalogue"/>.</summary>
internal sealed class CatalogueBuilder
{
    // 200 MB of names would be no database of ours; whoever sends more is not answered with more memory.
    private const int MaximumRows = 1_000_000;

    // Partitions of partitions are a handful of levels.
    private const int MaximumAncestors = 100;
    private readonly List<string?[]>[] _rows = [.. CatalogueQueries.All.Select(_ => new List<string?[]>())];
    private int _count;

    /// <summary>Adds one row in text format.</summary>
    /// <param name="query">The query's place in <see cref="CatalogueQueries.All"/>.</param>
    /// <param name="values">Its columns; null for NULL.</param>
    /// <exception cref="FormatException">More rows than any catalogue should have.</exception>
    public void Add(int query, params string?[] values)
    {
        if (++_count > MaximumRows) throw new FormatException($"the catalogue has more than {MaximumRows} rows");
        _rows[query].Add(values);
    }

    /// <summary>The snapshot.</summary>
    /// <param name="searchPath">The path that the session pins, instead of the one that the catalogue's connection has; null for that one.</param>
    /// <exception cref="FormatException">A row is not what was asked for.</exception>
    public Catalogue Build(IReadOnlyList<string>? searchPath = null)
    {
        var columns = new Dictionary<uint, ImmutableArray<CatalogueColumn>.Builder>();
        foreach (var row in _rows[3])
        {
            var relation = Oid(row, 0);
            if (!columns.TryGetValue(relation, out var list)) columns[relation] = list = ImmutableArray.CreateBuilder<CatalogueColumn>();
            list.Add(new CatalogueColumn(Text(row, 1), Number(row, 2), Oid(row, 3)));
        }
        var relations = _rows[2].Select(row => new CatalogueRelation(Oid(row, 0), Text(row, 1), Text(row, 2), Letter(row, 3),
            columns.TryGetValue(Oid(row, 0), out var own) ? own.ToImmutable() : [])).ToList();
        AddAncestors(relations);
        var functions = _rows[4].Select(row => new CatalogueFunction(Oid(row, 0), Text(row, 1), Text(row, 2), Letter(row, 3), Letter(row, 4), Flag(row, 5), Oid(row, 6), Flag(row, 7), Count(row, 8), Count(row, 9),
            Text(row, 10) is { Length: > 0 } names ? [.. names.Split(',')] : [])).ToList();
        var types = _rows[5].Select(row => new CatalogueType(Oid(row, 0), Text(row, 1), Text(row, 2), Letter(row, 3), Oid(row, 4))).ToList();
        ImmutableArray<string> path = [.. searchPath ?? [.. _rows[0].Select(row => Text(row, 0))]];
        if (!path.Contains("pg_catalog")) path = path.Insert(0, "pg_catalog");
        try
        {
            return new Catalogue
            {
                Version = VersionOf(path),
                SearchPath = path,
                Schemas = _rows[1].Select(row => Text(row, 0)).ToFrozenSet(StringComparer.Ordinal),
                Relations = relations.ToFrozenDictionary(relation => (relation.Schema, relation.Name)),
                RelationsByOid = relations.ToFrozenDictionary(relation => relation.Oid),
                Functions = functions.GroupBy(function => (function.Schema, function.Name)).ToFrozenDictionary(group => group.Key, group => group.ToImmutableArray()),
                FunctionsByOid = functions.ToFrozenDictionary(function => function.Oid),
                Types = types.ToFrozenDictionary(type => (type.Schema, type.Name)),
                TypesByOid = types.ToFrozenDictionary(type => type.Oid),
                Operators = _rows[6].Select(row => new CatalogueOperator(Text(row, 0), Text(row, 1), Oid(row, 2))).GroupBy(found => found.Name).ToFrozenDictionary(group => group.Key, group => group.ToImmutableArray()),
                ViewTexts = _rows[8].ToFrozenDictionary(row => Oid(row, 0), row => Text(row, 1)),
                Casts = _rows[7].Select(row => new CatalogueCast(Oid(row, 0), Oid(row, 1), Oid(row, 2))).GroupBy(found => found.Target).ToFrozenDictionary(group => group.Key, group => group.ToImmutableArray()),
            };
        }
        catch (ArgumentException twice)
        {
            throw new FormatException("the catalogue names something twice", twice);
        }
    }

    private void AddAncestors(List<CatalogueRelation> relations)
    {
        if (_rows[9].Count == 0) return;
        var parents = _rows[9].ToLookup(row => Oid(row, 0), row => Oid(row, 1));
        var byOid = relations.ToLookup(relation => relation.Oid);
        for (var i = 0; i < relations.Count; i++)
        {
            if (!parents.Contains(relations[i].Oid)) continue;
            // In circles, should a catalogue say so, nobody is met twice.
            var met = new HashSet<uint>();
            var next = new Stack<uint>(parents[relations[i].Oid]);
            var ancestors = ImmutableArray.CreateBuilder<CatalogueRelation>();
            while (next.TryPop(out var oid))
            {
                if (!met.Add(oid)) continue;
                if (met.Count > MaximumAncestors) throw new FormatException($"a table inherits from more than {MaximumAncestors} others");
                ancestors.AddRange(byOid[oid]);
                foreach (var parent in parents[oid]) next.Push(parent);
            }
            relations[i] = relations[i] with { Ancestors = ancestors.ToImmutable() };
        }
    }

    private string VersionOf(ImmutableArray<string> path)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var schema in path) Add(hash, schema);
        for (var query = 1; query < _rows.Length; query++)
        {
            // The server may give rows in any order; their order says nothing.
            foreach (var line in _rows[query].Select(row => string.Join('\u001f', row.Select(value => value ?? "\u001e"))).Order(StringComparer.Ordinal)) Add(hash, line);
            Add(hash, "");
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());

        static void Add(IncrementalHash hash, string text)
        {
            hash.AppendData(Encoding.UTF8.GetBytes(text));
            hash.AppendData([0]);
        }
    }

    private static string Text(string?[] row, int column) =>
        column < row.Length && row[column] is { } value ? value : throw new FormatException($"column {column + 1} of a row of the catalogue is missing");

    private static uint Oid(string?[] row, int column) =>
        uint.TryParse(Text(row, column), NumberStyles.None, CultureInfo.InvariantCulture, out var oid) ? oid : throw new FormatException($"expected an OID in column {column + 1} of a row of the catalogue");

    private static short Number(string?[] row, int column) =>
        short.TryParse(Text(row, column), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number : throw new FormatException($"expected a small number in column {column + 1} of a row of the catalogue");

    private static int Count(string?[] row, int column) =>
        int.TryParse(Text(row, column), NumberStyles.None, CultureInfo.InvariantCulture, out var count) ? count : throw new FormatException($"expected a number in column {column + 1} of a row of the catalogue");

    private static char Letter(string?[] row, int column) => Text(row, column) is [var letter] ? letter : throw new FormatException($"expected one letter in column {column + 1} of a row of the catalogue");

    private static bool Flag(string?[] row, int column) => Text(row, column) switch
    {
        "t" => true,
        "f" => false,
        _ => throw new FormatException($"expected `t` or `f` in column {column + 1} of a row of the catalogue"),
    };
}
