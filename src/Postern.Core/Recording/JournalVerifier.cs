using System.Collections.Immutable;

namespace Postern.Core.Recording;

/// <summary>
/// Verifies journals offline, with nothing but the public key (G4): every record whole, numbered without a gap, chained as
/// signed, of a known version, codec and type, one ending per intent. What it cannot see is that whole records were cut from the
/// end behind a checkpoint; anchors noted elsewhere close that gap.
/// </summary>
public static class JournalVerifier
{
    private const int RescansOfAWriteUnderWay = 2;

    /// <summary>Verifies every journal among the paths. Bad input becomes part of the report and is never thrown.</summary>
    /// <param name="paths">Folders of segment files, data folders, or segment files.</param>
    /// <param name="publicKeyPem">
    /// The gateway's public key (<c>journal.pub.pem</c>); several where there were several. The one that a journal began with is enough, since each vouches for the next.
    /// </param>
    /// <param name="anchors">Signed points noted earlier, which the journals must contain.</param>
    /// <param name="cancellationToken">Stops the walk.</param>
    public static VerifyReport Verify(IEnumerable<string> paths, string publicKeyPem, IEnumerable<JournalAnchor>? anchors = null, CancellationToken cancellationToken = default)
    {
        var problems = ImmutableArray.CreateBuilder<string>();
        JournalKeyring keys;
        try
        {
            keys = JournalKeyring.Read(publicKeyPem);
        }
        catch (RecordingException fault)
        {
            return new VerifyReport([], [fault.Message]);
        }
        using (keys)
        {
            var unmet = (anchors ?? []).ToHashSet();
            var verdicts = ImmutableArray.CreateBuilder<JournalVerdict>();
            foreach (var (folder, only) in Folders(paths, problems))
            {
                using var storage = FolderStorage.ForReading(folder, only);
                try
                {
                    verdicts.Add(VerifyJournal(storage, keys, unmet, cancellationToken));
                }
                catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
                {
                    problems.Add($"`{folder}` cannot be read: {fault.Message}");
                }
            }
            foreach (var twice in verdicts.Where(verdict => verdict.Journal.Length > 0).GroupBy(verdict => verdict.Journal, StringComparer.Ordinal).Where(group => group.Count() > 1))
            {
                problems.Add($"journal {twice.Key} is there {twice.Count()} times: {string.Join(", ", twice.Select(verdict => $"`{verdict.Folder}`"))}; a copy may have gone on by itself, verify one at a time");
            }
            foreach (var anchor in unmet.OrderBy(anchor => anchor.Sequence))
            {
                problems.Add($"the anchor at sequence {anchor.Sequence} of journal {anchor.Journal} is not met; records up to it were cut off or replaced");
            }
            return new VerifyReport(verdicts.ToImmutable(), problems.ToImmutable());
        }
    }

    /// <summary>Verifies one journal wherever it is kept.</summary>
    internal static JournalVerdict VerifyJournal(IJournalStorage storage, JournalKeyring keys, HashSet<JournalAnchor> unmet, CancellationToken cancellationToken)
    {
        var scan = Scan(storage, keys, unmet, cancellationToken);
        for (var again = 0; again < RescansOfAWriteUnderWay && scan.Problem is { IsTornTail: true }; again++)
        {
            // Beside a running gateway the last write may be half visible; a moment later it is whole.
            scan = Scan(storage, keys, unmet, cancellationToken);
        }
        var bad = scan.Problem is { } problem
            ? new BadRecord(Path.Combine(storage.Name, problem.File), problem.Offset, problem.Sequence, problem.Text, problem.SuspectAfter + 1 ?? problem.Sequence)
            : null;
        var last = scan.LastCheckpoint;
        if (bad is null && last is null)
        {
            bad = new BadRecord(storage.Name, scan.Offset, scan.Sequence + 1, scan.Segment == 0 ? "there is no segment" : "nothing is signed: expected at least one checkpoint", 1);
        }
        return new JournalVerdict
        {
            Folder = storage.Name,
            Journal = scan.JournalId,
            Segments = scan.Segment,
            Records = scan.Sequence,
            Checkpoints = scan.Checkpoints,
            LastCheckpoint = last is null ? null : new JournalAnchor(last.Journal, last.Through, last.Chain),
            LastCheckpointAt = last?.At,
            Unanchored = scan.Unsigned,
            Folded = scan.Folded,
            OpenIntents = [.. scan.Open.OrderBy(pair => pair.Value).Select(pair => pair.Key.ToString())],
            Bad = bad,
        };
    }

    private static JournalScan Scan(IJournalStorage storage, JournalKeyring keys, HashSet<JournalAnchor> unmet, CancellationToken cancellationToken)
    {
        // What it found outlives its hash.
        using var scan = new JournalScan(storage, keys, strict: true)
        {
            OnCheckpoint = checkpoint => unmet.Remove(new JournalAnchor(checkpoint.Journal, checkpoint.Through, checkpoint.Chain)),
        };
        scan.Run(cancellationToken);
        return scan;
    }

    private static List<(string Folder, IReadOnlyList<string>? Only)> Folders(IEnumerable<string> paths, ImmutableArray<string>.Builder problems)
    {
        var whole = new List<string>();
        var files = new List<string>();
        foreach (var path in paths)
        {
            if (File.Exists(path))
            {
                if (path.EndsWith(".pjl", StringComparison.Ordinal)) files.Add(Path.GetFullPath(path));
                else problems.Add($"`{path}` is not a segment file; expected a name that ends in `.pjl`, or a folder");
                continue;
            }
            var found = SegmentFolder(path);
            if (found is null) problems.Add(Directory.Exists(path) ? $"`{path}` holds no segment files (`journal-000001.pjl`)" : $"`{path}` does not exist");
            else whole.Add(Path.GetFullPath(found));
        }
        if (whole.Count == 0 && files.Count == 0 && problems.Count == 0) problems.Add("nothing to verify was given; expected journal folders or segment files");
        var folders = whole.Distinct(StringComparer.Ordinal).Select(folder => (folder, (IReadOnlyList<string>?)null)).ToList();
        folders.AddRange(files.GroupBy(file => Path.GetDirectoryName(file)!, StringComparer.Ordinal)
            .Where(group => !whole.Contains(group.Key, StringComparer.Ordinal))
            .Select(group => (group.Key, (IReadOnlyList<string>?)[.. group.Select(file => Path.GetFileName(file)).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)])));
        return folders;
    }

    /// <summary>The folder itself when segments are in it, or the journal folder of a data folder; null when neither.</summary>
    private static string? SegmentFolder(string path)
    {
        foreach (var folder in (ReadOnlySpan<string>)[path, Path.Combine(path, "journal")])
        {
            if (Directory.Exists(folder) && Directory.EnumerateFiles(folder, "*.pjl").Any()) return folder;
        }
        return null;
    }
}
