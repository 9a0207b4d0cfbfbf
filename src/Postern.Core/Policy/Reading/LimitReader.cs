using System.Collections.Immutable;
using System.Globalization;
using Postern.Core.Yaml;

namespace Postern.Core.Policy.Reading;

/// <summary>Reads <c>limits</c> of a rule or of an entry of <c>requests</c>.</summary>
internal static class LimitReader
{
    private static readonly ImmutableArray<string> Keys = ["calls", "concurrent", "rows", "bytes", "time", "per"];
    private static readonly ImmutableArray<(string, LimitPer)> Pers = [("identity", LimitPer.Identity), ("agent", LimitPer.Agent), ("connection", LimitPer.Connection)];
    private static readonly ImmutableArray<(string Suffix, long Factor)> Sizes = [("KiB", 1L << 10), ("MiB", 1L << 20), ("GiB", 1L << 30)];

    // Each call of the window is remembered by its time.
    private const int MaxCalls = 1_000_000;
    private static readonly TimeSpan LongestWindow = TimeSpan.FromDays(7);

    public static RuleLimits? Read(LoadContext context, YamlNode node, string rule)
    {
        if (!context.IsMapping(node, "`limits`")) return null;
        context.CheckKeys(node, Keys);
        if (node.Entries.IsEmpty) context.Error(node, "`limits` is empty; name a limit, or leave the key out");
        var (calls, window) = Calls(context, node.Find("calls"));
        return new RuleLimits(
            rule, calls, window,
            Number(context, node.Find("concurrent"), "`concurrent`", MaxCalls) is { } concurrent ? (int)concurrent : null,
            Number(context, node.Find("rows"), "`rows`", long.MaxValue),
            Bytes(context, node.Find("bytes")),
            node.Find("time") is { } time ? context.Duration(time, "`time`") : null,
            node.Find("per") is { } per ? context.Word(per, "`per`", Pers) ?? LimitPer.Identity : LimitPer.Identity);
    }

    // `100/h`, `5/10m`: a number, and the time that it is for.
    private static (int? Calls, TimeSpan Window) Calls(LoadContext context, YamlNode? node)
    {
        if (node is null) return default;
        if (node.Kind == YamlKind.Scalar && node.Text.IndexOf('/', StringComparison.Ordinal) is > 0 and var slash
            && int.TryParse(node.Text.AsSpan(0, slash), NumberStyles.None, CultureInfo.InvariantCulture, out var calls) && calls is > 0 and <= MaxCalls)
        {
            var unit = node.Text[(slash + 1)..];
            if (unit.Length > 0 && !char.IsAsciiDigit(unit[0])) unit = "1" + unit;
            if (DurationText.TryParse(unit, out var window) && window > TimeSpan.Zero && window <= LongestWindow) return (calls, window);
        }
        context.Error(node, $"`calls` must be a number from 1 to {MaxCalls} and the time it is for, at most 7d, such as `100/h` or `5/10m`; found {LoadContext.Shown(node)}");
        return default;
    }

    private static long? Number(LoadContext context, YamlNode? node, string what, long most)
    {
        if (node is null) return null;
        if (node.Kind == YamlKind.Scalar && long.TryParse(node.Text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number > 0 && number <= most) return number;
        context.Error(node, $"{what} must be a whole number above zero, found {LoadContext.Shown(node)}");
        return null;
    }

    private static long? Bytes(LoadContext context, YamlNode? node)
    {
        if (node is null) return null;
        var text = node.Kind == YamlKind.Scalar ? node.Text : "";
        var factor = 1L;
        foreach (var (suffix, size) in Sizes)
        {
            if (text.EndsWith(suffix, StringComparison.Ordinal)) (text, factor) = (text[..^suffix.Length], size);
        }
        if (long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var count) && count is > 0 and < (1L << 32)) return count * factor;
        context.Error(node, $"`bytes` must be a size such as `65536`, `64KiB` or `10MiB`, found {LoadContext.Shown(node)}");
        return null;
    }
}
