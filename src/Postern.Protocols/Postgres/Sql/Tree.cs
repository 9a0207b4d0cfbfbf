using System.Runtime.CompilerServices;
using System.Text.Json;

namespace Postern.Protocols.Postgres.Sql;

/// <summary>
/// Access to a parse tree in the parser's own JSON form: <c>{"NodeType": {fields}}</c>, with fields that are null, zero or empty left
/// out. A reader says which fields it understands; any other field is a refusal, so that what a newer grammar adds is never passed over.
/// </summary>
internal static class Tree
{
    /// <summary>Type and fields of a wrapped node.</summary>
    public static (string Type, JsonElement Fields) Open(JsonElement node)
    {
        if (node.ValueKind != JsonValueKind.Object) throw UndecidableException.Node("a node without a type");
        using var members = node.EnumerateObject().GetEnumerator();
        if (!members.MoveNext()) throw UndecidableException.Node("an empty node");
        var only = members.Current;
        if (members.MoveNext() || only.Value.ValueKind != JsonValueKind.Object) throw UndecidableException.Node(only.Name);
        return (only.Name, only.Value);
    }

    /// <summary>The fields of a wrapped node that must be of this type.</summary>
    public static JsonElement Open(JsonElement node, string type)
    {
        var (found, fields) = Open(node);
        return found == type ? fields : throw UndecidableException.Node(found);
    }

    /// <summary>True for the placeholder that stands for a null in a list.</summary>
    public static bool IsNull(JsonElement node)
    {
        if (node.ValueKind != JsonValueKind.Object) return false;
        using var members = node.EnumerateObject().GetEnumerator();
        return !members.MoveNext();
    }

    /// <summary>Refuses any field that is not among these; <c>location</c> says nothing and is always understood.</summary>
    public static void Only(JsonElement fields, string type, params ReadOnlySpan<string> understood)
    {
        foreach (var member in fields.EnumerateObject())
        {
            if (member.NameEquals("location")) continue;
            var isUnderstood = false;
            foreach (var name in understood)
            {
                if (!member.NameEquals(name)) continue;
                isUnderstood = true;
                break;
            }
            if (!isUnderstood) throw UndecidableException.Node($"{type}.{member.Name}");
        }
    }

    public static bool Has(JsonElement fields, string name) => fields.TryGetProperty(name, out _);

    public static JsonElement? Find(JsonElement fields, string name) => fields.TryGetProperty(name, out var value) ? value : null;

    public static JsonElement Need(JsonElement fields, string name) => fields.TryGetProperty(name, out var value) ? value : throw UndecidableException.Node($"a node without {name}");

    public static string? Text(JsonElement fields, string name)
    {
        if (!fields.TryGetProperty(name, out var value)) return null;
        return value.ValueKind == JsonValueKind.String ? value.GetString() : throw UndecidableException.Node(name);
    }

    public static string NeedText(JsonElement fields, string name) => Text(fields, name) ?? throw UndecidableException.Node($"a node without {name}");

    public static bool Flag(JsonElement fields, string name)
    {
        if (!fields.TryGetProperty(name, out var value)) return false;
        return value.ValueKind switch
        {
            JsonValueKind.True => true,
            JsonValueKind.False => false,
            _ => throw UndecidableException.Node(name),
        };
    }

    public static int Number(JsonElement fields, string name)
    {
        if (!fields.TryGetProperty(name, out var value)) return 0;
        return value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number) ? number : throw UndecidableException.Node(name);
    }

    /// <summary>The items of a list field; none when it is left out.</summary>
    public static JsonElement.ArrayEnumerator Items(JsonElement fields, string name)
    {
        if (!fields.TryGetProperty(name, out var value)) return default;
        return value.ValueKind == JsonValueKind.Array ? value.EnumerateArray() : throw UndecidableException.Node(name);
    }

    /// <summary>A <c>String</c> node.</summary>
    public static string StringOf(JsonElement node) => Text(Open(node, "String"), "sval") ?? "";

    /// <summary>A list of <c>String</c> nodes.</summary>
    public static List<string> Strings(JsonElement fields, string name)
    {
        var strings = new List<string>();
        foreach (var item in Items(fields, name)) strings.Add(StringOf(item));
        return strings;
    }

    /// <summary>The text of a constant, or null when the node is not a text constant (a cast of one to a type counts as one).</summary>
    public static string? ConstantText(JsonElement node)
    {
        var (type, fields) = Open(node);
        if (type == "TypeCast") return ConstantText(Need(fields, "arg"));
        return type == "A_Const" && fields.TryGetProperty("sval", out var text) ? Text(text, "sval") ?? "" : null;
    }

    /// <summary>Ends the reading before the stack does.</summary>
    public static void GuardStack()
    {
        if (!RuntimeHelpers.TryEnsureSufficientExecutionStack()) throw new UndecidableException("the statement is nested too deeply");
    }
}
