using System.Collections.Concurrent;
using System.Security.Cryptography;

namespace Postern.Core.Recording;

/// <summary>
/// The keys of the sessions that are being recorded. The first operation of a session waits until its key survives a power loss: a record
/// that nobody can read would be none (G1). Every later one finds it in memory.
/// </summary>
internal sealed class SessionKeys(IDataKeyStore store)
{
    /// <summary>Keys held at once; beyond it those are let go that were not used since the last time. A session that goes on after that has another one.</summary>
    private const int Capacity = 16_384;

    private readonly ConcurrentDictionary<string, Task<SessionKey>> _keys = new(StringComparer.Ordinal);

    /// <summary>The key of a session; completes when it is durable.</summary>
    /// <exception cref="RecordingException">It cannot be kept.</exception>
    public ValueTask<SessionKey> ForAsync(string session)
    {
        if (!_keys.TryGetValue(session, out var known)) return MakeAsync(session);
        if (!known.IsCompletedSuccessfully) return new ValueTask<SessionKey>(known);
        var key = known.Result;
        key.IsUsed = true;
        return new ValueTask<SessionKey>(key);
    }

    /// <summary>The key of a session that was recorded a moment ago; null when there is none any more.</summary>
    public SessionKey? Find(string session) => _keys.TryGetValue(session, out var known) && known.IsCompletedSuccessfully ? known.Result : null;

    /// <summary>Lets go of a session's key: what comes under that name later is sealed with another one.</summary>
    public void Forget(string session) => _keys.TryRemove(session, out _);

    private async ValueTask<SessionKey> MakeAsync(string session)
    {
        if (_keys.Count >= Capacity) Sweep();
        var made = new TaskCompletionSource<SessionKey>(TaskCreationOptions.RunContinuationsAsynchronously);
        var known = _keys.GetOrAdd(session, made.Task);
        if (!ReferenceEquals(known, made.Task)) return await known.ConfigureAwait(false);
        var secret = RandomNumberGenerator.GetBytes(SessionKey.KeyBytes);
        try
        {
            var id = new UInt128(BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(8)), BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(8)));
            await store.SaveAsync(id, session, secret).ConfigureAwait(false);
            var key = new SessionKey(session, id, secret);
            made.SetResult(key);
            return key;
        }
        catch (Exception fault)
        {
            // The next operation tries again.
            _keys.TryRemove(session, out _);
            var refusal = fault as RecordingException ?? new RecordingException("the session's data key cannot be kept", fault);
            made.SetException(refusal);
            _ = made.Task.Exception;
            throw refusal;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(secret);
        }
    }

    private void Sweep()
    {
        foreach (var (session, known) in _keys)
        {
            if (!known.IsCompletedSuccessfully) continue;
            if (!known.Result.IsUsed) _keys.TryRemove(session, out _);
            known.Result.IsUsed = false;
        }
    }
}
