using System.Collections.Immutable;
using System.Globalization;

namespace Postern.Core.Policy.Cel;

/// <summary>Instants, durations, and what can be read of an instant.</summary>
internal static class CelTime
{
    private static readonly ImmutableArray<(string Name, Func<DateTimeOffset, int> Read)> Parts =
    [
        ("getFullYear", at => at.Year),
        ("getMonth", at => at.Month - 1),
        ("getDate", at => at.Day),
        ("getDayOfMonth", at => at.Day - 1),
        ("getDayOfWeek", at => (int)at.DayOfWeek),
        ("getDayOfYear", at => at.DayOfYear - 1),
        ("getHours", at => at.Hour),
        ("getMinutes", at => at.Minute),
        ("getSeconds", at => at.Second),
        ("getMilliseconds", at => at.Millisecond),
    ];

    public static IEnumerable<string> Accessors => Parts.Select(part => part.Name);

    public static Func<DateTimeOffset, int>? Find(string name)
    {
        foreach (var part in Parts)
        {
            if (part.Name == name) return part.Read;
        }
        return null;
    }

    public static CelValue Parse(bool isInstant, string text)
    {
        if (!isInstant) return DurationText.TryParse(text, out var duration) ? CelValue.Of(duration) : CelValue.Error("expected a duration such as `90s`, `30m` or `1h30m`");
        return InstantText.TryParse(text, out var instant) ? CelValue.Of(instant) : CelValue.Error("expected an instant such as `2026-01-31T12:00:00Z` (RFC 3339)");
    }

    /// <summary>An IANA zone or a fixed offset; null when it is neither.</summary>
    public static TimeZoneInfo? Zone(string name)
    {
        if (name is ['+' or '-', ..] && TimeSpan.TryParseExact(name.AsSpan(1), @"hh\:mm", CultureInfo.InvariantCulture, out var offset) && offset <= TimeSpan.FromHours(14))
        {
            return TimeZoneInfo.CreateCustomTimeZone(name, name[0] == '-' ? -offset : offset, name, name);
        }
        return TimeZoneInfo.TryFindSystemTimeZoneById(name, out var zone) ? zone : null;
    }
}
