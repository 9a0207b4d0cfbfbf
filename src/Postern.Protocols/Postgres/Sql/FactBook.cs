using System.Buffers;
using System.Collections.Immutable;
using System.Text.Json;
using Postern.Core.Operations;

namespace Postern.Protocols.Postgres.Sql;

/// <summary>One relation under one statement word: what of it is touched.</summary>
internal sealed class TableUse(string word, string? table, CatalogueRelation? relation = null)
{
    public string Word { get; } = word;

    /// <summary>Null: not bounded.</summary>
    public string? Table { get; } = table;

    public SortedSet<string> Columns { get; } = new(StringComparer.Ordinal);

    /// <summary>True while every place where it is used restricts the rows.</summary>
    public bool HasWhere { get; set; } = true;

    /// <summary>False while nothing touched it: the target of an insert is not read unless something reads it.</summary>
    public bool IsNoted { get; private set; }

    public void Note() => IsNoted = true;

    public void Note(bool hasWhere)
    {
        IsNoted = true;
        HasWhere &= hasWhere;
    }

    /// <summary>Tables of which this one is a part, and their columns: what denies or guards them reaches it too.</summary>
    public SortedSet<string> BesideTables { get; } = relation is null ? new(StringComparer.Ordinal) : new(relation.Ancestors.Select(ancestor => ancestor.FullName), StringComparer.Ordinal);

    public SortedSet<string> BesideColumns { get; } = new(StringComparer.Ordinal);

    public void Read(string column)
    {
        FactNames.Guard(column);
        IsNoted = true;
        if (Columns.Add(column) && relation is { Ancestors.IsEmpty: false }) BesideColumns.UnionWith(relation.Inherited(column).Select(inherited => inherited.Name));
    }
}

/// <summary>Everything that one statement touches, as it is read; then its parts.</summary>
internal sealed class FactBook
{
    private readonly List<TableUse> _uses = [];
    private readonly SortedSet<string> _functions = new(StringComparer.Ordinal);
    private readonly List<Part> _included = [];
    private readonly SortedSet<string> _procedures = new(StringComparer.Ordinal);

    /// <summary>The statement's own word, for parts of functions.</summary>
    public string Word { get; set; } = StatementWords.Select;

    public int ParameterCount { get; set; }

    /// <summary>A LIMIT that is a number, of the outermost query.</summary>
    public long? Limit { get; set; }

    /// <summary>The use of a relation under a word; the same one each time. It counts once it is noted.</summary>
    public TableUse Use(string word, CatalogueRelation relation)
    {
        FactNames.Guard(relation.Schema);
        FactNames.Guard(relation.Name);
        return Use(word, relation.FullName, relation);
    }

    public TableUse Use(string word, string? table, CatalogueRelation? relation = null)
    {
        foreach (var use in _uses)
        {
            if (use.Word == word && use.Table == table) return use;
        }
        var added = new TableUse(word, table, relation);
        _uses.Add(added);
        return added;
    }

    /// <summary>A word over everything: what cannot be bounded.</summary>
    public void UseAll(string word) => Use(word, (string?)null).Note(hasWhere: false);

    public void Call(CatalogueFunction function) => Add(_functions, function);

    public void CallProcedure(CatalogueFunction function) => Add(_procedures, function);

    /// <summary>The parts of a statement inside this one come on top of its own.</summary>
    public void Include(ImmutableArray<Part> parts) => _included.AddRange(parts);

    /// <summary>What an explanation tells of: every table of the statement that is explained.</summary>
    /// <param name="parts">Its parts.</param>
    /// <param name="runs">Its functions are in those parts already.</param>
    public void Explain(ImmutableArray<Part> parts, bool runs)
    {
        foreach (var part in parts)
        {
            var table = part.FactOrEmpty(SqlVocabulary.Table);
            if (table.IsAll) UseAll(StatementWords.Explain);
            foreach (var name in table.Values)
            {
                var use = Use(StatementWords.Explain, name);
                use.Note(hasWhere: false);
                var columns = part.FactOrEmpty(SqlVocabulary.Column);
                foreach (var column in columns.Values) use.Read(column[(name.Length + 1)..]);
                use.BesideTables.UnionWith(table.Beside);
                use.BesideColumns.UnionWith(columns.Beside);
            }
            if (runs) continue;
            // What a planner folds into a constant it calls.
            foreach (var function in part.FactOrEmpty(SqlVocabulary.Function).Values) _functions.Add(function);
        }
    }

    /// <summary>Every table that is bounded, in order of appearance.</summary>
    public IEnumerable<string> Tables => _uses.Where(use => use.IsNoted).Select(use => use.Table).OfType<string>().Distinct(StringComparer.Ordinal);

    /// <summary>The parts; one that is implied when nothing is touched that a rule must give.</summary>
    /// <param name="kind">The statement's kind, for the action of an implied part.</param>
    public ImmutableArray<Part> ToParts(string kind)
    {
        var parts = ImmutableArray.CreateBuilder<Part>();
        ImmutableArray<string> tables = [.. Tables];
        foreach (var use in _uses)
        {
            if (!use.IsNoted) continue;
            // A catalogue table that every client reads to find its way gives away names, and no rule is asked for it.
            if (use.Word == StatementWords.Select && use.Table is not null && CatalogueReads.IsImplied(use.Table, use.Columns)) continue;
            parts.Add(PartOf(use, tables));
        }
        foreach (var function in _functions) parts.Add(CallOf(Word, function, tables));
        foreach (var procedure in _procedures) parts.Add(CallOf(StatementWords.Call, procedure, tables));
        foreach (var part in _included)
        {
            // What the statement inside implies, the whole implies; it needs no part beside others.
            if (!part.IsImplied) parts.Add(part);
        }
        if (parts.Count == 0) parts.Add(new Part { Action = PostgresActions.Prefix + kind, IsImplied = true, Variables = VariablesOf(kind, tables, hasWhere: false, limit: null) });
        return parts.ToImmutable();
    }

    private static void Add(SortedSet<string> names, CatalogueFunction function)
    {
        FactNames.Guard(function.Schema);
        FactNames.Guard(function.Name);
        names.Add(function.FullName);
    }

    private Part PartOf(TableUse use, ImmutableArray<string> tables)
    {
        var facts = ImmutableArray.CreateBuilder<Fact>();
        facts.Add(Fact.Of(SqlVocabulary.Statement, use.Word));
        if (use.Table is null)
        {
            facts.Add(Fact.All(SqlVocabulary.Table));
            facts.Add(Fact.All(SqlVocabulary.Column));
            // What is not bounded may call anything; a word with bounds calls what is listed.
            if (use.Word is StatementWords.Opaque or StatementWords.SetRole or StatementWords.CopyProgram) facts.Add(Fact.All(SqlVocabulary.Function));
        }
        else
        {
            facts.Add(Fact.Of(SqlVocabulary.Table, [use.Table], [.. use.BesideTables]));
            if (use.Columns.Count > 0) facts.Add(Fact.Of(SqlVocabulary.Column, [.. use.Columns.Select(column => use.Table + "." + column)], [.. use.BesideColumns]));
        }
        return new Part
        {
            Action = PostgresActions.Prefix + use.Word,
            Facts = facts.ToImmutable(),
            Variables = VariablesOf(use.Word, tables, use.HasWhere, use.Word == StatementWords.Select ? Limit : null),
        };
    }

    private Part CallOf(string word, string function, ImmutableArray<string> tables) => new()
    {
        Action = PostgresActions.Call,
        Facts = [Fact.Of(SqlVocabulary.Statement, word), Fact.Of(SqlVocabulary.Function, function)],
        Variables = VariablesOf(word, tables, hasWhere: false, limit: null),
    };

    private ImmutableArray<Variable> VariablesOf(string kind, ImmutableArray<string> tables, bool hasWhere, long? limit)
    {
        var output = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(output))
        {
            writer.WriteStartObject();
            writer.WriteString("kind", kind);
            writer.WriteStartArray("tables");
            foreach (var table in tables) writer.WriteStringValue(table);
            writer.WriteEndArray();
            writer.WriteBoolean("has_where", hasWhere);
            if (limit is { } rows) writer.WriteNumber("limit", rows);
            writer.WriteEndObject();
        }
        var sql = new Variable(SqlVocabulary.Sql, output.WrittenMemory.ToArray());
        return ParameterCount == 0 ? [sql] : [sql, new Variable(SqlVocabulary.Params, default, IsUnknown: true)];
    }
}
