using System.Buffers;
using System.Globalization;

namespace Postern.Core.Policy;

/// <summary>Durations as policies write them: numbers with a unit, largest unit first: <c>90s</c>, <c>30m</c>, <c>1h30m</c>, <c>2d</c>, <c>250ms</c>.</summary>
public static class DurationText
{
    private static readonly (string Unit, long Ticks)[] Units =
    [
        ("d", TimeSpan.TicksPerDay), ("h", TimeSpan.TicksPerHour), ("m", TimeSpan.TicksPerMinute), ("s", TimeSpan.TicksPerSecond), ("ms", TimeSpan.TicksPerMillisecond),
    ];

    private static readonly SearchValues<char> Digits = SearchValues.Create("0123456789.");

    /// <summary>Reads a duration; false when it is none.</summary>
    public static bool TryParse(string text, out TimeSpan duration)
    {
        duration = default;
        var rest = text.AsSpan();
        var isNegative = rest is ['-', ..];
        if (isNegative) rest = rest[1..];
        decimal ticks = 0;
        var lastUnit = -1;
        if (rest.IsEmpty) return false;
        while (!rest.IsEmpty)
        {
            var digits = rest.IndexOfAnyExcept(Digits);
            if (digits is <= 0 or > 15 || !decimal.TryParse(rest[..digits], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number)) return false;
            rest = rest[digits..];
            var letters = rest.IndexOfAnyExceptInRange('a', 'z');
            var unit = rest[..(letters < 0 ? rest.Length : letters)].ToString();
            rest = rest[unit.Length..];
            var at = Array.FindIndex(Units, candidate => candidate.Unit == unit);
            if (at <= lastUnit) return false;
            lastUnit = at;
            ticks += number * Units[at].Ticks;
        }
        if (ticks != decimal.Truncate(ticks) || ticks > TimeSpan.MaxValue.Ticks) return false;
        duration = new TimeSpan((long)(isNegative ? -ticks : ticks));
        return true;
    }
}
