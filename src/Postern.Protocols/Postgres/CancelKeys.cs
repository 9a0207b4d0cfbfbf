using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Security.Cryptography;

namespace Postern.Protocols.Postgres;

/// <summary>
/// The keys by which clients cancel what their sessions do: 64 random bits of our own, so that no key of a server is ever seen, and a
/// guess has nothing to go by (attack Q12).
/// </summary>
internal sealed class CancelKeys(TimeProvider clock)
{
    /// <summary>Requests with unknown keys that are looked at in one second; further ones are dropped unread.</summary>
    public const int WrongPerSecond = 100;

    private readonly ConcurrentDictionary<long, PostgresSession> _sessions = new();
    private readonly Lock _gate = new();
    private long _second;
    private int _wrong;

    /// <summary>A new key for a session.</summary>
    public long Add(PostgresSession session)
    {
        Span<byte> bytes = stackalloc byte[sizeof(long)];
        while (true)
        {
            RandomNumberGenerator.Fill(bytes);
            var key = BinaryPrimitives.ReadInt64BigEndian(bytes);
            if (key != 0 && _sessions.TryAdd(key, session)) return key;
        }
    }

    public void Remove(long key) => _sessions.TryRemove(key, out _);

    /// <summary>The session of this key, or null; false in <paramref name="mayTell"/> when there were too many wrong ones to note another.</summary>
    public PostgresSession? Find(long key, out bool mayTell)
    {
        mayTell = true;
        lock (_gate)
        {
            var second = clock.GetUtcNow().ToUnixTimeSeconds();
            if (second != _second) (_second, _wrong) = (second, 0);
            if (_wrong >= WrongPerSecond)
            {
                mayTell = false;
                return null;
            }
            if (_sessions.TryGetValue(key, out var session)) return session;
            _wrong++;
            return null;
        }
    }
}
