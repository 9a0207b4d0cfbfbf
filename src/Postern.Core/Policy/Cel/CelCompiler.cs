using System.Collections.Immutable;
using Postern.Core.Operations;
using Postern.Core.Yaml;

namespace Postern.Core.Policy.Cel;

/// <summary>A node with its type and the closure that evaluates it.</summary>
internal readonly record struct CelPart(CelType Type, CelCode Code);

/// <summary>Types a parsed condition and turns it into closures, in one walk.</summary>
internal sealed partial class CelCompiler
{
    private readonly ImmutableArray<WhenVariable> _variables;
    private readonly List<(string Name, CelType Type)> _locals = [];
    private int _localCount;

    private CelCompiler(ImmutableArray<WhenVariable> variables) => _variables = variables;

    /// <summary>Compiles a condition that must be a boolean.</summary>
    /// <param name="root">The parsed condition.</param>
    /// <param name="variables">What it may read beside <c>who</c>, <c>connection</c>, <c>labels</c> and <c>now</c>.</param>
    /// <param name="locals">How many macro variables it needs room for.</param>
    public static CelCode Compile(CelNode root, ImmutableArray<WhenVariable> variables, out int locals)
    {
        var compiler = new CelCompiler(variables);
        var part = compiler.Part(root);
        if (!part.Type.Meets(CelType.Bool) || part.Type.Kind == CelTypeKind.Null) throw new CelException(root.Offset, $"a condition is true or false; this is {part.Type}");
        locals = compiler._localCount;
        return part.Code;
    }

    /// <summary>The names that every condition may read.</summary>
    public static readonly ImmutableArray<string> CommonNames = ["who", "connection", "labels", "now"];

    private CelPart Part(CelNode node) => node switch
    {
        CelNode.Literal literal => Constant(literal.Value),
        CelNode.Name name => Name(name),
        CelNode.Select select => Select(select),
        CelNode.Index index => Index(index),
        CelNode.Unary unary => Unary(unary),
        CelNode.Binary binary => Binary(binary),
        CelNode.Conditional conditional => Conditional(conditional),
        CelNode.ListOf list => ListOf(list),
        CelNode.MapOf map => MapOf(map),
        CelNode.Macro macro => Macro(macro),
        CelNode.Call call => Call(call),
        _ => throw new CelException(node.Offset, "this cannot be evaluated"),
    };

    private static CelPart Constant(CelValue value) => new(
        value.Kind switch
        {
            CelKind.True or CelKind.False => CelType.Bool,
            CelKind.Number => CelType.Number,
            CelKind.Text => CelType.Text,
            CelKind.Timestamp => CelType.Timestamp,
            CelKind.Duration => CelType.Duration,
            CelKind.None => CelType.OptionalOf(CelType.Any),
            _ => CelType.Null,
        },
        (ref CelContext context) =>
        {
            context.Charge(1);
            return value;
        });

    private CelPart Name(CelNode.Name name)
    {
        for (var slot = _locals.Count - 1; slot >= 0; slot--)
        {
            if (!string.Equals(_locals[slot].Name, name.Id, StringComparison.Ordinal)) continue;
            var local = slot;
            return new(_locals[slot].Type, (ref CelContext context) =>
            {
                context.Charge(1);
                return context.Locals![local];
            });
        }
        switch (name.Id)
        {
            case "now":
                return new(CelType.Timestamp, (ref CelContext context) => CelValue.Of(context.Now));
            case "labels":
                return new(CelType.TextList, (ref CelContext _) => CelValue.Of(Array.Empty<string>()));
            case "who" or "connection":
                throw new CelException(name.Offset, $"`{name.Id}` is read by its fields: {CelSubjects.Fields(name.Id)}");
            default:
                break;
        }
        foreach (var variable in _variables)
        {
            if (string.Equals(variable.Name, name.Id, StringComparison.Ordinal)) return Variable(variable);
        }
        throw new CelException(name.Offset, $"unknown name `{name.Id}`; this condition may read {string.Join(", ", KnownNames().Select(known => $"`{known}`"))}{NearestWord.Hint(name.Id, KnownNames())}");
    }

    private IEnumerable<string> KnownNames() => _locals.Select(local => local.Name).Concat(_variables.Select(variable => variable.Name)).Concat(CommonNames);

    private static CelPart Variable(WhenVariable variable)
    {
        var id = variable.Name;
        var absent = variable.Type == WhenType.TextList ? CelValue.Of(Array.Empty<string>()) : CelValue.EmptyMap;
        return new(variable.Type == WhenType.TextList ? CelType.TextList : CelType.Map, (ref CelContext context) =>
        {
            context.Charge(1);
            if (context.AssumeUnknown) return CelValue.Unknown;
            foreach (var candidate in context.Variables)
            {
                if (string.Equals(candidate.Name, id, StringComparison.Ordinal)) return candidate.IsUnknown ? CelValue.Unknown : CelValue.FromJson(candidate.Json);
            }
            return absent;
        });
    }

    private CelPart ListOf(CelNode.ListOf node)
    {
        var parts = node.Items.Select(Part).ToArray();
        var codes = parts.Select(part => part.Code).ToArray();
        var type = CelType.ListOf(parts.Length == 0 ? CelType.Any : parts.Select(part => part.Type).Aggregate(CelType.Join));
        if (node.Items.All(item => item is CelNode.Literal))
        {
            var constant = CelValue.Of(node.Items.Select(item => ((CelNode.Literal)item).Value).ToArray());
            return new(type, (ref CelContext _) => constant);
        }
        return new(type, (ref CelContext context) =>
        {
            var items = new CelValue[codes.Length];
            for (var at = 0; at < codes.Length; at++)
            {
                items[at] = codes[at](ref context);
                if (items[at].IsStuck) return items[at];
            }
            return CelValue.Of(items);
        });
    }

    private CelPart MapOf(CelNode.MapOf node)
    {
        var keys = node.Entries.Select(entry => Part(entry.Key)).ToArray();
        var values = node.Entries.Select(entry => Part(entry.Value)).ToArray();
        var type = CelType.MapOf(values.Length == 0 ? CelType.Any : values.Select(part => part.Type).Aggregate(CelType.Join));
        return new(type, (ref CelContext context) =>
        {
            var entries = new KeyValuePair<CelValue, CelValue>[keys.Length];
            for (var at = 0; at < entries.Length; at++)
            {
                var key = keys[at].Code(ref context);
                if (key.IsStuck) return key;
                var value = values[at].Code(ref context);
                if (value.IsStuck) return value;
                for (var earlier = 0; earlier < at; earlier++)
                {
                    if (CelOperators.AreEqual(entries[earlier].Key, key, ref context)) return CelValue.Error("a map has the same key twice");
                }
                entries[at] = new(key, value);
            }
            return CelValue.Of(entries);
        });
    }
}
