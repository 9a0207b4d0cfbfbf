using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;

namespace Postern.Demo.Issuer;

/// <summary>
/// Random handles (codes, device codes, refresh tokens, half-done sign-ins) and what stands behind them, until they expire.
/// Bounded: when full, the new one is refused, so that a flood on this machine cannot grow the process.
/// </summary>
internal sealed class Handles<T>(TimeProvider clock, TimeSpan lifetime)
    where T : class
{
    private const int Capacity = 4096;
    private readonly Lock _lock = new();
    private readonly Dictionary<string, (T Value, DateTimeOffset EndsAt)> _byHandle = new(StringComparer.Ordinal);

    public TimeSpan Lifetime => lifetime;

    /// <summary>Null when full.</summary>
    public string? Add(T value) => Add(Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32)), value);

    public string? Add(string handle, T value)
    {
        lock (_lock)
        {
            var now = clock.GetUtcNow();
            if (_byHandle.Count >= Capacity)
            {
                foreach (var (old, entry) in _byHandle)
                {
                    if (entry.EndsAt <= now)
                    {
                        _byHandle.Remove(old);
                    }
                }
            }

            return _byHandle.Count < Capacity && _byHandle.TryAdd(handle, (value, now + lifetime)) ? handle : null;
        }
    }

    public bool TryGet(string handle, [NotNullWhen(true)] out T? value)
    {
        lock (_lock)
        {
            value = _byHandle.TryGetValue(handle, out var entry) && entry.EndsAt > clock.GetUtcNow() ? entry.Value : null;
            return value is not null;
        }
    }

    /// <summary>Takes the handle away: of several callers at once, one gets it.</summary>
    public bool TryTake(string handle, [NotNullWhen(true)] out T? value)
    {
        lock (_lock)
        {
            value = _byHandle.Remove(handle, out var entry) && entry.EndsAt > clock.GetUtcNow() ? entry.Value : null;
            return value is not null;
        }
    }
}
