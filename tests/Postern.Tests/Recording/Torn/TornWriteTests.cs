using Postern.Core.Recording;

namespace Postern.Tests.Recording.Torn;

/// <summary>
/// Power fails at every moment of a run, and the disk keeps of what was not flushed whatever it likes: any sectors, in any order, torn ones
/// too. The journal opens by itself, verifies, and holds all that was promised.
/// </summary>
[Row("F02")]
[Guarantee("G1")]
[Guarantee("G2")]
[Guarantee("G3")]
public sealed class TornWriteTests
{
    [Theory]
    [InlineData(512)]
    [InlineData(4096)]
    public async Task Every_prefix_of_a_small_run_with_every_subset_of_unsynced_sectors_is_recovered(int sector)
    {
        var disk = new TornDisk();
        await SmallRunAsync(disk);
        var random = new Random(sector);
        var leaves = 0;

        foreach (var crash in disk.Crashes())
        {
            foreach (var (how, left) in crash.Leaves(sector, most: 32, random))
            {
                leaves++;
                await SoundAsync(left, crash.Owed, $"sector {sector}, {how}");
            }
        }

        Assert.True(leaves > 150, $"only {leaves} states of the disk were tried");
    }

    [Fact]
    public async Task A_larger_run_of_many_writers_is_recovered_from_whatever_chance_leaves()
    {
        var disk = new TornDisk();
        await LargeRunAsync(disk, Durability.Strict);
        var seed = Random.Shared.Next();
        var random = new Random(seed);
        var crashes = 0;

        foreach (var crash in disk.Crashes())
        {
            if (random.Next(8) != 0) continue;
            crashes++;
            foreach (var (how, left) in crash.Leaves(random.Next(2) == 0 ? 512 : 4096, most: 8, random)) await SoundAsync(left, crash.Owed, $"seed {seed}, {how}");
        }

        Assert.True(crashes > 3, $"only {crashes} moments were tried");
    }

    [Fact]
    public async Task A_relaxed_run_loses_its_stated_lag_and_nothing_of_its_order()
    {
        var disk = new TornDisk();
        await LargeRunAsync(disk, Durability.Relaxed);
        var seed = Random.Shared.Next();
        var random = new Random(seed);

        foreach (var crash in disk.Crashes())
        {
            if (random.Next(4) != 0) continue;
            // Nothing is owed for what was promised within the lag; what was told to a witness is, and that nothing is invented.
            var owed = crash.Owed.Where(note => note.Kind is NoteKind.Told or NoteKind.EndAsked).ToList();
            foreach (var (how, left) in crash.Leaves(512, most: 4, random)) await SoundAsync(left, owed, $"seed {seed}, {how}");
        }
    }

    [Fact]
    public async Task A_recovery_that_loses_its_power_too_is_recovered()
    {
        var disk = new TornDisk();
        await SmallRunAsync(disk);
        var seed = Random.Shared.Next();
        var random = new Random(seed);
        var second = 0;

        foreach (var crash in disk.Crashes())
        {
            var owed = crash.Owed.ToList();
            var (how, left) = crash.Leaves(512, most: 4, random).MinBy(_ => random.Next());
            var again = new TornDisk(left);
            await (await TornJudge.OpenAsync(again)).DisposeAsync();
            foreach (var during in again.Crashes())
            {
                if (random.Next(8) != 0) continue;
                foreach (var (next, twice) in during.Leaves(512, most: 4, random))
                {
                    second++;
                    await SoundAsync(twice, owed, $"seed {seed}, {how}, then {next}");
                }
            }
        }

        Assert.True(second > 40, $"only {second} states of the disk were tried");
    }

    [Fact]
    public async Task A_disk_that_lies_about_flushes_is_seen_by_the_judge()
    {
        var disk = new TornDisk { LiesAboutFlushes = true };
        await SmallRunAsync(disk);
        var random = new Random(1);
        var complaints = 0;

        foreach (var crash in disk.Crashes())
        {
            foreach (var (how, left) in crash.Leaves(512, most: 8, random)) complaints += await TornJudge.ComplaintAsync(left, crash.Owed, how) is null ? 0 : 1;
        }

        Assert.True(complaints > 0, "nothing was missed although nothing was ever durable");
    }

    [Fact]
    public async Task A_header_that_is_torn_at_any_byte_with_zeros_behind_is_begun_again()
    {
        var whole = new MemoryStorage();
        await (await Given.Recorder(whole, Given.Options())).DisposeAsync();
        var name = whole.List()[0];
        var header = (int)Given.Records(whole)[0].Next;

        for (var length = 0; length < header; length++)
        {
            foreach (var size in (int[])[length, header, JournalFormat.MaxHeaderBytes])
            {
                var left = new MemoryStorage();
                var bytes = new byte[Math.Max(size, length)];
                whole.Bytes(name).AsSpan(0, length).CopyTo(bytes);
                left.Put(name, bytes);
                await SoundAsync(left, [], $"header cut at {length} of {size} bytes");
            }
        }
    }

    private static async Task SoundAsync(MemoryStorage left, IReadOnlyCollection<Note> owed, string how)
    {
        var complaint = await TornJudge.ComplaintAsync(left, owed, how);
        Assert.True(complaint is null, complaint);
    }

    /// <summary>Some operations after one another over several segments, one of them left open; the recorder is never closed in order.</summary>
    private static async Task SmallRunAsync(TornDisk disk)
    {
        var recorder = await TornJudge.OpenAsync(disk);
        for (var index = 0; index < 5; index++) await OperationAsync(disk, recorder, 2, 100 * index, ends: index != 2);
        await recorder.DisposeAsync();
    }

    private static async Task LargeRunAsync(TornDisk disk, Durability durability)
    {
        var recorder = await TornJudge.OpenAsync(disk, durability, segmentBytes: 64 * 1024);
        await Task.WhenAll(Enumerable.Range(0, 12).Select(writer => Task.Run(async () =>
        {
            for (var index = 0; index < 8; index++) await OperationAsync(disk, recorder, writer % 4, writer * index * 100, ends: (writer + index) % 5 != 0);
        })));
        await recorder.DisposeAsync();
    }

    private static async Task OperationAsync(TornDisk disk, Recorder recorder, int frames, int length, bool ends)
    {
        var intent = Given.Intent();
        var operation = intent.Operation.ToString();
        var account = await recorder.BeginAsync(intent, CancellationToken.None);
        disk.Note(new Note(NoteKind.Begun, operation));
        for (var frame = 1; frame <= frames; frame++)
        {
            await account.AppendAsync(FrameDirection.Reply, Given.Masked($"reply {frame} {new string('.', length)}"), 0);
            disk.Note(new Note(NoteKind.Framed, operation, frame));
        }
        if (!ends) return;
        disk.Note(new Note(NoteKind.EndAsked, operation));
        await account.EndAsync(Given.Done());
    }
}
