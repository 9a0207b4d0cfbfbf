using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;

namespace Postern.Protocols.Postgres.Sql;

/// <summary>
/// Readings by text and catalogue, bounded in bytes. Two generations: when the younger is full it becomes the older, and what is not
/// asked for again is forgotten with it. Finding allocates nothing and takes no lock.
/// </summary>
internal sealed class StatementCache(long maximumBytes)
{
    private const int PerEntry = 2_048;
    private readonly Lock _turning = new();
    private Generation _young = new();
    private Generation _old = new();

    /// <summary>Readings that are remembered.</summary>
    public int Count => Volatile.Read(ref _young).Entries.Count + Volatile.Read(ref _old).Entries.Count;

    public bool TryFind(ReadOnlySpan<byte> text, Catalogue catalogue, [NotNullWhen(true)] out StatementReading? reading)
    {
        var sought = new Sought(text, catalogue.Version);
        if (Volatile.Read(ref _young).Lookup.TryGetValue(sought, out reading)) return true;
        if (!Volatile.Read(ref _old).Lookup.TryGetValue(sought, out reading)) return false;
        Add(text, catalogue, reading);
        return true;
    }

    public void Add(ReadOnlySpan<byte> text, Catalogue catalogue, StatementReading reading)
    {
        // What is read from a text takes some times its length.
        var cost = PerEntry + 8L * text.Length;
        if (cost > maximumBytes / 8) return;
        var young = Volatile.Read(ref _young);
        if (!young.Entries.TryAdd(new Kept(text.ToArray(), catalogue.Version), reading)) return;
        if (Interlocked.Add(ref young.Bytes, cost) <= maximumBytes / 2) return;
        lock (_turning)
        {
            if (!ReferenceEquals(young, _young)) return;
            Volatile.Write(ref _old, young);
            Volatile.Write(ref _young, new Generation());
        }
    }

    private sealed class Generation
    {
        public long Bytes;

        public Generation()
        {
            Entries = new ConcurrentDictionary<Kept, StatementReading>(new SameText());
            Lookup = Entries.GetAlternateLookup<Sought>();
        }

        public ConcurrentDictionary<Kept, StatementReading> Entries { get; }

        public ConcurrentDictionary<Kept, StatementReading>.AlternateLookup<Sought> Lookup { get; }
    }

    private sealed record Kept(byte[] Text, string Version);

    private readonly ref struct Sought(ReadOnlySpan<byte> text, string version)
    {
        public readonly ReadOnlySpan<byte> Text = text;
        public readonly string Version = version;
    }

    // The hash is keyed by process, so that nobody can choose texts that collide.
    private sealed class SameText : IEqualityComparer<Kept>, IAlternateEqualityComparer<Sought, Kept>
    {
        public bool Equals(Kept? x, Kept? y) => x is not null && y is not null && x.Version == y.Version && x.Text.AsSpan().SequenceEqual(y.Text);

        public int GetHashCode(Kept kept) => HashOf(kept.Text, kept.Version);

        public bool Equals(Sought alternate, Kept other) => alternate.Version == other.Version && alternate.Text.SequenceEqual(other.Text);

        public int GetHashCode(Sought alternate) => HashOf(alternate.Text, alternate.Version);

        public Kept Create(Sought alternate) => new(alternate.Text.ToArray(), alternate.Version);

        private static int HashOf(ReadOnlySpan<byte> text, string version)
        {
            var hash = default(HashCode);
            hash.AddBytes(text);
            hash.Add(version.Length > 0 ? version[0] : 0);
            return hash.ToHashCode();
        }
    }
}
