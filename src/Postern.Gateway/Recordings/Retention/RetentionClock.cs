using System.Globalization;

namespace Postern.Gateway.Recordings.Retention;

/// <summary>
/// Says whether the clock can be believed when something is to be destroyed because of it. A clock that is set forward for a moment must not
/// destroy what has years to go (attack U11), and one that was set back says nothing of age.
/// </summary>
internal sealed class RetentionClock
{
    /// <summary>How far the clock may stray from what passed by itself; time servers and leap seconds move it less.</summary>
    public static readonly TimeSpan Tolerance = TimeSpan.FromMinutes(5);

    private readonly TimeProvider _clock;
    private readonly DateTimeOffset _began;
    private readonly long _mark;

    /// <param name="clock">Both clocks: the time of day, and what passes by itself.</param>
    public RetentionClock(TimeProvider clock)
    {
        _clock = clock;
        _began = clock.GetUtcNow();
        _mark = clock.GetTimestamp();
    }

    /// <summary>The present instant, or why it is not believed.</summary>
    /// <param name="latest">The latest instant that was ever believed here, or that the record names.</param>
    /// <param name="now">The present instant.</param>
    public string? Doubt(DateTimeOffset latest, out DateTimeOffset now)
    {
        now = _clock.GetUtcNow();
        var strayed = now - _began - _clock.GetElapsedTime(_mark);
        if (strayed.Duration() > Tolerance) return string.Create(CultureInfo.InvariantCulture, $"the clock moved {strayed.TotalMinutes:0} minutes by itself since the start; nothing expires until a restart with the right time");
        return now < latest - Tolerance ? string.Create(CultureInfo.InvariantCulture, $"the clock says {now.UtcDateTime:yyyy-MM-dd'T'HH:mm:ss'Z'}, and was at {latest.UtcDateTime:yyyy-MM-dd'T'HH:mm:ss'Z'} before; nothing expires until it is past that") : null;
    }
}
