using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Postern.Core.Operations;
using Postern.Core.Policy;

namespace Postern.Core.Recording;

/// <summary>
/// Turns a flood of identical denials into one counted record per second, so that an agent in a loop can neither fill the disk
/// nor hide other records (G16).
/// </summary>
internal sealed class DenialCounter : IDisposable
{
    /// <summary>So many identical denials in a second have accounts of their own.</summary>
    public const int OwnAccounts = 10;

    /// <summary>Different denials watched at once; beyond it each has its own account.</summary>
    public const int Capacity = 4_096;

    private static readonly TimeSpan Window = TimeSpan.FromSeconds(1);

    private readonly Action<Intent, DateTimeOffset, long> _write;
    private readonly TimeProvider _clock;
    private readonly ITimer _timer;
    private readonly Dictionary<Digest, Count> _counts = [];
    private readonly Lock _gate = new();
    private bool _isArmed;
    private bool _isClosed;

    /// <param name="write">Takes the last intent counted, the window's begin and the number.</param>
    /// <param name="clock">All time.</param>
    public DenialCounter(Action<Intent, DateTimeOffset, long> write, TimeProvider clock)
    {
        _write = write;
        _clock = clock;
        _timer = clock.CreateTimer(static state => ((DenialCounter)state!).WriteWhatIsOver(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>True when the denial was counted and needs no account of its own.</summary>
    public bool TryCount(Intent intent)
    {
        if (intent.Decision is not Decision.Deny deny) return false;
        var key = KeyOf(intent, deny);
        var now = _clock.GetUtcNow();
        lock (_gate)
        {
            if (_isClosed) return false;
            if (_counts.TryGetValue(key, out var count) && now - count.From >= Window)
            {
                Close(key, count);
                count = null;
            }
            if (count is null)
            {
                if (_counts.Count >= Capacity) return false;
                _counts[key] = count = new Count(now);
                Arm();
            }
            if (++count.Seen <= OwnAccounts) return false;
            count.Counted++;
            count.Last = intent;
            return true;
        }
    }

    /// <summary>Writes everything that is counted.</summary>
    public void Dispose()
    {
        _timer.Dispose();
        lock (_gate)
        {
            _isClosed = true;
            foreach (var (key, count) in _counts) Close(key, count);
        }
    }

    private void WriteWhatIsOver()
    {
        var now = _clock.GetUtcNow();
        lock (_gate)
        {
            _isArmed = false;
            foreach (var (key, count) in _counts)
            {
                if (now - count.From >= Window) Close(key, count);
            }
            if (_counts.Count > 0 && !_isClosed) Arm();
        }
    }

    private void Arm()
    {
        if (_isArmed) return;
        _isArmed = true;
        _timer.Change(Window, Timeout.InfiniteTimeSpan);
    }

    private void Close(Digest key, Count count)
    {
        _counts.Remove(key);
        if (count.Last is { } last) _write(last, count.From, count.Counted);
    }

    private static Digest KeyOf(Intent intent, Decision.Deny deny)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Add(hash, intent.Identity.Key);
        Add(hash, intent.Identity.Agent ?? "");
        Add(hash, intent.Connection.Name);
        Add(hash, deny.Code);
        foreach (var part in intent.Parts)
        {
            Add(hash, part.Action);
            Add(hash, part.Facts.Length);
            foreach (var fact in part.Facts)
            {
                Add(hash, fact.Name);
                Add(hash, fact.IsAll ? -1 : fact.Values.Length);
                foreach (var value in fact.Values) Add(hash, value);
            }
        }
        Span<byte> digest = stackalloc byte[Digest.Size];
        hash.GetHashAndReset(digest);
        return new Digest(digest);
    }

    // Lengths and counts first, so that no two different lists of texts run together into the same bytes.
    private static void Add(IncrementalHash hash, string text)
    {
        Add(hash, text.Length);
        hash.AppendData(MemoryMarshal.AsBytes(text.AsSpan()));
    }

    private static void Add(IncrementalHash hash, int number)
    {
        Span<byte> bytes = stackalloc byte[sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, number);
        hash.AppendData(bytes);
    }

    private sealed class Count(DateTimeOffset from)
    {
        public DateTimeOffset From { get; } = from;

        public long Seen { get; set; }

        public long Counted { get; set; }

        public Intent? Last { get; set; }
    }
}
