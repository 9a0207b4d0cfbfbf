using System.Text.Json;

namespace Postern.Demo.Shop;

/// <summary>Arguments of a call do not fit the tool's schema; told to the model as a tool error.</summary>
internal sealed class ToolArgumentException(string message) : Exception(message);

/// <summary>Reads a call's arguments strictly: exact names, exact types, nothing besides.</summary>
internal sealed class ToolArguments
{
    private readonly Dictionary<string, JsonElement> _values = new(StringComparer.Ordinal);

    /// <summary>Takes the <c>arguments</c> object; <paramref name="known"/> lists every legal name.</summary>
    public ToolArguments(JsonElement? arguments, params ReadOnlySpan<string> known)
    {
        if (arguments is not { } given) return;
        foreach (var member in given.EnumerateObject())
        {
            if (!known.Contains(member.Name)) throw new ToolArgumentException($"unknown argument `{member.Name}`; expected {(known.IsEmpty ? "none" : string.Join(", ", known!))}");
            _values.Add(member.Name, member.Value);
        }
    }

    /// <summary>A required text.</summary>
    public string Text(string name) => OptionalText(name) ?? throw Missing(name, "text");

    /// <summary>A text that may be left out.</summary>
    public string? OptionalText(string name)
    {
        if (!_values.TryGetValue(name, out var value)) return null;
        return value.ValueKind == JsonValueKind.String ? value.GetString() : throw Missing(name, "text");
    }

    /// <summary>A required whole number.</summary>
    public int Whole(string name) =>
        _values.TryGetValue(name, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number) ? number : throw Missing(name, "a whole number");

    /// <summary>A required amount of money: above zero, at most two decimals.</summary>
    public decimal Money(string name)
    {
        if (!_values.TryGetValue(name, out var value) || value.ValueKind != JsonValueKind.Number || !value.TryGetDecimal(out var amount)) throw Missing(name, "an amount in euro");
        if (amount <= 0 || decimal.Round(amount, 2) != amount) throw new ToolArgumentException($"argument `{name}` must be above zero with at most two decimals");
        return amount;
    }

    private static ToolArgumentException Missing(string name, string expected) => new($"argument `{name}` must be {expected}");
}
