using System.Text.Json;

namespace Postern.Protocols.Postgres.Sql;

/// <summary>The name that a result column gets when the text gives it none (parse_target.c: FigureColname).</summary>
internal static class TargetName
{
    /// <summary>The name, or null for <c>?column?</c>.</summary>
    public static string? Of(JsonElement node) => Figure(node).Name;

    private static (string? Name, int Strength) Figure(JsonElement node)
    {
        Tree.GuardStack();
        var (type, fields) = Tree.Open(node);
        switch (type)
        {
            case "ColumnRef":
                return LastString(fields, "fields") is { } column ? (column, 2) : default;
            case "A_Indirection":
                return LastString(fields, "indirection") is { } field ? (field, 2) : Figure(Tree.Need(fields, "arg"));
            case "FuncCall":
                return (Tree.Strings(fields, "funcname")[^1], 2);
            case "A_Expr":
                return Tree.Text(fields, "kind") == "AEXPR_NULLIF" ? ("nullif", 2) : default;
            case "TypeCast":
                var argument = Figure(Tree.Need(fields, "arg"));
                return argument.Strength > 1 ? argument : (Tree.Strings(Tree.Need(fields, "typeName"), "names")[^1], 1);
            case "CollateClause":
                return Figure(Tree.Need(fields, "arg"));
            case "GroupingFunc":
                return ("grouping", 2);
            case "SubLink":
                return OfSubquery(fields);
            case "CaseExpr":
                var otherwise = Tree.Find(fields, "defresult") is { } result ? Figure(result) : default;
                return otherwise.Strength > 1 ? otherwise : ("case", 1);
            case "A_ArrayExpr":
                return ("array", 2);
            case "RowExpr":
                return ("row", 2);
            case "CoalesceExpr":
                return ("coalesce", 2);
            case "MinMaxExpr":
                return (Tree.Text(fields, "op") == "IS_LEAST" ? "least" : "greatest", 2);
            case "SQLValueFunction":
                return (Tree.NeedText(fields, "op")["SVFOP_".Length..].Replace("_N", "", StringComparison.Ordinal).ToLowerInvariant(), 2);
            default:
                return default;
        }
    }

    private static (string?, int) OfSubquery(JsonElement fields)
    {
        switch (Tree.Text(fields, "subLinkType"))
        {
            case "EXISTS_SUBLINK":
                return ("exists", 2);
            case "ARRAY_SUBLINK":
                return ("array", 2);
            case "EXPR_SUBLINK":
                var select = Tree.Open(Tree.Need(fields, "subselect"), "SelectStmt");
                while (Tree.Find(select, "larg") is { } left) select = left;
                foreach (var item in Tree.Items(select, "targetList"))
                {
                    var target = Tree.Open(item, "ResTarget");
                    return Tree.Text(target, "name") is { } name ? (name, 2) : Figure(Tree.Need(target, "val"));
                }
                return ("column1", 2);
            default:
                return default;
        }
    }

    private static string? LastString(JsonElement fields, string name)
    {
        string? last = null;
        foreach (var item in Tree.Items(fields, name))
        {
            if (Tree.Open(item) is ("String", var text)) last = Tree.Text(text, "sval");
        }
        return last;
    }
}
