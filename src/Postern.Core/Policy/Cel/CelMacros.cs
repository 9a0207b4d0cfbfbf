using System.Collections.Immutable;

namespace Postern.Core.Policy.Cel;

/// <summary>What looks like a call but is syntax: <c>has</c> and the list macros.</summary>
internal static class CelMacros
{
    public static CelNode Expand(int offset, string name, CelNode? receiver, ImmutableArray<CelNode> arguments)
    {
        if (receiver is null && name == "has") return Has(offset, arguments);
        if (receiver is null || Kind(name) is not { } kind) return new CelNode.Call(offset, name, receiver, arguments);

        var hasFilter = kind == CelMacro.Map && arguments.Length == 3;
        if (arguments.Length != 2 && !hasFilter) throw new CelException(offset, $"`{name}` takes a variable and a condition: `list.{name}(x, …)`");
        if (arguments[0] is not CelNode.Name variable) throw new CelException(arguments[0].Offset, $"the first argument of `{name}` names the variable: `list.{name}(x, …)`");
        return new CelNode.Macro(offset, kind, receiver, variable.Id, hasFilter ? arguments[1] : null, arguments[^1]);
    }

    private static CelNode.Select Has(int offset, ImmutableArray<CelNode> arguments)
    {
        if (arguments is [CelNode.Select { IsOptional: false, IsTest: false } field]) return new CelNode.Select(offset, field.Target, field.Field, isOptional: false, isTest: true);
        throw new CelException(offset, "`has` takes one field: `has(args.name)`");
    }

    private static CelMacro? Kind(string name) => name switch
    {
        "all" => CelMacro.All,
        "exists" => CelMacro.Exists,
        "exists_one" => CelMacro.ExistsOne,
        "map" => CelMacro.Map,
        "filter" => CelMacro.Filter,
        _ => null,
    };
}
