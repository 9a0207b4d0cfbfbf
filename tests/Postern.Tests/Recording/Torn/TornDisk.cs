using Postern.Core.Recording;

namespace Postern.Tests.Recording.Torn;

/// <summary>
/// A disk that keeps the history of every write, cut, flush and name, and of what was promised between them; <see cref="Crashes"/> tells
/// what each moment of that history could leave behind. Reads see everything, as a page cache lets them.
/// </summary>
internal sealed class TornDisk : IJournalStorage
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, TornFile> _names = new(StringComparer.Ordinal);
    private readonly List<Step> _steps = [];
    private readonly Dictionary<string, TornFile> _first = new(StringComparer.Ordinal);

    /// <summary>An empty disk, or one that holds what a crash left, all of it durable.</summary>
    public TornDisk(MemoryStorage? left = null)
    {
        foreach (var name in left?.List() ?? [])
        {
            var file = new TornFile(this, left!.Bytes(name));
            _names.Add(name, file);
            _first.Add(name, file);
        }
    }

    /// <summary>True for a disk that answers every flush at once and does nothing: what the judge of these tests has to see.</summary>
    public bool LiesAboutFlushes { get; init; }

    public string Name => "torn";

    /// <summary>Notes that from here on something is owed to somebody.</summary>
    public void Note(Note note)
    {
        lock (_gate) _steps.Add(new Step.Noted(note));
    }

    public IReadOnlyList<string> List()
    {
        lock (_gate) return [.. _names.Keys.Order(StringComparer.Ordinal)];
    }

    public IJournalFile Open(string name)
    {
        lock (_gate) return _names[name];
    }

    public IJournalFile Create(string name)
    {
        lock (_gate)
        {
            var file = new TornFile(this, []);
            _names.Add(name, file);
            _steps.Add(new Step.Named(name, file));
            return file;
        }
    }

    public void Delete(string name)
    {
        lock (_gate)
        {
            _names.Remove(name);
            _steps.Add(new Step.Named(name, null));
        }
    }

    public void FlushNames()
    {
        lock (_gate) _steps.Add(new Step.NamesFlushed());
    }

    public void Dispose()
    {
    }

    /// <summary>Every moment between two steps at which the power could fail, with what was owed by then.</summary>
    public IEnumerable<Crash> Crashes()
    {
        var state = new Crash(_first);
        Step[] steps;
        lock (_gate) steps = [.. _steps];
        foreach (var step in steps)
        {
            if (step is Step.Noted noted)
            {
                state.Owed.Add(noted.Note);
                continue;
            }
            // Whatever was promised before this step is owed if the power fails before it.
            yield return state;
            switch (step)
            {
                case Step.Wrote wrote:
                    state.Of(wrote.File).Write(wrote.Bytes, wrote.Offset);
                    break;
                case Step.Cut cut:
                    state.Of(cut.File).SetLength(cut.Length);
                    break;
                case Step.Flushed flushed when !LiesAboutFlushes:
                    state.Of(flushed.File).Flush();
                    break;
                case Step.Named named:
                    state.Name(named.Name, named.File);
                    break;
                case Step.NamesFlushed when !LiesAboutFlushes:
                    state.FlushNames();
                    break;
            }
        }
        yield return state;
    }

    private abstract record Step
    {
        public sealed record Wrote(TornFile File, byte[] Bytes, long Offset) : Step;

        public sealed record Cut(TornFile File, long Length) : Step;

        public sealed record Flushed(TornFile File) : Step;

        public sealed record Named(string Name, TornFile? File) : Step;

        public sealed record NamesFlushed : Step;

        public sealed record Noted(Note Note) : Step;
    }

    /// <summary>One file; the disk knows it by itself, whatever it is called.</summary>
    internal sealed class TornFile(TornDisk home, byte[] first) : IJournalFile
    {
        private byte[] _bytes = first;

        public byte[] First { get; } = first;

        public long Length
        {
            get
            {
                lock (home._gate) return _bytes.Length;
            }
        }

        public int Read(Span<byte> destination, long offset)
        {
            lock (home._gate)
            {
                var count = (int)Math.Min(destination.Length, Math.Max(0, _bytes.Length - offset));
                if (count > 0) _bytes.AsSpan((int)offset, count).CopyTo(destination);
                return count;
            }
        }

        public void Write(ReadOnlySpan<byte> bytes, long offset)
        {
            lock (home._gate)
            {
                if (offset + bytes.Length > _bytes.Length) Array.Resize(ref _bytes, (int)offset + bytes.Length);
                bytes.CopyTo(_bytes.AsSpan((int)offset));
                home._steps.Add(new Step.Wrote(this, bytes.ToArray(), offset));
            }
        }

        public void SetLength(long length)
        {
            lock (home._gate)
            {
                Array.Resize(ref _bytes, (int)length);
                home._steps.Add(new Step.Cut(this, length));
            }
        }

        public void Flush()
        {
            lock (home._gate) home._steps.Add(new Step.Flushed(this));
        }

        public void Dispose()
        {
        }
    }
}

/// <summary>What a recorder has promised somebody, or was asked to write.</summary>
/// <param name="Kind">What.</param>
/// <param name="Operation">Of which operation.</param>
/// <param name="Count">How many frames, where it is about those.</param>
/// <param name="Anchor">What a witness was told, where it is that.</param>
internal sealed record Note(NoteKind Kind, string Operation, int Count = 0, JournalAnchor? Anchor = null);

/// <summary>Kinds of notes.</summary>
internal enum NoteKind
{
    /// <summary>The intent is durable.</summary>
    Begun,

    /// <summary>So many frames are.</summary>
    Framed,

    /// <summary>Somebody asked that it end as done; nothing is promised yet, but that it did not before.</summary>
    EndAsked,

    /// <summary>A checkpoint was told to a witness.</summary>
    Told,
}
