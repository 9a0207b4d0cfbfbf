namespace Postern.Core.Recording;

/// <summary>Where and how the account is kept.</summary>
public sealed record RecorderOptions
{
    /// <summary>Folder of the signing key; the journal is its subfolder <see cref="JournalFolder"/>.</summary>
    public required string DataFolder { get; init; }

    /// <summary>When a record counts as written down.</summary>
    public Durability Durability { get; init; }

    /// <summary>Masked bytes kept of each direction of one operation (<c>record.content</c>); digests go on beyond it.</summary>
    public long ContentBytes { get; init; } = 1024 * 1024;

    /// <summary><c>record: full</c>: what would not be kept whole is refused instead, which ends the operation.</summary>
    public bool RefuseBeyondContentBytes { get; init; }

    /// <summary>A segment file is closed before it grows beyond this.</summary>
    public long SegmentBytes { get; init; } = 64L * 1024 * 1024;

    /// <summary>Zeros written ahead of a strict journal, so that its flushes do not make a file longer (<see cref="JournalRoom"/>); 0 for none.</summary>
    public int RoomBytes { get; init; } = 256 * 1024;

    /// <summary>Bytes that may wait for the disk before new work is refused (G16). Endings are always taken.</summary>
    public long WaitingBytes { get; init; } = 256L * 1024 * 1024;

    /// <summary>Where the keys of sessions are kept, with which what was said is sealed; null to write it down as it is.</summary>
    public IDataKeyStore? DataKeys { get; init; }

    /// <summary>Where the signing key comes from; null for the one in <see cref="DataFolder"/>.</summary>
    public JournalKeyOptions? Key { get; init; }

    /// <summary>A checkpoint at least this often, also when nothing happened, which then is what it proves. Records are signed within a second whatever this says.</summary>
    public TimeSpan Heartbeat { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>The folder of segment files.</summary>
    public string JournalFolder => Path.Combine(DataFolder, "journal");
}
