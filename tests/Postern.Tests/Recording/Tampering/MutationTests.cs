using System.Text;
using Postern.Core.Recording;

namespace Postern.Tests.Recording.Tampering;

/// <summary>
/// Whatever is done to a journal without its key is found: to every byte, every record, every pair of records, as it comes and by a forger
/// who makes everything fit that needs no key.
/// </summary>
[Row("U04")]
[Guarantee("G4")]
public sealed class MutationTests
{
    private const string First = "journal-000001.pjl";

    [Fact]
    public async Task Every_value_of_every_byte_but_its_own_breaks_the_checksum_of_its_record()
    {
        var forgery = Forgery.Of(await Given.ClosedJournalAsync());

        foreach (var record in forgery.Records)
        {
            var seed = ReferenceEquals(record, forgery.Records[0]) ? 0 : forgery.Seed;
            Assert.True(JournalFormat.IsIntact(record, seed));
            for (var at = 0; at < record.Length; at++)
            {
                for (var change = 1; change < 256; change++)
                {
                    record[at] ^= (byte)change;
                    Assert.False(JournalFormat.IsIntact(record, seed));
                    record[at] ^= (byte)change;
                }
            }
        }
    }

    [Fact]
    public async Task Every_bit_of_every_head_and_every_value_of_the_prefix_is_found_by_the_verifier()
    {
        var storage = await Given.ClosedJournalAsync(operations: 1);
        var bytes = storage.Bytes(First);

        for (var at = 0; at < JournalFormat.PrefixBytes; at++)
        {
            for (var change = 1; change < 256; change++) AssertBad(at, (byte)change, 1);
        }
        foreach (var (offset, _, head) in Given.Records(storage))
        {
            var start = (int)offset + (offset == 0 ? JournalFormat.PrefixBytes : 0);
            for (var at = start; at < start + JournalFormat.HeadBytes; at++)
            {
                for (var bit = 0; bit < 8; bit++) AssertBad(at, (byte)(1 << bit), head.Sequence);
            }
        }

        void AssertBad(int at, byte change, long sequence)
        {
            bytes[at] ^= change;
            Assert.Equal(sequence, Verdict(bytes).Bad?.Sequence);
            bytes[at] ^= change;
        }
    }

    [Fact]
    public async Task Every_byte_that_a_forger_changes_and_gives_fitting_checksums_and_chain_values_breaks_a_signature()
    {
        var forgery = Forgery.Of(await Given.ClosedJournalAsync(operations: 1));
        Assert.Null(Given.Verify(forgery.Seal()).Bad);

        for (var index = 0; index < forgery.Records.Count - 1; index++)
        {
            for (var at = JournalFormat.HeadBytes; at < forgery.Records[index].Length; at++)
            {
                var changed = (byte[])forgery.Records[index].Clone();
                changed[at] ^= 1;
                var records = forgery.Records.ToList();
                records[index] = changed;

                Assert.True(Given.Verify(forgery.With(records).Seal()).Bad is not null || IsRestored(forgery, records), $"byte {at} of record {index + 1}");
            }
        }
    }

    [Fact]
    public async Task Every_record_removed_doubled_or_moved_anywhere_is_found_though_everything_but_the_signatures_fits()
    {
        var forgery = Forgery.Of(await Given.ClosedJournalAsync());
        var count = forgery.Records.Count;

        for (var from = 1; from < count; from++)
        {
            var without = forgery.Records.Where((_, index) => index != from).ToList();
            // Without its last record a journal ends sooner, with what is under no signature: the stated residual, which anchors close.
            var verdict = Given.Verify(forgery.With(without).Seal());
            Assert.True(verdict.Bad is not null || (from == count - 1 && verdict.Unanchored > 0), $"record {from + 1} removed");
            for (var to = 1; to <= count; to++)
            {
                var twice = forgery.Records.ToList();
                twice.Insert(to, forgery.Records[from]);
                AssertFound(forgery.With(twice), to == count, $"record {from + 1} doubled before {to + 1}");
                if (to == count || to == from) continue;
                var moved = without.ToList();
                moved.Insert(to, forgery.Records[from]);
                AssertFound(forgery.With(moved), to == count, $"record {from + 1} moved to {to + 1}");
            }
        }
    }

    [Fact]
    public async Task Every_pair_swapped_is_found_though_everything_but_the_signatures_fits()
    {
        var forgery = Forgery.Of(await Given.ClosedJournalAsync());

        for (var first = 1; first < forgery.Records.Count; first++)
        {
            for (var second = first + 1; second < forgery.Records.Count; second++)
            {
                var swapped = forgery.Records.ToList();
                (swapped[first], swapped[second]) = (swapped[second], swapped[first]);
                AssertFound(forgery.With(swapped), isBehindTheLast: false, $"records {first + 1} and {second + 1} swapped");
            }
        }
    }

    [Fact]
    public async Task Every_record_of_another_journal_of_the_same_key_is_found_wherever_it_is_put()
    {
        var own = Forgery.Of(await Given.ClosedJournalAsync());
        var other = Forgery.Of(await Given.ClosedJournalAsync());

        for (var from = 0; from < other.Records.Count; from++)
        {
            for (var to = 0; to <= own.Records.Count; to++)
            {
                var inserted = own.Records.ToList();
                inserted.Insert(to, other.Records[from]);
                AssertFound(own.With(inserted), to == own.Records.Count, $"record {from + 1} of the other put before {to + 1}");
                if (to == own.Records.Count) continue;
                var replaced = own.Records.ToList();
                replaced[to] = other.Records[from];
                AssertFound(own.With(replaced), to == own.Records.Count - 1, $"record {from + 1} of the other in place of {to + 1}");
            }
        }
        // The end of one behind the beginning of the other, at every pair of points.
        for (var from = 1; from < other.Records.Count; from++)
        {
            for (var to = 1; to < own.Records.Count; to++) AssertFound(own.With([.. own.Records.Take(to), .. other.Records.Skip(from)]), isBehindTheLast: false, $"own up to {to}, the other from {from + 1}");
        }
    }

    [Fact]
    [Row("U05")]
    public async Task A_session_removed_whole_is_found_though_nothing_points_to_it()
    {
        var storage = new MemoryStorage();
        var recorder = await Given.Recorder(storage);
        var removed = new List<string>();
        foreach (var session in (string[])["01SESSION0000000000000000A", "01SESSION0000000000000000B", "01SESSION0000000000000000A"])
        {
            var intent = Given.Intent() with { Session = session };
            if (session.EndsWith('B')) removed.Add(intent.Operation.ToString());
            var account = await recorder.BeginAsync(intent, CancellationToken.None);
            await account.AppendAsync(FrameDirection.Reply, Given.Masked("reply"), 0);
            await account.EndAsync(Given.Done());
        }
        await recorder.DisposeAsync();
        var forgery = Forgery.Of(storage);
        var left = forgery.Records.Where(record => !removed.Exists(operation => record.AsSpan().IndexOf(Encoding.UTF8.GetBytes(operation)) >= 0)).ToList();
        Assert.True(left.Count <= forgery.Records.Count - 3);

        var verdict = Given.Verify(forgery.With(left).Seal());

        Assert.NotNull(verdict.Bad);
        Assert.Contains("signature", verdict.Bad.Problem, StringComparison.Ordinal);
    }

    [Fact]
    [Row("F25")]
    public async Task A_restored_backup_is_found_by_what_was_noted_elsewhere_also_when_it_went_on_by_itself()
    {
        var storage = new MemoryStorage();
        await using (var recorder = await Given.Recorder(storage)) await Given.OperationAsync(recorder);
        var backup = storage.AfterKill();
        await using (var recorder = await Given.Recorder(storage)) await Given.OperationAsync(recorder);
        var noted = Given.Verify(storage).LastCheckpoint!;
        await using (var recorder = await Given.Recorder(storage)) await Given.OperationAsync(recorder);
        var restored = backup.AfterKill();
        var wentOn = backup.AfterKill();
        for (var more = 0; more < 3; more++)
        {
            await using var recorder = await Given.Recorder(wentOn);
            await Given.OperationAsync(recorder);
        }

        Assert.Empty(Unmet(storage, noted));
        Assert.Equal([noted], Unmet(restored, noted));
        Assert.Equal([noted], Unmet(wentOn, noted));
        // By itself each is as sound as any journal; without a witness nothing tells them apart.
        Assert.True(Given.Verify(restored).IsGood && Given.Verify(wentOn).IsGood);
    }

    [Fact]
    public async Task Of_several_journals_verified_at_once_the_changed_one_is_named_and_the_others_are_good()
    {
        var folder = Directory.CreateTempSubdirectory("postern-several-");
        try
        {
            var homes = new List<string>();
            var anchors = new List<JournalAnchor>();
            foreach (var name in (string[])["one", "two", "three"])
            {
                var home = Directory.CreateDirectory(Path.Combine(folder.FullName, name)).FullName;
                var storage = await Given.ClosedJournalAsync();
                anchors.Add(Given.Verify(storage).LastCheckpoint!);
                await File.WriteAllBytesAsync(Path.Combine(home, First), storage.Bytes(First));
                homes.Add(home);
            }
            Assert.True(Verify().IsGood);
            var victim = Path.Combine(homes[1], First);
            var bytes = await File.ReadAllBytesAsync(victim);
            for (var at = 0; at < bytes.Length; at += 37)
            {
                bytes[at] ^= 0x40;
                await File.WriteAllBytesAsync(victim, bytes);
                bytes[at] ^= 0x40;
                var report = Verify();
                Assert.Equal([true, false, true], report.Journals.Select(journal => journal.IsGood));
                Assert.Equal(victim, report.Journals[1].Bad!.File);
            }
            // One journal in the place of another: each is good, one is there twice, and what was noted of the other is gone.
            await File.WriteAllBytesAsync(victim, await File.ReadAllBytesAsync(Path.Combine(homes[0], First)));
            var copied = Verify();
            Assert.False(copied.IsGood);
            Assert.Contains(copied.Problems, problem => problem.Contains("is there 2 times", StringComparison.Ordinal));
            Assert.Contains(copied.Problems, problem => problem.Contains(anchors[1].Journal, StringComparison.Ordinal) && problem.Contains("not met", StringComparison.Ordinal));

            VerifyReport Verify() => JournalVerifier.Verify(homes, Given.Signer.PublicKeyPem, anchors);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static HashSet<JournalAnchor> Unmet(MemoryStorage storage, JournalAnchor noted)
    {
        using var key = JournalKeyring.Read(Given.Signer.PublicKeyPem);
        var unmet = new HashSet<JournalAnchor> { noted };
        JournalVerifier.VerifyJournal(storage, key, unmet, CancellationToken.None);
        return unmet;
    }

    /// <summary>What stands behind the last checkpoint is under no signature yet: verification says so, and a closed journal has none of it.</summary>
    private static void AssertFound(Forgery forgery, bool isBehindTheLast, string what)
    {
        var verdict = Given.Verify(forgery.Seal());
        Assert.True(verdict.Bad is not null || (isBehindTheLast && verdict.Unanchored > 0), what);
    }

    // Numbers and chain values of checkpoints are made to fit again, so that changing those changes nothing.
    private static bool IsRestored(Forgery forgery, List<byte[]> changed) => forgery.Seal().Bytes(First).AsSpan().SequenceEqual(forgery.With(changed).Seal().Bytes(First));

    private static JournalVerdict Verdict(byte[] bytes)
    {
        var storage = new MemoryStorage();
        storage.Put(First, bytes);
        return Given.Verify(storage);
    }
}
