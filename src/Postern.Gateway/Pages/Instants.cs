using System.Globalization;

namespace Postern.Gateway.Pages;

/// <summary>Times for people: always with their zone, and how far away they are.</summary>
internal static class Instants
{
    public static Html Of(DateTimeOffset instant) =>
        Html.Of($"<time datetime=\"{instant.ToString("O", CultureInfo.InvariantCulture)}\">{instant.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture)} UTC</time>");

    public static string Distance(DateTimeOffset instant, DateTimeOffset now)
    {
        var span = instant - now;
        var text = Length(span.Duration());
        return span >= TimeSpan.Zero ? $"in {text}" : $"{text} ago";
    }

    public static string Length(TimeSpan span) => span switch
    {
        { TotalSeconds: < 60 } => Count((int)span.TotalSeconds, "second"),
        { TotalMinutes: < 60 } => Count((int)span.TotalMinutes, "minute"),
        { TotalHours: < 48 } => Count((int)span.TotalHours, "hour"),
        _ => Count((int)span.TotalDays, "day"),
    };

    private static string Count(int count, string unit) => count == 1 ? $"1 {unit}" : string.Create(CultureInfo.InvariantCulture, $"{count} {unit}s");
}
