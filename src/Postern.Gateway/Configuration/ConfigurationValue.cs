using System.Collections.Immutable;
using System.Globalization;
using System.Net;

namespace Postern.Gateway.Configuration;

/// <summary>Reads single values: each form is understood in one place, and each refusal says what was expected.</summary>
internal static class ConfigurationValue
{
    private const long MostVolume = 1L << 50;

    private static readonly (string Suffix, long Factor)[] _sizes = [("KiB", 1024), ("MiB", 1024 * 1024), ("GiB", 1024 * 1024 * 1024)];
    private static readonly (string Suffix, long Factor)[] _volumes = [.. _sizes, ("TiB", MostVolume / 1024)];
    // A century: longer than anything here is meant, and far from what a span can hold.
    private const double LongestMilliseconds = 36_525 * 86_400_000.0;

    private static readonly (string Suffix, double Milliseconds)[] _durations = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

    /// <summary>Null when the text is a value of this kind; otherwise what was expected.</summary>
    public static string? Expectation(ConfigurationShape.Value shape, string text) => shape.Kind switch
    {
        ValueKind.Url when !TryUrl(text, out _) => "expected an absolute URL such as `https://gateway.example.com`, without user name, query or fragment",
        ValueKind.Target when !TryTarget(text, out _) => "expected an absolute URL such as `https://mcp.example.com/mcp` or `postgresql://db.example.com:5432/shop`, without user name, query or fragment",
        ValueKind.Size when !TrySize(text, out _) => "expected a size such as `65536`, `64KiB` or `1MiB`, up to 1GiB",
        ValueKind.Volume when !TryVolume(text, out _) => "expected a size such as `512MiB`, `50GiB` or `2TiB`, up to 1024TiB",
        ValueKind.Duration when !TryDuration(text, out _) => "expected a time span such as `500ms`, `10s`, `5m` or `2h`",
        ValueKind.Number when !(int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number > 0) => "expected a whole number above zero",
        ValueKind.Network when !IPNetwork.TryParse(text, out _) => "expected an address range such as `10.0.0.0/8` or `fd00::/8`",
        ValueKind.Switch when text is not ("true" or "false") => "expected `true` or `false`",
        ValueKind.Choice when !shape.Choices.Contains(text, StringComparer.Ordinal) => $"expected {Words(shape.Choices)}{Core.Yaml.NearestWord.Hint(text, shape.Choices)}",
        _ when text.Length == 0 => "expected a value, found nothing",
        _ when text.Any(character => character < ' ' && !(shape.HasLines && character is '\r' or '\n')) => "expected text without control characters",
        _ => null,
    };

    public static bool TryUrl(string text, out Uri url) => TryParse(text, out url) && url.Scheme is ("http" or "https");

    /// <summary>The same for targets, which may also speak PostgreSQL.</summary>
    public static bool TryTarget(string text, out Uri url) => TryParse(text, out url) && url.Scheme is ("http" or "https" or "postgresql");

    private static bool TryParse(string text, out Uri url)
    {
        url = null!;
        if (!Uri.TryCreate(text, UriKind.Absolute, out var parsed)) return false;
        if (parsed.UserInfo.Length > 0 || parsed.Query.Length > 0 || parsed.Fragment.Length > 0 || parsed.Host.Length == 0) return false;
        url = parsed;
        return true;
    }

    public static bool TrySize(string text, out int bytes)
    {
        var isSize = TryBytes(text, _sizes, 1024L * 1024 * 1024, out var found);
        bytes = (int)found;
        return isSize;
    }

    public static bool TryVolume(string text, out long bytes) => TryBytes(text, _volumes, MostVolume, out bytes);

    private static bool TryBytes(string text, (string Suffix, long Factor)[] units, long most, out long bytes)
    {
        bytes = 0;
        var (digits, factor) = (text, 1L);
        foreach (var (suffix, size) in units)
        {
            if (text.EndsWith(suffix, StringComparison.Ordinal)) (digits, factor) = (text[..^suffix.Length].TrimEnd(' '), size);
        }
        if (!long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var count) || count <= 0 || count > most / factor) return false;
        bytes = count * factor;
        return true;
    }

    public static bool TryDuration(string text, out TimeSpan span)
    {
        span = default;
        foreach (var (suffix, milliseconds) in _durations)
        {
            if (!text.EndsWith(suffix, StringComparison.Ordinal)) continue;
            if (!int.TryParse(text[..^suffix.Length], NumberStyles.None, CultureInfo.InvariantCulture, out var count) || count <= 0 || count * milliseconds > LongestMilliseconds) continue;
            span = TimeSpan.FromMilliseconds(count * milliseconds);
            return true;
        }
        return false;
    }

    private static string Words(ImmutableArray<string> choices) =>
        choices.Length == 1 ? $"`{choices[0]}`" : string.Join(", ", choices[..^1].Select(choice => $"`{choice}`")) + $" or `{choices[^1]}`";
}
