namespace Postern.Tests.Recording.Torn;

/// <summary>
/// A moment at which the power fails: what is durable, and what the disk may or may not have of the rest. Of what was not flushed, each
/// sector is there in any of its states, a file's length is any that it had or that a sector on the disk reaches, one sector is torn in
/// its middle, and names are there up to any point.
/// </summary>
internal sealed class Crash
{
    private readonly Dictionary<TornDisk.TornFile, Contents> _files = [];
    private readonly List<(string Name, TornDisk.TornFile? File)> _pendingNames = [];
    private readonly Dictionary<string, TornDisk.TornFile> _durableNames;

    public Crash(IReadOnlyDictionary<string, TornDisk.TornFile> first) => _durableNames = new(first, StringComparer.Ordinal);

    /// <summary>What was owed by then.</summary>
    public List<Note> Owed { get; } = [];

    public Contents Of(TornDisk.TornFile file) => _files.TryGetValue(file, out var known) ? known : _files[file] = new Contents(file.First);

    public void Name(string name, TornDisk.TornFile? file) => _pendingNames.Add((name, file));

    public void FlushNames()
    {
        Apply(_durableNames, _pendingNames.Count);
        _pendingNames.Clear();
    }

    /// <summary>
    /// What may be left: every combination of sectors, lengths and names while there are few, else so many by chance. Each comes with words for it.
    /// </summary>
    public IEnumerable<(string How, MemoryStorage Left)> Leaves(int sector, int most, Random random)
    {
        for (var names = 0; names <= _pendingNames.Count; names++)
        {
            var directory = new Dictionary<string, TornDisk.TornFile>(_durableNames, StringComparer.Ordinal);
            Apply(directory, names);
            var doubtful = directory.OrderBy(each => each.Key, StringComparer.Ordinal).Select(each => (each.Key, Contents: Of(each.Value))).Where(each => each.Contents.IsDoubtful).ToArray();
            if (doubtful.Length == 0)
            {
                yield return ($"names {names}", Build(directory, (_, contents) => contents.Durable));
                continue;
            }
            // One file is written to at a time; of several, chance decides.
            var (name, open) = doubtful[^1];
            var sectors = open.Doubtful(sector);
            if (sectors.Count <= 12 && 1 << sectors.Count <= most)
            {
                for (var there = 0; there < 1 << sectors.Count; there++)
                {
                    foreach (var (how, bytes) in open.Variants(sector, index => (there >> index & 1) == 1 ? open.LastState : 0, random)) yield return ($"names {names}, sectors {there:b}, {how}", Built(bytes));
                }
            }
            else
            {
                for (var turn = 0; turn < most / 4; turn++)
                {
                    foreach (var (how, bytes) in open.Variants(sector, _ => random.Next(open.LastState + 1), random)) yield return ($"names {names}, turn {turn}, {how}", Built(bytes));
                }
            }

            MemoryStorage Built(byte[] bytes) => Build(directory, (each, contents) => each == name ? bytes : contents.IsDoubtful ? contents.At(random.Next(contents.LastState + 1)) : contents.Durable);
        }
    }

    private MemoryStorage Build(Dictionary<string, TornDisk.TornFile> directory, Func<string, Contents, byte[]> bytes)
    {
        var left = new MemoryStorage();
        foreach (var (name, file) in directory) left.Put(name, (byte[])bytes(name, Of(file)).Clone());
        return left;
    }

    private void Apply(Dictionary<string, TornDisk.TornFile> directory, int count)
    {
        foreach (var (name, file) in _pendingNames.Take(count))
        {
            if (file is null) directory.Remove(name);
            else directory[name] = file;
        }
    }

    /// <summary>The states of one file since its last flush; state 0 is durable.</summary>
    internal sealed class Contents(byte[] first)
    {
        private readonly List<byte[]> _states = [first];

        public byte[] Durable => _states[0];

        public int LastState => _states.Count - 1;

        public bool IsDoubtful => _states.Count > 1;

        public byte[] At(int state) => _states[state];

        public void Write(byte[] bytes, long offset)
        {
            var next = new byte[Math.Max(_states[^1].Length, (int)offset + bytes.Length)];
            _states[^1].CopyTo(next, 0);
            bytes.CopyTo(next, (int)offset);
            _states.Add(next);
        }

        public void SetLength(long length)
        {
            var next = new byte[length];
            _states[^1].AsSpan(0, (int)Math.Min(length, _states[^1].Length)).CopyTo(next);
            _states.Add(next);
        }

        public void Flush() => _states.RemoveRange(0, _states.Count - 1);

        /// <summary>The sectors that are not the same in all states.</summary>
        public List<int> Doubtful(int sector)
        {
            var longest = _states.Max(state => state.Length);
            return [.. Enumerable.Range(0, (longest + sector - 1) / sector).Where(index => _states.Exists(state => !Slice(state, index, sector).SequenceEqual(Slice(_states[0], index, sector))))];
        }

        /// <summary>The file with each doubtful sector in the state chosen, in each length that it may have, and once torn inside a sector.</summary>
        public IEnumerable<(string How, byte[] Bytes)> Variants(int sector, Func<int, int> stateOf, Random random)
        {
            var longest = _states.Max(state => state.Length);
            var all = new byte[longest];
            _states[0].CopyTo(all, 0);
            var reach = 0;
            var doubtful = Doubtful(sector);
            var chosen = new int[doubtful.Count];
            for (var index = 0; index < doubtful.Count; index++)
            {
                chosen[index] = stateOf(index);
                var from = doubtful[index] * sector;
                var state = _states[chosen[index]];
                all.AsSpan(from, Math.Min(sector, longest - from)).Clear();
                var there = Slice(state, doubtful[index], sector);
                there.CopyTo(all.AsSpan(from));
                if (chosen[index] > 0) reach = Math.Max(reach, from + there.Length);
            }
            foreach (var length in _states.Select(state => state.Length).Append(Math.Max(reach, Math.Min(_states[0].Length, longest))).Distinct()) yield return ($"length {length}", all[..length]);
            if (doubtful.Count == 0) yield break;
            var torn = random.Next(doubtful.Count);
            var at = doubtful[torn] * sector;
            var middle = Math.Min(longest, at + random.Next(1, sector));
            var bytes = (byte[])all.Clone();
            Slice(_states[^1], doubtful[torn], sector).CopyTo(bytes.AsSpan(at));
            bytes.AsSpan(middle, Math.Min(at + sector, longest) - middle).Clear();
            if (middle < _states[0].Length) _states[0].AsSpan(middle, Math.Min(at + sector, _states[0].Length) - middle).CopyTo(bytes.AsSpan(middle));
            yield return ($"torn at {middle}", bytes);
        }

        private static ReadOnlySpan<byte> Slice(byte[] state, int index, int sector)
        {
            var from = Math.Min(state.Length, index * sector);
            return state.AsSpan(from, Math.Min(sector, state.Length - from));
        }
    }
}
