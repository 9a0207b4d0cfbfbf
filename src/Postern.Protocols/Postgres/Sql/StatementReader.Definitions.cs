using System.Text.Json;

namespace Postern.Protocols.Postgres.Sql;

/// <summary>
/// DDL. Tables, views, indexes, sequences, schemas and plain types are told by name; whatever brings code or rights (functions,
/// triggers, rules, policies, roles, extensions, servers, …) is opaque as well.
/// </summary>
internal sealed partial class StatementReader
{
    private bool TryReadDefinition(string type, JsonElement fields)
    {
        _writesCatalogue = true;
        switch (type)
        {
            case "CreateStmt":
                CreateTable(fields);
                return true;
            case "CreateTableAsStmt":
                CreateTableAs(fields);
                return true;
            case "ViewStmt":
                Tree.Only(fields, type, "view", "aliases", "query", "replace", "options", "withCheckOption");
                _kind = "create_view";
                Create(Tree.Need(fields, "view"));
                _replacesView = Tree.Flag(fields, "replace");
                _queries.Read(Tree.Need(fields, "query"), outer: null);
                return true;
            case "IndexStmt":
                CreateIndex(fields);
                return true;
            case "CreateSeqStmt":
                Tree.Only(fields, type, "sequence", "options", "if_not_exists");
                _kind = "create_sequence";
                Create(Tree.Need(fields, "sequence"));
                return true;
            case "CreateSchemaStmt":
                Tree.Only(fields, type, "schemaname", "if_not_exists");
                _kind = "create_schema";
                Note(StatementWords.Create, EverythingIn(Tree.NeedText(fields, "schemaname")));
                return true;
            case "CreateEnumStmt":
                Tree.Only(fields, type, "typeName", "vals");
                _kind = "create_type";
                Note(StatementWords.Create, NewName(Tree.Strings(fields, "typeName")));
                return true;
            case "CompositeTypeStmt":
                Tree.Only(fields, type, "typevar", "coldeflist");
                _kind = "create_type";
                Create(Tree.Need(fields, "typevar"));
                foreach (var item in Tree.Items(fields, "coldeflist")) _queries.Type(Tree.Need(Tree.Open(item, "ColumnDef"), "typeName"));
                return true;
            case "AlterTableStmt":
                AlterTable(fields);
                return true;
            case "AlterSeqStmt":
                Tree.Only(fields, type, "sequence", "options", "missing_ok");
                _kind = "alter_sequence";
                Alter(Tree.Need(fields, "sequence"));
                return true;
            case "RenameStmt":
                Rename(fields);
                return true;
            case "AlterObjectSchemaStmt" or "AlterOwnerStmt" or "CommentStmt" or "AlterEnumStmt" or "AlterTypeStmt" or "AlterDomainStmt" or "SecLabelStmt":
                Opaque(type is "CommentStmt" ? "comment" : "alter", StatementWords.Alter);
                return true;
            case "DropStmt":
                Drop(fields);
                return true;
            case "VacuumStmt":
                Maintain(fields, "rels", "VacuumRelation");
                return true;
            case "ClusterStmt" or "ReindexStmt":
                _kind = StatementWords.Maintain;
                if (Tree.Find(fields, "relation") is { } range && Tree.Text(fields, "kind") is null or "REINDEX_OBJECT_TABLE") Note(StatementWords.Maintain, Relation(range).FullName);
                else _facts.UseAll(StatementWords.Maintain);
                return true;
            case "RefreshMatViewStmt":
                Tree.Only(fields, type, "relation", "concurrent", "skipData");
                _kind = StatementWords.Maintain;
                Note(StatementWords.Maintain, Relation(Tree.Need(fields, "relation")).FullName);
                return true;
            case "CheckPointStmt":
                Opaque("checkpoint", null);
                return true;
        }
        // Everything else of the grammar that creates, alters or drops: code, rights, servers.
        var word = type switch
        {
            _ when type.StartsWith("Create", StringComparison.Ordinal) => StatementWords.Create,
            _ when type.StartsWith("Alter", StringComparison.Ordinal) => StatementWords.Alter,
            _ when type.StartsWith("Drop", StringComparison.Ordinal) => StatementWords.Drop,
            "DefineStmt" or "RuleStmt" or "ImportForeignSchemaStmt" => StatementWords.Create,
            "ReassignOwnedStmt" => StatementWords.Alter,
            _ => null,
        };
        if (word is null) return false;
        Opaque(word, word);
        return true;
    }

    private void Note(string word, string table) => _facts.Use(word, table).Note(hasWhere: false);

    private void Create(JsonElement range) => Note(StatementWords.Create, NewName(range));

    private void Alter(JsonElement range)
    {
        var relation = Relation(range);
        Note(StatementWords.Alter, relation.FullName);
    }

    // A new relation lands in the first schema of the path. A temporary one would be in no snapshot, so nothing could be read from it;
    // and after RESET it would stand before others of its name (attack Q06).
    private string NewName(JsonElement range)
    {
        Tree.Only(range, "RangeVar", "schemaname", "relname", "inh", "relpersistence", "alias");
        var name = Tree.NeedText(range, "relname");
        var schema = Tree.Text(range, "schemaname");
        if (Tree.Text(range, "relpersistence") == "t" || IsTemporary(schema)) throw Temporary();
        return Whole(schema ?? _catalogue.CreationSchema, name);
    }

    private static string Whole(string schema, string name)
    {
        FactNames.Guard(schema);
        FactNames.Guard(name);
        return schema + "." + name;
    }

    private string NewName(List<string> words) => words switch
    {
        [var name] => Whole(_catalogue.CreationSchema, name),
        [var schema, _] when IsTemporary(schema) => throw Temporary(),
        [var schema, var name] => Whole(schema, name),
        _ => throw UndecidableException.Node("a name of more than two words"),
    };

    private static string EverythingIn(string schema)
    {
        FactNames.Guard(schema);
        return schema + ".*";
    }

    private static bool IsTemporary(string? schema) => schema?.StartsWith("pg_temp", StringComparison.Ordinal) == true;

    private static UndecidableException Temporary() => new("what is temporary is not known to the gateway; use a schema of your own");

    private void CreateTable(JsonElement fields)
    {
        Tree.Only(fields, "CreateStmt", "relation", "tableElts", "inhRelations", "partbound", "partspec", "constraints", "options", "oncommit", "tablespacename", "accessMethod", "if_not_exists");
        _kind = "create_table";
        Create(Tree.Need(fields, "relation"));
        var scope = NewColumns(fields);
        foreach (var item in Tree.Items(fields, "inhRelations")) Alter(Tree.Open(item, "RangeVar"));
        if (Tree.Find(fields, "partspec") is { } partition)
        {
            foreach (var item in Tree.Items(partition, "partParams"))
            {
                if (Tree.Find(Tree.Open(item, "PartitionElem"), "expr") is { } expression) _queries.Expression(expression, scope);
            }
        }
        if (Tree.Find(fields, "partbound") is { } bound) Bound(bound);
        foreach (var item in Tree.Items(fields, "tableElts"))
        {
            var (type, element) = Tree.Open(item);
            switch (type)
            {
                case "ColumnDef":
                    Column(element, scope);
                    break;
                case "Constraint":
                    Constraint(element, scope);
                    break;
                case "TableLikeClause":
                    Tree.Only(element, type, "relation", "options");
                    Note(StatementWords.Select, Relation(Tree.Need(element, "relation")).FullName);
                    break;
                default:
                    throw UndecidableException.Node($"CreateStmt.{type}");
            }
        }
        foreach (var item in Tree.Items(fields, "constraints")) Constraint(Tree.Open(item, "Constraint"), scope);
    }

    // A bound is an expression that is computed while the partition is made.
    private void Bound(JsonElement bound)
    {
        Tree.Only(bound, "PartitionBoundSpec", "strategy", "is_default", "modulus", "remainder", "listdatums", "lowerdatums", "upperdatums");
        foreach (var list in (ReadOnlySpan<string>)["listdatums", "lowerdatums", "upperdatums"])
        {
            foreach (var item in Tree.Items(bound, list))
            {
                if (Tree.Open(item) is ("ColumnRef", var reference) && Tree.Strings(reference, "fields") is ["minvalue" or "maxvalue"]) continue;
                _queries.Expression(item, new Scope(null));
            }
        }
    }

    // Checks and generated columns speak of the columns of the table that is being made; those of others come with LIKE and INHERITS.
    private static Scope NewColumns(JsonElement fields)
    {
        List<SourceColumn> columns = [];
        foreach (var item in Tree.Items(fields, "tableElts"))
        {
            if (Tree.Open(item) is ("ColumnDef", var column)) columns.Add(new SourceColumn(Tree.NeedText(column, "colname"), Flow.Constant));
        }
        var scope = new Scope(null);
        scope.Sources.Add(new Visible { Source = new RowSource { Name = Tree.NeedText(Tree.Need(fields, "relation"), "relname"), Columns = [.. columns] } });
        return scope;
    }

    private void Column(JsonElement column, Scope scope)
    {
        Tree.Only(column, "ColumnDef", "colname", "typeName", "compression", "is_local", "is_not_null", "collClause", "constraints", "storage", "raw_default", "identity", "generated");
        if (Tree.Find(column, "typeName") is { } type && Tree.Strings(type, "names") is not ["serial" or "bigserial" or "smallserial" or "serial4" or "serial8" or "serial2"]) _queries.Type(type);
        if (Tree.Find(column, "raw_default") is { } expression) _queries.Expression(expression, scope);
        foreach (var item in Tree.Items(column, "constraints")) Constraint(Tree.Open(item, "Constraint"), scope);
    }

    private void Constraint(JsonElement constraint, Scope scope)
    {
        if (Tree.Find(constraint, "raw_expr") is { } expression) _queries.Expression(expression, scope);
        if (Tree.Find(constraint, "where_clause") is { } where) _queries.Expression(where, scope);
        // A foreign key puts triggers on the other table.
        if (Tree.Find(constraint, "pktable") is { } other) Alter(other);
        if (Tree.Has(constraint, "exclusions")) throw UndecidableException.Node("Constraint.exclusions");
    }

    private void CreateFrom(JsonElement into, string kind, string word)
    {
        Tree.Only(into, "IntoClause", "rel", "colNames", "accessMethod", "options", "onCommit", "tableSpaceName", "skipData");
        _kind = kind;
        _facts.Word = word;
        _writesCatalogue = true;
        Create(Tree.Need(into, "rel"));
    }

    private void CreateTableAs(JsonElement fields)
    {
        Tree.Only(fields, "CreateTableAsStmt", "query", "into", "objtype", "is_select_into", "if_not_exists");
        CreateFrom(Tree.Need(fields, "into"), Tree.Text(fields, "objtype") == "OBJECT_MATVIEW" ? "create_materialized_view" : "create_table_as", StatementWords.Select);
        _queries.Read(Tree.Need(fields, "query"), outer: null);
    }

    private void CreateIndex(JsonElement fields)
    {
        Tree.Only(fields, "IndexStmt", "idxname", "relation", "accessMethod", "tableSpace", "indexParams", "indexIncludingParams", "options", "whereClause", "unique", "nulls_not_distinct", "concurrent",
            "if_not_exists", "reset_default_tblspc");
        _kind = "create_index";
        var relation = Relation(Tree.Need(fields, "relation"));
        Note(StatementWords.Alter, relation.FullName);
        var scope = _queries.ScopeOf(relation);
        foreach (var item in Tree.Items(fields, "indexParams")) _queries.IndexElement(item, scope);
        foreach (var item in Tree.Items(fields, "indexIncludingParams")) _queries.IndexElement(item, scope);
        if (Tree.Find(fields, "whereClause") is { } where) _queries.Expression(where, scope);
    }

    private void AlterTable(JsonElement fields)
    {
        Tree.Only(fields, "AlterTableStmt", "relation", "cmds", "objtype", "missing_ok");
        _kind = "alter_table";
        var relation = Relation(Tree.Need(fields, "relation"));
        Note(StatementWords.Alter, relation.FullName);
        var scope = _queries.ScopeOf(relation);
        foreach (var item in Tree.Items(fields, "cmds"))
        {
            var command = Tree.Open(item, "AlterTableCmd");
            Tree.Only(command, "AlterTableCmd", "subtype", "name", "num", "newowner", "def", "behavior", "missing_ok", "recurse");
            if (Tree.Text(command, "behavior") == "DROP_CASCADE") _facts.UseAll(StatementWords.Alter);
            var definition = Tree.Find(command, "def");
            switch (Tree.Text(command, "subtype") ?? "AT_AddColumn")
            {
                case "AT_AddColumn" when definition is { } column:
                    Column(Tree.Open(column, "ColumnDef"), scope);
                    break;
                case "AT_AlterColumnType" when definition is { } column:
                    Column(Tree.Open(column, "ColumnDef"), scope);
                    break;
                case "AT_ColumnDefault":
                    if (definition is { } value) _queries.Expression(value, scope);
                    break;
                case "AT_AddConstraint" when definition is { } constraint:
                    Constraint(Tree.Open(constraint, "Constraint"), scope);
                    break;
                case "AT_DropColumn" or "AT_DropConstraint" or "AT_SetNotNull" or "AT_DropNotNull" or "AT_SetStatistics" or "AT_SetStorage" or "AT_ValidateConstraint" or "AT_DropExpression"
                    or "AT_SetRelOptions" or "AT_ResetRelOptions" or "AT_SetLogged" or "AT_SetUnLogged" or "AT_ClusterOn" or "AT_DropCluster":
                    break;
                default:
                    // Owners, triggers, rules, row security, partitions, inheritance: who sees what afterwards cannot be told from here.
                    _facts.UseAll(StatementWords.Opaque);
                    break;
            }
        }
    }

    private void Rename(JsonElement fields)
    {
        if (Tree.Text(fields, "renameType") is not ("OBJECT_TABLE" or "OBJECT_VIEW" or "OBJECT_MATVIEW" or "OBJECT_SEQUENCE" or "OBJECT_COLUMN" or "OBJECT_TABCONSTRAINT" or "OBJECT_INDEX") || Tree.Find(fields, "relation") is not { } range)
        {
            Opaque("rename", StatementWords.Alter);
            return;
        }
        Tree.Only(fields, "RenameStmt", "renameType", "relationType", "relation", "subname", "newname", "behavior", "missing_ok");
        _kind = "rename";
        var relation = Relation(range);
        Note(StatementWords.Alter, relation.FullName);
        if (Tree.Text(fields, "renameType") is "OBJECT_TABLE" or "OBJECT_VIEW" or "OBJECT_MATVIEW" or "OBJECT_SEQUENCE" or "OBJECT_INDEX") Note(StatementWords.Create, Whole(relation.Schema, Tree.NeedText(fields, "newname")));
    }

    private void Drop(JsonElement fields)
    {
        Tree.Only(fields, "DropStmt", "objects", "removeType", "behavior", "missing_ok", "concurrent");
        _kind = StatementWords.Drop;
        var what = Tree.Text(fields, "removeType");
        if (Tree.Text(fields, "behavior") == "DROP_CASCADE") _facts.UseAll(StatementWords.Drop);
        foreach (var item in Tree.Items(fields, "objects"))
        {
            switch (what)
            {
                case "OBJECT_TABLE" or "OBJECT_VIEW" or "OBJECT_MATVIEW" or "OBJECT_SEQUENCE" or "OBJECT_INDEX" or "OBJECT_FOREIGN_TABLE":
                    Note(StatementWords.Drop, DroppedName([.. Tree.Items(Tree.Open(item, "List"), "items").Select(Tree.StringOf)], Tree.Flag(fields, "missing_ok")));
                    break;
                case "OBJECT_SCHEMA":
                    Note(StatementWords.Drop, EverythingIn(Tree.StringOf(item)));
                    break;
                default:
                    Opaque(StatementWords.Drop, StatementWords.Drop);
                    return;
            }
        }
    }

    private string DroppedName(List<string> words, bool mayBeMissing)
    {
        var (schema, name) = words switch
        {
            [var only] => (null, only),
            [var first, var second] => (first, second),
            _ => throw UndecidableException.Node("a name of more than two words"),
        };
        if (_catalogue.FindRelation(schema, name) is { } relation) return relation.FullName;
        if (!mayBeMissing && schema is null) throw UndecidableException.Unknown("table", name);
        return Whole(schema ?? _catalogue.CreationSchema, name);
    }

    private void Maintain(JsonElement fields, string list, string type)
    {
        Tree.Only(fields, "VacuumStmt", "options", list, "is_vacuumcmd");
        _kind = StatementWords.Maintain;
        _writesCatalogue = false;
        if (!Tree.Has(fields, list)) _facts.UseAll(StatementWords.Maintain);
        foreach (var item in Tree.Items(fields, list)) Note(StatementWords.Maintain, Relation(Tree.Need(Tree.Open(item, type), "relation")).FullName);
    }
}
