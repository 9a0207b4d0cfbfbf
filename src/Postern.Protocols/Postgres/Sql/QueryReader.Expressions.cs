using System.Text.Json;

namespace Postern.Protocols.Postgres.Sql;

/// <summary>What an expression reads and calls, and what flows out of it (parse_expr.c). A closed list: any other node is a refusal.</summary>
internal sealed partial class QueryReader
{
    /// <summary>Reads an expression.</summary>
    public Flow Expression(JsonElement node, Scope scope)
    {
        Tree.GuardStack();
        var (type, fields) = Tree.Open(node);
        switch (type)
        {
            case "A_Const":
                Tree.Only(fields, type, "ival", "fval", "sval", "bsval", "boolval", "isnull");
                return Flow.Constant;
            case "ParamRef":
                Tree.Only(fields, type, "number");
                return Parameter(Tree.Number(fields, "number"));
            case "ColumnRef":
                return Column(fields, scope);
            case "A_Expr":
                return Operation(fields, scope);
            case "BoolExpr":
                Tree.Only(fields, type, "boolop", "args");
                return All(fields, "args", scope);
            case "SubLink":
                return SubLink(fields, scope);
            case "FuncCall":
                return Call(fields, scope);
            case "TypeCast":
                Tree.Only(fields, type, "arg", "typeName");
                Type(Tree.Need(fields, "typeName"));
                return Flow.Made(Expression(Tree.Need(fields, "arg"), scope));
            case "NullTest":
                Tree.Only(fields, type, "arg", "nulltesttype");
                return Flow.Made(Expression(Tree.Need(fields, "arg"), scope));
            case "BooleanTest":
                Tree.Only(fields, type, "arg", "booltesttype");
                return Flow.Made(Expression(Tree.Need(fields, "arg"), scope));
            case "CaseExpr":
                return Case(fields, scope);
            case "CoalesceExpr":
                Tree.Only(fields, type, "args");
                return All(fields, "args", scope);
            case "MinMaxExpr":
                Tree.Only(fields, type, "op", "args");
                return All(fields, "args", scope);
            case "A_ArrayExpr":
                Tree.Only(fields, type, "elements");
                return All(fields, "elements", scope);
            case "RowExpr":
                Tree.Only(fields, type, "args", "row_format", "colnames");
                return All(fields, "args", scope);
            case "List":
                Tree.Only(fields, type, "items");
                return All(fields, "items", scope);
            case "GroupingFunc":
                Tree.Only(fields, type, "args");
                _ = All(fields, "args", scope);
                return Flow.Constant;
            case "SQLValueFunction":
                Tree.Only(fields, type, "op", "typmod");
                return Flow.Constant;
            case "CollateClause":
                Tree.Only(fields, type, "arg", "collname");
                return Flow.Made(Expression(Tree.Need(fields, "arg"), scope));
            case "NamedArgExpr":
                Tree.Only(fields, type, "arg", "name", "argnumber");
                return Expression(Tree.Need(fields, "arg"), scope);
            case "A_Indirection":
                return Indirection(fields, scope);
            case "SetToDefault":
                Tree.Only(fields, type);
                return Flow.Constant;
            case "CurrentOfExpr":
                Tree.Only(fields, type, "cursor_name");
                return Flow.Constant;
            default:
                throw UndecidableException.Node(type);
        }
    }

    private Flow All(JsonElement fields, string name, Scope scope)
    {
        List<Flow> flows = [];
        foreach (var item in Tree.Items(fields, name)) flows.Add(Expression(item, scope));
        return Flow.Made(flows);
    }

    private Flow Parameter(int number)
    {
        // `?` of the parser's own dialect has no number; the protocol's counter has 16 bits.
        if (number is < 1 or > ushort.MaxValue) throw UndecidableException.Node("ParamRef.number");
        facts.ParameterCount = Math.Max(facts.ParameterCount, number);
        return Flow.Constant;
    }

    private static Flow Column(JsonElement fields, Scope scope)
    {
        Tree.Only(fields, "ColumnRef", "fields");
        var parts = Tree.Need(fields, "fields");
        var count = parts.GetArrayLength();
        if (count == 0) throw UndecidableException.Node("ColumnRef");
        var isStar = Tree.Open(parts[count - 1]).Type == "A_Star";
        if (isStar && count > 1) return Named(parts, count - 1, scope).ReadAll();
        if (isStar) throw UndecidableException.Node("ColumnRef.A_Star");
        var name = Tree.StringOf(parts[count - 1]);
        if (count == 1)
        {
            return scope.ReadColumn(name) ?? scope.FindSource(null, name)?.ReadAll() ?? throw UndecidableException.Unknown("column in this query", name);
        }
        var source = Named(parts, count - 1, scope);
        var place = source.Find(name);
        if (place >= 0) return source.Read(place);
        return source.ReadSystemColumn(name) ?? throw UndecidableException.Unknown("column", $"{source.Name}.{name}");
    }

    private Flow Indirection(JsonElement fields, Scope scope)
    {
        Tree.Only(fields, "A_Indirection", "arg", "indirection");
        var argument = Tree.Need(fields, "arg");
        var parts = Tree.Need(fields, "indirection");
        if (parts.GetArrayLength() == 1 && Tree.Open(parts[0]) is ("String", var field) && WholeRow(argument, scope) is { } row && row.Find(Tree.NeedText(field, "sval")) is >= 0 and var place)
            return row.Read(place);
        List<Flow> flows = [Expression(argument, scope)];
        Subscripts(parts, scope, flows);
        return Flow.Made(flows);
    }

    private void Subscripts(JsonElement parts, Scope scope, List<Flow> flows)
    {
        foreach (var part in parts.EnumerateArray())
        {
            var (type, fields) = Tree.Open(part);
            switch (type)
            {
                case "String":
                    break;
                case "A_Indices":
                    Tree.Only(fields, type, "is_slice", "lidx", "uidx");
                    if (Tree.Find(fields, "lidx") is { } lower) flows.Add(Expression(lower, scope));
                    if (Tree.Find(fields, "uidx") is { } upper) flows.Add(Expression(upper, scope));
                    break;
                default:
                    throw UndecidableException.Node($"A_Indirection.{type}");
            }
        }
    }

    private Flow Case(JsonElement fields, Scope scope)
    {
        Tree.Only(fields, "CaseExpr", "arg", "args", "defresult");
        List<Flow> flows = [];
        if (Tree.Find(fields, "arg") is { } argument)
        {
            Operator(["="]);
            flows.Add(Expression(argument, scope));
        }
        foreach (var item in Tree.Items(fields, "args"))
        {
            var branch = Tree.Open(item, "CaseWhen");
            Tree.Only(branch, "CaseWhen", "expr", "result");
            flows.Add(Expression(Tree.Need(branch, "expr"), scope));
            flows.Add(Expression(Tree.Need(branch, "result"), scope));
        }
        if (Tree.Find(fields, "defresult") is { } otherwise) flows.Add(Expression(otherwise, scope));
        return Flow.Made(flows);
    }

    private Flow Operation(JsonElement fields, Scope scope)
    {
        Tree.Only(fields, "A_Expr", "kind", "name", "lexpr", "rexpr");
        var kind = Tree.NeedText(fields, "kind");
        var isThroughFunction = false;
        switch (kind)
        {
            case "AEXPR_OP" or "AEXPR_OP_ANY" or "AEXPR_OP_ALL" or "AEXPR_DISTINCT" or "AEXPR_NOT_DISTINCT" or "AEXPR_NULLIF" or "AEXPR_IN" or "AEXPR_LIKE" or "AEXPR_ILIKE" or "AEXPR_SIMILAR":
                isThroughFunction = Operator(Tree.Strings(fields, "name"));
                break;
            case "AEXPR_BETWEEN" or "AEXPR_NOT_BETWEEN" or "AEXPR_BETWEEN_SYM" or "AEXPR_NOT_BETWEEN_SYM":
                foreach (var name in (ReadOnlySpan<string>)["<=", ">=", "<", ">"]) isThroughFunction |= Operator([name]);
                break;
            default:
                throw UndecidableException.Node($"A_Expr.{kind}");
        }
        List<Flow> flows = [];
        if (Tree.Find(fields, "lexpr") is { } left) flows.Add(Expression(left, scope));
        if (Tree.Find(fields, "rexpr") is { } right) flows.Add(Expression(right, scope));
        return isThroughFunction ? Flow.ThroughFunction(flows) : Flow.Made(flows);
    }

    // An operator is a call. Which function it calls depends on types, so every one of that name that is not built in counts.
    private bool Operator(List<string> name)
    {
        var (schema, symbol) = name switch
        {
            [var only] => (null, only),
            [var first, var second] => (first, second),
            _ => throw UndecidableException.Node("an operator's name"),
        };
        var isOfOthers = false;
        foreach (var function in catalogue.OperatorFunctions(schema, symbol))
        {
            facts.Call(function);
            isOfOthers = true;
        }
        return isOfOthers;
    }

    private Flow SubLink(JsonElement fields, Scope scope)
    {
        Tree.Only(fields, "SubLink", "subLinkType", "subLinkId", "testexpr", "operName", "subselect");
        var lockable = scope.Relations.Count;
        var columns = Read(Tree.Need(fields, "subselect"), scope);
        // A row lock reaches subqueries in FROM, not those in expressions.
        scope.Relations.RemoveRange(lockable, scope.Relations.Count - lockable);
        List<Flow> flows = [.. columns.Select(column => column.Flow)];
        if (Tree.Find(fields, "testexpr") is { } test) flows.Add(Expression(test, scope));
        switch (Tree.NeedText(fields, "subLinkType"))
        {
            case "EXISTS_SUBLINK":
                return Flow.Constant;
            case "EXPR_SUBLINK":
                return flows is [var only] ? only.Moved() : throw new UndecidableException("a subquery in an expression has more than one column");
            case "MULTIEXPR_SUBLINK" or "ARRAY_SUBLINK":
                return Flow.Made(flows);
            case "ANY_SUBLINK" or "ALL_SUBLINK":
                Operator(Tree.Has(fields, "operName") ? Tree.Strings(fields, "operName") : ["="]);
                return Flow.Made(flows);
            case var kind:
                throw UndecidableException.Node($"SubLink.{kind}");
        }
    }

    /// <summary>A type that a text names: it must exist, and what converts to it may be a function of somebody's.</summary>
    public CatalogueType Type(JsonElement fields)
    {
        // Without the `pct_type` of `t.c%TYPE`, and without sets.
        Tree.Only(fields, "TypeName", "names", "typemod", "typmods", "arrayBounds");
        foreach (var modifier in Tree.Items(fields, "typmods"))
        {
            if (Tree.Open(modifier).Type != "A_Const") throw UndecidableException.Node("TypeName.typmods");
        }
        var type = Tree.Strings(fields, "names") switch
        {
            [var name] => catalogue.Type(null, name),
            [var schema, var name] => catalogue.Type(schema, name),
            _ => throw UndecidableException.Node("TypeName.names"),
        };
        foreach (var function in catalogue.CastFunctions(type.Oid)) facts.Call(function);
        return type;
    }
}
