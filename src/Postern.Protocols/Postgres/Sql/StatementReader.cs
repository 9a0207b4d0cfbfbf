using System.Collections.Immutable;
using System.Text.Json;
using Postern.Core.Operations;

namespace Postern.Protocols.Postgres.Sql;

/// <summary>Reads one statement of a tree. One instance per statement.</summary>
internal sealed partial class StatementReader
{
    private readonly Catalogue _catalogue;
    private readonly FactBook _facts = new();
    private readonly QueryReader _queries;
    private string _kind = "";
    private TransactionEffect _effect;
    private string? _prepares;
    private SqlStatement? _prepared;
    private string? _deallocates;
    private string? _executes;
    private bool _writesCatalogue;
    private bool _replacesView;
    private bool _resetsSettings;
    private bool _mayReturnRows;
    private ImmutableArray<OutputColumn> _output;

    public StatementReader(Catalogue catalogue)
    {
        _catalogue = catalogue;
        _queries = new QueryReader(catalogue, _facts);
    }

    public SqlStatement Read(JsonElement statement, int start, int length)
    {
        var (type, fields) = Tree.Open(statement);
        Read(type, fields, statement, start, length);
        var parts = _facts.ToParts(_kind);
        return new SqlStatement
        {
            Kind = _kind,
            Parts = parts,
            BeneathViews = ViewReads.Beneath(parts, _catalogue),
            Effect = _effect,
            Prepares = _prepares,
            Prepared = _prepared,
            Deallocates = _deallocates,
            Executes = _executes,
            ParameterCount = _facts.ParameterCount,
            WritesCatalogue = _writesCatalogue,
            ReplacesView = _replacesView,
            ResetsSettings = _resetsSettings,
            ChangesSession = ChangesSession(parts),
            MayReturnRows = _mayReturnRows,
            Output = _output,
            Start = start,
            Length = length,
        };
    }

    private static bool ChangesSession(ImmutableArray<Part> parts)
    {
        foreach (var part in parts)
        {
            if (part.Action is PostgresActions.Prefix + StatementWords.SetRole or PostgresActions.Prefix + StatementWords.Set or PostgresActions.Prefix + StatementWords.Opaque) return true;
        }
        return false;
    }

    private void Read(string type, JsonElement fields, JsonElement statement, int start, int length)
    {
        switch (type)
        {
            case "SelectStmt":
                if (QueryReader.FindInto(fields) is { } into) CreateFrom(into, "create_table_as", StatementWords.Select);
                Query(statement, _kind.Length == 0 ? StatementWords.Select : _kind, StatementWords.Select);
                return;
            case "InsertStmt":
                Query(statement, StatementWords.Insert, StatementWords.Insert);
                return;
            case "UpdateStmt":
                Query(statement, StatementWords.Update, StatementWords.Update);
                return;
            case "DeleteStmt":
                Query(statement, StatementWords.Delete, StatementWords.Delete);
                return;
            case "MergeStmt":
                Query(statement, StatementWords.Merge, StatementWords.Merge);
                return;
            case "TransactionStmt":
                Transaction(fields);
                return;
            case "VariableSetStmt":
                Set(fields);
                return;
            case "VariableShowStmt":
                Tree.Only(fields, type, "name");
                _kind = StatementWords.Show;
                _mayReturnRows = true;
                // `SHOW ALL` has name, setting and description.
                _output = [.. Enumerable.Repeat(Flow.Constant.ToOutput(), Tree.Text(fields, "name") == "all" ? 3 : 1)];
                return;
            case "DiscardStmt":
                Discard(fields);
                return;
            case "DeallocateStmt":
                Tree.Only(fields, type, "name");
                _kind = "deallocate";
                _deallocates = Tree.Text(fields, "name") ?? "";
                return;
            case "PrepareStmt":
                Prepare(fields, start, length);
                return;
            case "ExecuteStmt":
                Execute(fields);
                return;
            case "ExplainStmt":
                Explain(fields, start, length);
                return;
            case "DeclareCursorStmt":
                Declare(fields, start, length);
                return;
            case "FetchStmt":
                Tree.Only(fields, type, "direction", "howMany", "portalname", "ismove");
                _kind = Tree.Flag(fields, "ismove") ? "move" : "fetch";
                _mayReturnRows = !Tree.Flag(fields, "ismove");
                _executes = SqlStatement.CursorPrefix + Tree.NeedText(fields, "portalname");
                return;
            case "ClosePortalStmt":
                Tree.Only(fields, type, "portalname");
                _kind = "close";
                // After `CLOSE ALL` the server knows none of them any more.
                if (Tree.Text(fields, "portalname") is { } closed) _deallocates = SqlStatement.CursorPrefix + closed;
                return;
            case "CallStmt":
                Call(fields);
                return;
            case "CopyStmt":
                Copy(fields);
                return;
            case "TruncateStmt":
                Truncate(fields);
                return;
            case "LockStmt":
                Tree.Only(fields, type, "relations", "mode", "nowait");
                _kind = StatementWords.Lock;
                foreach (var item in Tree.Items(fields, "relations")) _facts.Use(StatementWords.Lock, Relation(Tree.Open(item, "RangeVar"))).Note(hasWhere: false);
                return;
            case "ConstraintsSetStmt":
                _kind = "set_constraints";
                return;
            case "UnlistenStmt":
                _kind = "unlisten";
                return;
            case "ListenStmt" or "NotifyStmt":
                _kind = type == "ListenStmt" ? "listen" : StatementWords.Notify;
                _facts.UseAll(StatementWords.Notify);
                return;
            case "GrantStmt" or "GrantRoleStmt" or "AlterDefaultPrivilegesStmt":
                _kind = StatementWords.Grant;
                _writesCatalogue = true;
                _facts.UseAll(StatementWords.Grant);
                return;
            case "DoStmt" or "LoadStmt":
                Opaque(type == "DoStmt" ? "do" : "load", null);
                return;
            default:
                if (!TryReadDefinition(type, fields)) throw UndecidableException.Node(type);
                return;
        }
    }

    private void Query(JsonElement query, string kind, string word)
    {
        _kind = kind;
        _facts.Word = word;
        var columns = _queries.Read(query, outer: null, isTop: true);
        // What writes has rows only by RETURNING; what creates a table keeps them.
        _mayReturnRows = kind == StatementWords.Select || (columns.Count > 0 && kind != "create_table_as");
        _output = [.. columns.Select(column => column.Flow.ToOutput())];
    }

    // What a statement does cannot be told from its text: everything is touched, and `opaque` must be written in a rule.
    private void Opaque(string kind, string? word)
    {
        _kind = kind;
        if (word is not null) _facts.UseAll(word);
        _facts.UseAll(StatementWords.Opaque);
        _writesCatalogue = true;
    }

    private CatalogueRelation Relation(JsonElement range)
    {
        Tree.Only(range, "RangeVar", "schemaname", "relname", "inh", "relpersistence", "alias");
        return _catalogue.Relation(Tree.Text(range, "schemaname"), Tree.NeedText(range, "relname"));
    }

    private void Transaction(JsonElement fields)
    {
        Tree.Only(fields, "TransactionStmt", "kind", "options", "savepoint_name", "chain");
        (_kind, _effect) = Tree.NeedText(fields, "kind") switch
        {
            "TRANS_STMT_BEGIN" or "TRANS_STMT_START" => (StatementWords.Begin, TransactionEffect.Begin),
            "TRANS_STMT_COMMIT" => ("commit", TransactionEffect.Commit),
            "TRANS_STMT_ROLLBACK" => ("rollback", TransactionEffect.Rollback),
            "TRANS_STMT_SAVEPOINT" => ("savepoint", TransactionEffect.Savepoint),
            "TRANS_STMT_ROLLBACK_TO" => ("rollback_to", TransactionEffect.RollbackTo),
            "TRANS_STMT_RELEASE" => ("release", TransactionEffect.Release),
            // Transactions that outlive their session are nobody's.
            var other => throw UndecidableException.Node($"TransactionStmt.{other}"),
        };
    }

    private void Discard(JsonElement fields)
    {
        Tree.Only(fields, "DiscardStmt", "target");
        _kind = "discard";
        // Without its temporary tables a session is what it was; only all of it resets.
        if (Tree.Text(fields, "target") != "DISCARD_ALL") return;
        _deallocates = "";
        _resetsSettings = true;
    }

    private void Set(JsonElement fields)
    {
        Tree.Only(fields, "VariableSetStmt", "kind", "name", "args", "is_local");
        _kind = StatementWords.Set;
        var name = Tree.Text(fields, "name");
        switch (Tree.NeedText(fields, "kind"))
        {
            case "VAR_RESET_ALL":
                _kind = "reset";
                _resetsSettings = true;
                return;
            case "VAR_RESET" or "VAR_SET_DEFAULT" when name is not null:
                _kind = "reset";
                _resetsSettings = name == "search_path";
                // Back to what the session began with, where the gateway put it.
                if (name is not ("search_path" or "client_encoding" or "standard_conforming_strings")) Settings.Set(name, value: null, _facts);
                return;
            case "VAR_SET_VALUE" when name is not null:
                Settings.Set(name, OnlyText(fields), _facts);
                return;
            case "VAR_SET_MULTI" when name is "TRANSACTION" or "SESSION CHARACTERISTICS":
                return;
            case "VAR_SET_MULTI":
                _facts.UseAll(StatementWords.Set);
                return;
            case var kind:
                throw UndecidableException.Node($"VariableSetStmt.{kind}");
        }
    }

    private static string? OnlyText(JsonElement fields)
    {
        string? text = null;
        foreach (var argument in Tree.Items(fields, "args"))
        {
            if (text is not null) return null;
            text = Tree.ConstantText(argument);
            if (text is null) return null;
        }
        return text;
    }

    private void Prepare(JsonElement fields, int start, int length)
    {
        Tree.Only(fields, "PrepareStmt", "name", "argtypes", "query");
        foreach (var type in Tree.Items(fields, "argtypes")) _queries.Type(Tree.Open(type, "TypeName"));
        var inside = new StatementReader(_catalogue).Read(Tree.Need(fields, "query"), start, length);
        _kind = "prepare";
        _prepares = Tree.NeedText(fields, "name");
        _prepared = inside;
        _facts.Include(inside.Parts);
    }

    // A cursor is a statement under a name: each FETCH is judged again, so that a grant that has ended gives no more rows.
    private void Declare(JsonElement fields, int start, int length)
    {
        Tree.Only(fields, "DeclareCursorStmt", "portalname", "options", "query");
        var inside = new StatementReader(_catalogue).Read(Tree.Need(fields, "query"), start, length);
        _kind = "declare_cursor";
        _prepares = SqlStatement.CursorPrefix + Tree.NeedText(fields, "portalname");
        _prepared = inside;
        _facts.Include(inside.Parts);
        _facts.ParameterCount = inside.ParameterCount;
    }

    private void Execute(JsonElement fields)
    {
        Tree.Only(fields, "ExecuteStmt", "name", "params");
        _kind = "execute";
        _executes = Tree.NeedText(fields, "name");
        foreach (var parameter in Tree.Items(fields, "params")) _queries.Expression(parameter, new Scope(null));
        _mayReturnRows = true;
    }

    // Without ANALYZE nothing runs, but what the planner expects tells of what is stored.
    private void Explain(JsonElement fields, int start, int length)
    {
        Tree.Only(fields, "ExplainStmt", "query", "options");
        var inside = new StatementReader(_catalogue).Read(Tree.Need(fields, "query"), start, length);
        if (inside.Executes is not null) throw UndecidableException.Node("ExplainStmt.ExecuteStmt");
        var runs = false;
        foreach (var item in Tree.Items(fields, "options"))
        {
            var option = Tree.Open(item, "DefElem");
            // Switched off by a value, or not: whoever writes it is taken to mean it.
            runs |= Tree.NeedText(option, "defname") == "analyze";
        }
        _kind = StatementWords.Explain;
        _facts.Word = StatementWords.Explain;
        if (runs) _facts.Include(inside.Parts);
        _facts.Explain(inside.Parts, runs);
        _writesCatalogue = runs && inside.WritesCatalogue;
        _facts.ParameterCount = inside.ParameterCount;
        _mayReturnRows = true;
        _output = [new OutputColumn { Kind = OutputKind.Expression, Origins = [] }];
    }

    private void Call(JsonElement fields)
    {
        Tree.Only(fields, "CallStmt", "funccall");
        _kind = StatementWords.Call;
        _queries.CallProcedure(Tree.Need(fields, "funccall"));
        _writesCatalogue = true;
        _mayReturnRows = true;
    }

    private void Copy(JsonElement fields)
    {
        Tree.Only(fields, "CopyStmt", "relation", "query", "attlist", "is_from", "is_program", "filename", "options", "whereClause");
        _kind = StatementWords.Copy;
        if (Tree.Find(fields, "query") is { } query) _queries.Read(query, outer: null);
        if (Tree.Find(fields, "relation") is { } range)
        {
            var relation = Relation(range);
            var use = _facts.Use(Tree.Flag(fields, "is_from") ? StatementWords.Insert : StatementWords.Select, relation);
            use.Note(hasWhere: false);
            var names = Tree.Strings(fields, "attlist");
            foreach (var column in relation.Columns)
            {
                if (names.Count == 0 || names.Contains(column.Name)) use.Read(column.Name);
            }
            if (Tree.Find(fields, "whereClause") is { } where) _queries.Expression(where, _queries.ScopeOf(relation));
            _facts.Use(StatementWords.Copy, relation).Note(hasWhere: false);
        }
        else _facts.UseAll(StatementWords.Copy);
        if (Tree.Flag(fields, "is_program")) _facts.UseAll(StatementWords.CopyProgram);
        else if (Tree.Has(fields, "filename")) _facts.UseAll(StatementWords.Opaque);
    }

    private void Truncate(JsonElement fields)
    {
        Tree.Only(fields, "TruncateStmt", "relations", "restart_seqs", "behavior");
        _kind = StatementWords.Truncate;
        foreach (var item in Tree.Items(fields, "relations")) _facts.Use(StatementWords.Truncate, Relation(Tree.Open(item, "RangeVar"))).Note(hasWhere: false);
        // Whoever refers to them is emptied as well.
        if (Tree.Text(fields, "behavior") == "DROP_CASCADE") _facts.UseAll(StatementWords.Truncate);
    }
}
