using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;
using Postern.Core.Operations;

namespace Postern.Gateway.Authorization;

/// <summary>How a device's request stands.</summary>
internal enum DeviceState
{
    /// <summary>Nobody answered yet.</summary>
    Pending,

    /// <summary>It asked again too soon.</summary>
    TooSoon,

    /// <summary>The person said no.</summary>
    Denied,

    /// <summary>The person agreed; the answer is given out once.</summary>
    Agreed,

    /// <summary>Nobody knows it, or it is over.</summary>
    Unknown,
}

/// <summary>Sign-ins that wait for a person at another device (RFC 8628), in memory alone.</summary>
internal sealed class DeviceBook(TimeProvider clock)
{
    /// <summary>How long a person may take.</summary>
    public static readonly TimeSpan Life = TimeSpan.FromMinutes(10);

    /// <summary>The least time between two questions of one device.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    private const int Capacity = 1000;
    private const int WrongPerMinute = 120;

    // RFC 8628 section 6.1: no vowels, so no words, and nothing that is taken for something else
    private const string Letters = "BCDFGHJKLMNPQRSTVWXZ";
    private readonly Lock _lock = new();
    private readonly Dictionary<Digest, Entry> _byDevice = [];
    private readonly Dictionary<string, Entry> _byUser = new(StringComparer.Ordinal);
    private long _minute;
    private int _wrong;

    private sealed class Entry(Digest device, string user, string client, string resource, DateTimeOffset endsAt)
    {
        public Digest Device { get; } = device;

        public string User { get; } = user;

        public string Client { get; } = client;

        public string Resource { get; } = resource;

        public DateTimeOffset EndsAt { get; } = endsAt;

        public DateTimeOffset AskedAt { get; set; } = DateTimeOffset.MinValue;

        public bool IsDenied { get; set; }

        public Agreement? Agreement { get; set; }
    }

    /// <summary>A new request: what the device keeps, and what the person types. Null when too many wait.</summary>
    public (string DeviceCode, string UserCode)? Add(string client, string resource)
    {
        var now = clock.GetUtcNow();
        var device = OAuthText.NewSecret();
        lock (_lock)
        {
            foreach (var over in _byDevice.Values.Where(entry => entry.EndsAt <= now).ToArray()) Drop(over);
            if (_byDevice.Count >= Capacity) return null;
            string user;
            do user = RandomNumberGenerator.GetString(Letters, 8);
            while (_byUser.ContainsKey(user));
            var entry = new Entry(DigestOf(device), user, client, resource, now + Life);
            _byDevice[entry.Device] = entry;
            _byUser[user] = entry;
            return (device, $"{user[..4]}-{user[4..]}");
        }
    }

    /// <summary>What waits under a code that a person typed. After too many wrong ones nobody learns anything for a minute.</summary>
    public bool TryFind(string typed, out string client, out string resource, [NotNullWhen(true)] out string? user)
    {
        (client, resource, user) = ("", "", null);
        var now = clock.GetUtcNow();
        var text = string.Concat(typed.Take(32).Where(char.IsAsciiLetterOrDigit)).ToUpperInvariant();
        lock (_lock)
        {
            var minute = now.ToUnixTimeSeconds() / 60;
            if (minute != _minute) (_minute, _wrong) = (minute, 0);
            if (_wrong >= WrongPerMinute) return false;
            if (!_byUser.TryGetValue(text, out var entry) || entry.EndsAt <= now || entry.IsDenied || entry.Agreement is not null)
            {
                _wrong++;
                return false;
            }
            (client, resource, user) = (entry.Client, entry.Resource, entry.User);
            return true;
        }
    }

    /// <summary>Keeps a person's answer: what they agreed to, or null for a no. False when nobody waits for it any more.</summary>
    public bool Answer(string user, Agreement? agreement)
    {
        lock (_lock)
        {
            if (!_byUser.TryGetValue(user, out var entry) || entry.EndsAt <= clock.GetUtcNow() || entry.IsDenied || entry.Agreement is not null) return false;
            (entry.Agreement, entry.IsDenied) = (agreement, agreement is null);
            return true;
        }
    }

    /// <summary>The device asks how it stands. What was agreed to is given out once.</summary>
    public DeviceState Ask(string deviceCode, string client, out Agreement? agreement)
    {
        agreement = null;
        var now = clock.GetUtcNow();
        lock (_lock)
        {
            if (!_byDevice.TryGetValue(DigestOf(deviceCode), out var entry) || entry.EndsAt <= now || entry.Client != client) return DeviceState.Unknown;
            var isTooSoon = now - entry.AskedAt < Interval;
            entry.AskedAt = now;
            if (isTooSoon) return DeviceState.TooSoon;
            if (entry is { IsDenied: false, Agreement: null }) return DeviceState.Pending;
            Drop(entry);
            agreement = entry.Agreement;
            return entry.IsDenied ? DeviceState.Denied : DeviceState.Agreed;
        }
    }

    private void Drop(Entry entry)
    {
        _byDevice.Remove(entry.Device);
        _byUser.Remove(entry.User);
    }

    private static Digest DigestOf(string code) => Digest.Of(Encoding.UTF8.GetBytes(code));
}
