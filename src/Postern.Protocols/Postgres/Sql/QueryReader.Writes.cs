using System.Text.Json;

namespace Postern.Protocols.Postgres.Sql;

/// <summary>What writes rows (analyze.c: transformInsertStmt and its siblings). What is read on the way is a select part of its own.</summary>
internal sealed partial class QueryReader
{
    private List<SourceColumn> Insert(JsonElement fields, Scope? outer)
    {
        Tree.Only(fields, "InsertStmt", "relation", "cols", "selectStmt", "onConflictClause", "returningList", "withClause", "override");
        var scope = new Scope(outer);
        With(fields, scope);
        var (relation, target) = Target(fields);
        var sourceCount = Tree.Find(fields, "selectStmt") is { } source ? Read(source, scope).Count : 0;
        var use = facts.Use(StatementWords.Insert, relation);
        use.Note(hasWhere: false);
        if (Tree.Has(fields, "cols")) Assigned(fields, "cols", relation, use, scope);
        else foreach (var column in relation.Columns.Take(sourceCount)) use.Read(column.Name);
        if (Tree.Find(fields, "onConflictClause") is { } conflict) Conflict(conflict, relation, target, scope);
        return Returning(fields, [target], scope);
    }

    private void Conflict(JsonElement fields, CatalogueRelation relation, RowSource target, Scope outer)
    {
        Tree.Only(fields, "OnConflictClause", "action", "infer", "targetList", "whereClause");
        var scope = Beside(outer, target);
        if (Tree.Find(fields, "infer") is { } infer)
        {
            Tree.Only(infer, "InferClause", "indexElems", "whereClause", "conname");
            foreach (var item in Tree.Items(infer, "indexElems")) IndexElement(item, scope);
            if (Tree.Find(infer, "whereClause") is { } partial) Expression(partial, scope);
            // Which columns a constraint has is not known here; that the table is read is.
            if (Tree.Has(infer, "conname")) target.Use!.Note(hasWhere: true);
        }
        switch (Tree.NeedText(fields, "action"))
        {
            case "ONCONFLICT_NOTHING":
                return;
            case "ONCONFLICT_UPDATE":
                var excluded = new RowSource { Name = "excluded", Columns = target.Columns, Relation = relation, Use = target.Use };
                var both = Beside(outer, target, excluded);
                var use = facts.Use(StatementWords.Update, relation);
                use.Note(Tree.Has(fields, "whereClause"));
                Assigned(fields, "targetList", relation, use, both);
                if (Tree.Find(fields, "whereClause") is { } where) Expression(where, both);
                return;
            case var action:
                throw UndecidableException.Node($"OnConflictClause.{action}");
        }
    }

    /// <summary>A column or expression of an index.</summary>
    public void IndexElement(JsonElement item, Scope scope)
    {
        var element = Tree.Open(item, "IndexElem");
        Tree.Only(element, "IndexElem", "name", "expr", "collation", "opclass", "ordering", "nulls_ordering");
        if (Tree.Text(element, "name") is { } name && scope.ReadColumn(name) is null) throw UndecidableException.Unknown("column", name);
        if (Tree.Find(element, "expr") is { } expression) Expression(expression, scope);
    }

    private List<SourceColumn> Update(JsonElement fields, Scope? outer)
    {
        Tree.Only(fields, "UpdateStmt", "relation", "targetList", "whereClause", "fromClause", "returningList", "withClause");
        var scope = new Scope(outer) { HasWhere = Tree.Has(fields, "whereClause") };
        With(fields, scope);
        var (relation, target) = Target(fields);
        var use = facts.Use(StatementWords.Update, relation);
        use.Note(scope.HasWhere);
        FromBeside(fields, "fromClause", target, scope);
        Assigned(fields, "targetList", relation, use, scope);
        if (Tree.Find(fields, "whereClause") is { } where) Expression(where, scope);
        return Returned(fields, target, scope);
    }

    private List<SourceColumn> Delete(JsonElement fields, Scope? outer)
    {
        Tree.Only(fields, "DeleteStmt", "relation", "usingClause", "whereClause", "returningList", "withClause");
        var scope = new Scope(outer) { HasWhere = Tree.Has(fields, "whereClause") };
        With(fields, scope);
        var (relation, target) = Target(fields);
        facts.Use(StatementWords.Delete, relation).Note(scope.HasWhere);
        FromBeside(fields, "usingClause", target, scope);
        if (Tree.Find(fields, "whereClause") is { } where) Expression(where, scope);
        return Returned(fields, target, scope);
    }

    private List<SourceColumn> Merge(JsonElement fields, Scope? outer)
    {
        Tree.Only(fields, "MergeStmt", "relation", "sourceRelation", "joinCondition", "mergeWhenClauses", "withClause");
        var scope = new Scope(outer) { HasWhere = true };
        With(fields, scope);
        var (relation, target) = Target(fields);
        facts.Use(StatementWords.Merge, relation).Note(hasWhere: true);
        var (_, sources) = FromItem(Tree.Need(fields, "sourceRelation"), scope);
        var both = new Scope(scope) { Sources = [new Visible { Source = target }, .. sources] };
        var sourceOnly = new Scope(scope) { Sources = [.. sources] };
        Expression(Tree.Need(fields, "joinCondition"), both);
        foreach (var item in Tree.Items(fields, "mergeWhenClauses"))
        {
            var clause = Tree.Open(item, "MergeWhenClause");
            Tree.Only(clause, "MergeWhenClause", "matched", "commandType", "override", "condition", "targetList", "values");
            var seen = Tree.Flag(clause, "matched") ? both : sourceOnly;
            if (Tree.Find(clause, "condition") is { } condition) Expression(condition, seen);
            switch (Tree.NeedText(clause, "commandType"))
            {
                case "CMD_NOTHING":
                    break;
                case "CMD_DELETE":
                    facts.Use(StatementWords.Delete, relation).Note(hasWhere: true);
                    break;
                case "CMD_UPDATE":
                    var update = facts.Use(StatementWords.Update, relation);
                    update.Note(hasWhere: true);
                    Assigned(clause, "targetList", relation, update, seen);
                    break;
                case "CMD_INSERT":
                    var insert = facts.Use(StatementWords.Insert, relation);
                    insert.Note(hasWhere: false);
                    if (Tree.Has(clause, "targetList")) Assigned(clause, "targetList", relation, insert, seen);
                    else foreach (var column in relation.Columns.Take(Tree.Items(clause, "values").Count())) insert.Read(column.Name);
                    foreach (var value in Tree.Items(clause, "values")) Expression(value, seen);
                    break;
                case var command:
                    throw UndecidableException.Node($"MergeWhenClause.{command}");
            }
        }
        return [];
    }

    /// <summary>The scope of expressions over one relation (checks, indexes, defaults).</summary>
    public Scope ScopeOf(CatalogueRelation relation) => Beside(new Scope(null), Of(relation, facts.Use(StatementWords.Select, relation), alias: null, []));

    // The target of a write is read only where something reads it.
    private (CatalogueRelation Relation, RowSource Source) Target(JsonElement fields)
    {
        var range = Tree.Need(fields, "relation");
        var (schema, name) = RelationName(range);
        var (alias, names) = Alias(range);
        var relation = catalogue.Relation(schema, name);
        // `UPDATE pg_settings` is SET by a rule of the server's own; whoever owns the server writes rights and code by rows (attack Q05).
        if (relation.Schema is "pg_catalog" or "information_schema") throw new UndecidableException($"what a write to `{relation.FullName}` changes cannot be told; use the statement that is made for it");
        if (relation.Kind is not ('r' or 'v' or 'm' or 'p' or 'f')) throw new UndecidableException($"`{relation.FullName}` is nothing to write rows to");
        return (relation, Of(relation, facts.Use(StatementWords.Select, relation), alias, names));
    }

    private void Assigned(JsonElement fields, string list, CatalogueRelation relation, TableUse use, Scope scope)
    {
        foreach (var item in Tree.Items(fields, list))
        {
            var target = Tree.Open(item, "ResTarget");
            Tree.Only(target, "ResTarget", "name", "indirection", "val");
            var name = Tree.NeedText(target, "name");
            if (!relation.Columns.Any(column => column.Name == name)) throw UndecidableException.Unknown("column", $"{relation.FullName}.{name}");
            use.Read(name);
            if (Tree.Find(target, "indirection") is { } indirection) Subscripts(indirection, scope, []);
            if (Tree.Find(target, "val") is not { } value) continue;
            if (Tree.Open(value) is not ("MultiAssignRef", var many))
            {
                Expression(value, scope);
                continue;
            }
            Tree.Only(many, "MultiAssignRef", "source", "colno", "ncolumns");
            if (Tree.Number(many, "colno") == 1) SeveralValues(Tree.Need(many, "source"), scope);
        }
    }

    // `(a, b) = (select 1, 2)`: the one place where a subquery in an expression has several columns.
    private void SeveralValues(JsonElement source, Scope scope)
    {
        if (Tree.Open(source) is not ("SubLink", var link))
        {
            Expression(source, scope);
            return;
        }
        Tree.Only(link, "SubLink", "subLinkType", "subselect");
        Read(Tree.Need(link, "subselect"), scope);
    }

    // Subqueries of the FROM clause do not see the target, lateral or not.
    private void FromBeside(JsonElement fields, string name, RowSource target, Scope scope)
    {
        From(fields, name, scope);
        scope.Sources.Insert(0, new Visible { Source = target });
    }

    private static Scope Beside(Scope outer, params ReadOnlySpan<RowSource> sources)
    {
        var scope = new Scope(outer);
        foreach (var source in sources) scope.Sources.Add(new Visible { Source = source });
        return scope;
    }

    // The rows that are written are the rows that are read.
    private List<SourceColumn> Returned(JsonElement fields, RowSource target, Scope scope)
    {
        var columns = Returning(fields, null, scope);
        if (target.Use is { IsNoted: true } read) read.Note(scope.HasWhere);
        return columns;
    }

    private List<SourceColumn> Returning(JsonElement fields, RowSource[]? sources, Scope scope) =>
        Tree.Has(fields, "returningList") ? Targets(fields, "returningList", sources is null ? scope : Beside(scope, sources)) : [];
}
