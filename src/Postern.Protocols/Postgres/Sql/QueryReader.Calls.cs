using System.Text.Json;

namespace Postern.Protocols.Postgres.Sql;

/// <summary>Calls of functions (parse_func.c).</summary>
internal sealed partial class QueryReader
{
    private Flow Call(JsonElement call, Scope scope)
    {
        Tree.Only(call, "FuncCall", "funcname", "args", "agg_order", "agg_filter", "over", "agg_within_group", "agg_star", "agg_distinct", "func_variadic", "funcformat");
        List<Flow> flows = [];
        foreach (var item in Tree.Items(call, "args")) flows.Add(Expression(item, scope));
        foreach (var item in Tree.Items(call, "agg_order"))
        {
            // Within a group what is ordered is what is aggregated; elsewhere it only says in which order.
            var sort = Tree.Open(item, "SortBy");
            Sort(item, scope, []);
            if (Tree.Flag(call, "agg_within_group")) flows.Add(Expression(Tree.Need(sort, "node"), scope));
        }
        if (Tree.Find(call, "agg_filter") is { } filter) Expression(filter, scope);
        if (Tree.Find(call, "over") is { } window) Window(window, scope);
        return Call(Candidates(call), call, flows);
    }

    private Flow Call(List<CatalogueFunction> candidates, JsonElement call, List<Flow> flows)
    {
        if (candidates.TrueForAll(function => function.Kind == 'p')) throw new UndecidableException($"`{candidates[0].FullName}` is a procedure; use CALL");
        var isOfOthers = false;
        var areAllBuiltIn = true;
        foreach (var function in candidates)
        {
            areAllBuiltIn &= FunctionRules.IsBuiltIn(function);
            switch (FunctionRules.Judge(function))
            {
                case FunctionRule.Implied:
                    continue;
                case FunctionRule.Sequence:
                    Sequence(function, call);
                    continue;
                case FunctionRule.Setting:
                    Setting(function, call);
                    continue;
            }
            if (FunctionRules.IsHarmlessOfExtension(function) && candidates.Exists(FunctionRules.IsBuiltIn)) continue;
            facts.Call(function);
            isOfOthers |= !FunctionRules.IsBuiltIn(function);
        }
        // How many there are says nothing of what they are.
        if (areAllBuiltIn && candidates.TrueForAll(function => function.Name is "count")) return Flow.Constant;
        // What a named function of the database's own reads, and what dangerous built-in ones return, nobody sees here.
        var isThrough = isOfOthers || candidates.Exists(function => DangerousFunctions.Contains(function));
        return isThrough ? Flow.ThroughFunction(flows) : Flow.Made(flows);
    }

    /// <summary><c>CALL p(…)</c>.</summary>
    public void CallProcedure(JsonElement call)
    {
        Tree.Only(call, "FuncCall", "funcname", "args", "func_variadic", "funcformat");
        foreach (var item in Tree.Items(call, "args")) Expression(item, new Scope(null));
        var isAny = false;
        foreach (var procedure in Candidates(call))
        {
            if (procedure.Kind != 'p') continue;
            isAny = true;
            facts.CallProcedure(procedure);
        }
        if (!isAny) throw UndecidableException.Unknown("procedure", Tree.Strings(call, "funcname")[^1]);
    }

    /// <summary>Every function that a call could mean, by name and number of arguments.</summary>
    private List<CatalogueFunction> Candidates(JsonElement call)
    {
        var (schema, name) = Tree.Strings(call, "funcname") switch
        {
            [var only] => (null, only),
            [var first, var second] => (first, second),
            _ => throw UndecidableException.Node("FuncCall.funcname"),
        };
        var named = catalogue.FunctionsNamed(schema, name);
        var count = Tree.Items(call, "args").Count() + (Tree.Flag(call, "agg_within_group") ? Tree.Items(call, "agg_order").Count() : 0);
        List<CatalogueFunction> fitting = [.. named.Where(function => function.MinimumArguments <= count && count <= function.MaximumArguments)];
        return fitting.Count > 0 && !Tree.Flag(call, "func_variadic") ? fitting : [.. named];
    }

    // `nextval('s')` writes the sequence that it names; one that is named by a value cannot be told.
    private void Sequence(CatalogueFunction function, JsonElement call)
    {
        foreach (var argument in Tree.Items(call, "args"))
        {
            if (Tree.ConstantText(argument) is { } text && QualifiedName.TryRead(text, out var schema, out var name))
            {
                facts.Use(StatementWords.Update, catalogue.Relation(schema, name)).Note(hasWhere: false);
                return;
            }
            break;
        }
        facts.Call(function);
    }

    // `current_setting` and `set_config` are SHOW and SET in an expression.
    private void Setting(CatalogueFunction function, JsonElement call)
    {
        string? name = null;
        foreach (var argument in Tree.Items(call, "args"))
        {
            name = Tree.ConstantText(argument);
            break;
        }
        if (function.Name == "current_setting")
        {
            if (name is null || !Settings.IsShown(name)) facts.Call(function);
            return;
        }
        if (name is null) throw new UndecidableException("`set_config` does not name its setting");
        // What is taken from a table would come back as a setting, past the masks of its column.
        if (Tree.Items(call, "args").Skip(1).Any(argument => !IsGiven(argument))) throw new UndecidableException("`set_config` takes its value from somewhere else than the statement");
        Settings.Set(name, value: null, facts);
    }

    // A constant or a parameter, with or without a cast.
    private static bool IsGiven(JsonElement node)
    {
        var (type, fields) = Tree.Open(node);
        return type == "TypeCast" ? IsGiven(Tree.Need(fields, "arg")) : type is "A_Const" or "ParamRef";
    }
}
