using System.Collections.Frozen;
using System.Text;
using System.Text.Json;

namespace Postern.Core.Policy.Cel;

/// <summary>Equality, order, membership, size and arithmetic over values at run time.</summary>
internal static class CelOperators
{
    /// <summary>CEL's heterogeneous equality: values of different types are unequal, not an error.</summary>
    public static bool AreEqual(in CelValue left, in CelValue right, ref CelContext context)
    {
        context.Charge(1);
        if (left.IsOptional != right.IsOptional) return false;
        if (left.IsNumber && right.IsNumber) return CelNumber.Compare(left, right) == 0;
        if (left.Kind != right.Kind) return false;
        return left.Kind switch
        {
            CelKind.Text => TextsEqual(left, right, ref context),
            CelKind.Timestamp or CelKind.Duration => left.Number == right.Number,
            CelKind.List => ListsEqual(left, right, ref context),
            CelKind.Map => MapsEqual(left, right, ref context),
            _ => true,
        };
    }

    private static bool TextsEqual(in CelValue left, in CelValue right, ref CelContext context)
    {
        if (left.IsRaw && right.IsRaw) return string.Equals(left.AsText(), right.AsText(), StringComparison.Ordinal);
        if (!left.IsRaw && !right.IsRaw) return string.Equals((string)left.Reference!, (string)right.Reference!, StringComparison.Ordinal);
        var raw = left.IsRaw ? left.Json : right.Json;
        context.ChargeBytes(raw.Length);
        var reader = new Utf8JsonReader(raw.Span);
        reader.Read();
        return reader.ValueTextEquals((string)(left.Reference ?? right.Reference)!);
    }

    private static bool ListsEqual(in CelValue left, in CelValue right, ref CelContext context)
    {
        var lefts = new CelItems(left, ref context);
        var rights = new CelItems(right, ref context);
        while (lefts.MoveNext(ref context))
        {
            if (!rights.MoveNext(ref context) || !AreEqual(lefts.Current, rights.Current, ref context)) return false;
        }
        return !rights.MoveNext(ref context);
    }

    private static bool MapsEqual(in CelValue left, in CelValue right, ref CelContext context)
    {
        var count = 0;
        var entries = new CelItems(left, ref context);
        while (entries.MoveNext(ref context))
        {
            count++;
            var other = At(right, entries.Current, ref context);
            if (other.Kind == CelKind.None || !AreEqual(entries.Value, other, ref context)) return false;
        }
        return !context.IsExhausted && CelSize.Of(right, ref context).Number == count;
    }

    /// <summary>Less than, and so on; an error between types that have no order.</summary>
    public static CelValue Compare(string symbol, in CelValue left, in CelValue right)
    {
        int order;
        if (left.IsOptional || right.IsOptional) return CelValue.Error("an optional cannot be compared; use `orValue`");
        if (left.IsNumber && right.IsNumber) order = CelNumber.Compare(left, right);
        else if (left.Kind == CelKind.Text && right.Kind == CelKind.Text) order = CompareCodePoints(left.AsText(), right.AsText());
        else if (left.Kind == right.Kind && left.Kind is CelKind.Timestamp or CelKind.Duration) order = left.Number.CompareTo(right.Number);
        else if (left.IsBool && right.IsBool) order = left.Kind.CompareTo(right.Kind);
        else return CelValue.Error($"`{symbol}` cannot compare {left.Name} with {right.Name}");
        return CelValue.Of(symbol switch
        {
            "<" => order < 0,
            "<=" => order <= 0,
            ">" => order > 0,
            _ => order >= 0,
        });
    }

    // UTF-16 order differs from code point order above U+FFFF; UTF-8 order does not.
    private static int CompareCodePoints(string left, string right)
    {
        var at = left.AsSpan().CommonPrefixLength(right);
        if (at == left.Length || at == right.Length) return left.Length.CompareTo(right.Length);
        return char.IsSurrogate(left[at]) == char.IsSurrogate(right[at]) ? left[at].CompareTo(right[at]) : char.IsSurrogate(left[at]) ? 1 : -1;
    }

    /// <summary><c>needle in haystack</c>: an item of a list or a key of a map.</summary>
    public static CelValue In(in CelValue needle, in CelValue haystack, ref CelContext context)
    {
        if (haystack.IsOptional || haystack.Kind is not (CelKind.List or CelKind.Map)) return CelValue.Error($"`in` needs a list or a map, found {haystack.Name}");
        if (haystack.Kind == CelKind.Map) return CelValue.Of(At(haystack, needle, ref context).Kind != CelKind.None);
        if (haystack.Reference is FrozenSet<string> set) return CelValue.Of(needle.Kind == CelKind.Text && set.Contains(needle.AsText()));
        var items = new CelItems(haystack, ref context);
        while (items.MoveNext(ref context))
        {
            if (AreEqual(needle, items.Current, ref context)) return CelValue.True;
        }
        return CelValue.False;
    }

    /// <summary>The value under a key or at an index; <see cref="CelKind.None"/> when there is none.</summary>
    public static CelValue At(in CelValue collection, in CelValue key, ref CelContext context)
    {
        if (collection.Kind == CelKind.Map)
        {
            if (collection.IsRaw) return key.Kind == CelKind.Text ? CelJson.Member(collection.Json, Encoding.UTF8.GetBytes(key.AsText()), ref context) : CelValue.None;
            foreach (var entry in (KeyValuePair<CelValue, CelValue>[])collection.Reference!)
            {
                if (AreEqual(entry.Key, key, ref context)) return entry.Value;
            }
            return CelValue.None;
        }
        if (collection.Kind != CelKind.List) return CelValue.Error($"{collection.Name} has no items");
        if (key.Kind != CelKind.Number || decimal.Truncate(key.Number) != key.Number) return CelValue.Error("a list is read by a whole number");
        if (key.Number < 0) return CelValue.None;
        var items = new CelItems(collection, ref context);
        for (decimal at = 0; items.MoveNext(ref context); at++)
        {
            if (at == key.Number) return items.Current;
        }
        return CelValue.None;
    }

    public static CelValue Calculate(char symbol, in CelValue left, in CelValue right, ref CelContext context)
    {
        if (left.IsOptional || right.IsOptional) return CelValue.Error("an optional cannot be calculated with; use `orValue`");
        if (left.IsNumber && right.IsNumber) return CelNumber.Compute(symbol, left, right);
        if (symbol == '+' && left.Kind == CelKind.Text && right.Kind == CelKind.Text)
        {
            var joined = left.AsText() + right.AsText();
            context.ChargeBytes(joined.Length);
            return CelValue.Of(joined);
        }
        if (symbol == '+' && left.Kind == CelKind.List && right.Kind == CelKind.List) return Join(left, right, ref context);
        return Time(symbol, left, right);
    }

    private static CelValue Join(in CelValue left, in CelValue right, ref CelContext context)
    {
        var all = new List<CelValue>();
        var items = new CelItems(left, ref context);
        while (items.MoveNext(ref context)) all.Add(items.Current);
        items = new CelItems(right, ref context);
        while (items.MoveNext(ref context)) all.Add(items.Current);
        return CelValue.Of(all.ToArray());
    }

    private static CelValue Time(char symbol, in CelValue left, in CelValue right)
    {
        CelKind? kind = (left.Kind, symbol, right.Kind) switch
        {
            (CelKind.Timestamp, '+' or '-', CelKind.Duration) => CelKind.Timestamp,
            (CelKind.Duration, '+', CelKind.Timestamp) => CelKind.Timestamp,
            (CelKind.Timestamp, '-', CelKind.Timestamp) => CelKind.Duration,
            (CelKind.Duration, '+' or '-', CelKind.Duration) => CelKind.Duration,
            _ => null,
        };
        if (kind is null) return CelValue.Error($"`{symbol}` cannot be applied to {left.Name} and {right.Name}");
        var ticks = symbol == '+' ? left.Number + right.Number : left.Number - right.Number;
        if (kind == CelKind.Timestamp && (ticks < 0 || ticks > DateTime.MaxValue.Ticks)) return CelValue.Error("the instant is out of range");
        return CelValue.OfTicks(kind.Value, ticks);
    }
}
