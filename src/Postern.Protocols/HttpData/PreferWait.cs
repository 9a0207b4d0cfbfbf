using System.Globalization;
using Microsoft.Extensions.Primitives;

namespace Postern.Protocols.HttpData;

/// <summary>The preference <c>wait</c> (RFC 7240 section 4.3): how long a caller is ready to wait for people.</summary>
internal static class PreferWait
{
    /// <summary>The time, or null when none is given or it cannot be read. The first counts, as the RFC says.</summary>
    public static TimeSpan? Of(StringValues prefer)
    {
        foreach (var value in prefer)
        {
            foreach (var range in (value ?? "").AsSpan().Split(','))
            {
                var preference = value.AsSpan()[range].Trim();
                if (!IsWait(preference)) continue;
                var number = preference[(preference.IndexOf('=') + 1)..].Trim().Trim('"');
                return int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) && seconds > 0 ? TimeSpan.FromSeconds(Math.Min(seconds, 86_400)) : null;
            }
        }
        return null;
    }

    /// <summary>Every other preference, which is the target's to read; null when there is none.</summary>
    public static string? Others(StringValues prefer)
    {
        var others = new List<string>();
        foreach (var value in prefer)
        {
            foreach (var range in (value ?? "").AsSpan().Split(','))
            {
                var preference = value.AsSpan()[range].Trim();
                if (!preference.IsEmpty && !IsWait(preference)) others.Add(preference.ToString());
            }
        }
        return others.Count == 0 ? null : string.Join(", ", others);
    }

    private static bool IsWait(ReadOnlySpan<char> preference)
    {
        var equals = preference.IndexOf('=');
        return equals > 0 && preference[..equals].TrimEnd().Equals("wait", StringComparison.OrdinalIgnoreCase);
    }
}
