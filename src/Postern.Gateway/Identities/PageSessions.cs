using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;
using Postern.Core.Operations;
using Postern.Core.Sessions;

namespace Postern.Gateway.Identities;

/// <summary>
/// The sessions of signed-in people, in memory alone: the cookie is a random number and its hash the key, so nothing on disk
/// can be copied or forged into a session, signing out ends it at once, and a restart asks everyone to sign in again.
/// </summary>
internal sealed class PageSessions(TimeProvider clock, Revocations revocations)
{
    /// <summary>A session that nobody used for this long has ended.</summary>
    public static readonly TimeSpan IdleLife = TimeSpan.FromMinutes(15);

    /// <summary>A session ends after this, however busy.</summary>
    public static readonly TimeSpan WholeLife = TimeSpan.FromHours(8);

    private const int Capacity = 10_000;
    private const int SecretBytes = 32;
    private readonly Lock _lock = new();
    private readonly Dictionary<Digest, Session> _sessions = [];

    internal sealed class Session(Identity identity, DateTimeOffset endsAt, DateTimeOffset seenAt)
    {
        private readonly byte[] _csrfKey = RandomNumberGenerator.GetBytes(SecretBytes);

        public Identity Identity { get; } = identity;

        public DateTimeOffset EndsAt { get; } = endsAt;

        public DateTimeOffset SeenAt { get; set; } = seenAt;

        public string Csrf => field ??= Base64Url.EncodeToString(HMACSHA256.HashData(_csrfKey, "form"u8));
    }

    /// <summary>Begins a session; the answer is the cookie's value.</summary>
    public string Begin(Identity identity)
    {
        var secret = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(SecretBytes));
        var now = clock.GetUtcNow();
        lock (_lock)
        {
            if (_sessions.Count >= Capacity)
            {
                DropEnded(now);
            }

            // still full: the one that was idle longest goes, and its person signs in again
            if (_sessions.Count >= Capacity)
            {
                _sessions.Remove(_sessions.MinBy(entry => entry.Value.SeenAt).Key);
            }

            _sessions[KeyOf(secret)] = new(identity, now + WholeLife, now);
        }

        return secret;
    }

    /// <summary>The living session of a cookie, which is thereby used.</summary>
    public bool TryUse(string? secret, [NotNullWhen(true)] out Session? session)
    {
        session = null;
        if (secret is not { Length: 43 })
        {
            return false;
        }

        var key = KeyOf(secret);
        var now = clock.GetUtcNow();
        lock (_lock)
        {
            if (!_sessions.TryGetValue(key, out session))
            {
                return false;
            }

            // a session may have begun at the very moment of its person's revocation
            if (HasEnded(session, now) || revocations.Covers(session.Identity))
            {
                _sessions.Remove(key);
                session = null;
                return false;
            }

            session.SeenAt = now;
            return true;
        }
    }

    public void End(string secret)
    {
        lock (_lock)
        {
            _sessions.Remove(KeyOf(secret));
        }
    }

    /// <summary>Ends every session of somebody whose credentials were taken back.</summary>
    public void EndCovered()
    {
        lock (_lock)
        {
            foreach (var (key, session) in _sessions)
            {
                if (revocations.Covers(session.Identity))
                {
                    _sessions.Remove(key);
                }
            }
        }
    }

    private static Digest KeyOf(string secret) => Digest.Of(Encoding.UTF8.GetBytes(secret));

    private static bool HasEnded(Session session, DateTimeOffset now) => session.EndsAt <= now || session.SeenAt + IdleLife <= now;

    private void DropEnded(DateTimeOffset now)
    {
        foreach (var (key, session) in _sessions)
        {
            if (HasEnded(session, now))
            {
                _sessions.Remove(key);
            }
        }
    }
}
