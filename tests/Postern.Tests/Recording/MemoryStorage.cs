using Postern.Core.Recording;

namespace Postern.Tests.Recording;

/// <summary>
/// A disk in memory that knows what was flushed, keeps an account of its steps, and fails where a test says so.
/// </summary>
internal sealed class MemoryStorage : IJournalStorage
{
    private readonly Dictionary<string, MemoryFile> _files = new(StringComparer.Ordinal);
    private readonly Lock _gate = new();

    public string Name => "memory";

    public int Writes { get; private set; }

    public int Flushes { get; private set; }

    /// <summary>When it answers true, the write stores half of its bytes and fails.</summary>
    public Func<bool>? WriteFails { get; set; }

    /// <summary>True for a disk that is so full that zeros do not fit, and records still do.</summary>
    public bool HasNoRoom { get; init; }

    /// <summary>How often they did not.</summary>
    public int RoomsRefused { get; private set; }

    /// <summary>
    /// When it answers true, the flush fails, and what it should have flushed is lost for good: it can still be read, later
    /// flushes succeed, and after a power loss it is not there (how Linux treats a failed fsync).
    /// </summary>
    public Func<bool>? FlushFails { get; set; }

    /// <summary>Called before each flush; lets a test hold one back.</summary>
    public Action? BeforeFlush { get; set; }

    public IReadOnlyList<string> List()
    {
        lock (_gate) return [.. _files.Keys.Order(StringComparer.Ordinal)];
    }

    public IJournalFile Open(string name)
    {
        lock (_gate) return _files[name];
    }

    public IJournalFile Create(string name)
    {
        lock (_gate)
        {
            var file = new MemoryFile(this);
            _files.Add(name, file);
            return file;
        }
    }

    public void Delete(string name)
    {
        lock (_gate) _files.Remove(name);
    }

    public void FlushNames()
    {
    }

    public void Dispose()
    {
    }

    /// <summary>All bytes, flushed or not.</summary>
    public byte[] Bytes(string name)
    {
        lock (_gate) return [.. _files[name].Written];
    }

    public void Put(string name, byte[] bytes)
    {
        lock (_gate) _files[name] = new MemoryFile(this) { Written = [.. bytes], Flushed = bytes };
    }

    /// <summary>What another process finds after this one was killed: everything written.</summary>
    public MemoryStorage AfterKill() => Copy(file => [.. file.Written]);

    /// <summary>What is left after a power loss: what was flushed.</summary>
    public MemoryStorage AfterPowerLoss() => Copy(file => file.Flushed);

    private MemoryStorage Copy(Func<MemoryFile, byte[]> content)
    {
        var copy = new MemoryStorage();
        lock (_gate)
        {
            foreach (var (name, file) in _files) copy.Put(name, content(file));
        }
        return copy;
    }

    private sealed class MemoryFile(MemoryStorage home) : IJournalFile
    {
        public List<byte> Written { get; init; } = [];

        public byte[] Flushed { get; set; } = [];

        private List<(int From, int To)> Lost { get; } = [];

        public long Length
        {
            get
            {
                lock (home._gate) return Written.Count;
            }
        }

        public int Read(Span<byte> destination, long offset)
        {
            lock (home._gate)
            {
                var count = (int)Math.Min(destination.Length, Math.Max(0, Written.Count - offset));
                System.Runtime.InteropServices.CollectionsMarshal.AsSpan(Written).Slice((int)Math.Min(offset, Written.Count), count).CopyTo(destination);
                return count;
            }
        }

        public void Write(ReadOnlySpan<byte> bytes, long offset)
        {
            lock (home._gate)
            {
                Assert.InRange(offset, 0, Written.Count);
                home.Writes++;
                var fails = home.WriteFails?.Invoke() == true;
                if (home.HasNoRoom && !bytes.ContainsAnyExcept((byte)0))
                {
                    home.RoomsRefused++;
                    fails = true;
                }
                Put(fails ? bytes[..(bytes.Length / 2)] : bytes, (int)offset);
                if (fails) throw new IOException("no space left on device");
            }
        }

        // Only room is ever written over.
        private void Put(ReadOnlySpan<byte> bytes, int offset)
        {
            var room = System.Runtime.InteropServices.CollectionsMarshal.AsSpan(Written)[offset..];
            if (room.Length > bytes.Length) room = room[..bytes.Length];
            Assert.False(room.ContainsAnyExcept((byte)0), "a record was written over");
            bytes[..room.Length].CopyTo(room);
            Written.AddRange(bytes[room.Length..]);
        }

        public void SetLength(long length)
        {
            lock (home._gate)
            {
                Written.RemoveRange((int)length, Written.Count - (int)length);
                for (var i = Lost.Count - 1; i >= 0; i--)
                {
                    if (Lost[i].From >= length) Lost.RemoveAt(i);
                    else if (Lost[i].To > length) Lost[i] = (Lost[i].From, (int)length);
                }
            }
        }

        public void Flush()
        {
            home.BeforeFlush?.Invoke();
            lock (home._gate)
            {
                home.Flushes++;
                if (home.FlushFails?.Invoke() == true)
                {
                    var same = System.Runtime.InteropServices.CollectionsMarshal.AsSpan(Written).CommonPrefixLength(Flushed);
                    if (Written.Count > same) Lost.Add((same, Written.Count));
                    throw new IOException("input/output error");
                }
                Flushed = [.. Written];
                foreach (var (from, to) in Lost) Flushed.AsSpan(from..to).Clear();
            }
        }

        public void Dispose()
        {
        }
    }
}
