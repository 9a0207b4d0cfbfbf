using System.Text.Json;
using Postern.Core.Recording;

namespace Postern.Tests.Cli;

[Guarantee("G4")]
public sealed class VerifyTests
{
    [Fact]
    public async Task A_recording_as_it_was_written_is_good()
    {
        using var folder = await RecordedFolder.CreateAsync();

        var result = await CommandLine.RunAsync("verify", folder.Journal, "--key", folder.Key, "-o", "json");

        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        var journal = JsonDocument.Parse(result.Out).RootElement[0];
        Assert.True(journal.GetProperty("good").GetBoolean());
        Assert.Equal(0, journal.GetProperty("unsigned").GetInt32());
    }

    [Fact]
    public async Task One_changed_byte_is_named_with_its_record()
    {
        using var folder = await RecordedFolder.CreateAsync();
        var segment = Directory.GetFiles(folder.Journal, "*.pjl").Single();
        var bytes = await File.ReadAllBytesAsync(segment);
        bytes[bytes.Length / 2] ^= 1;
        await File.WriteAllBytesAsync(segment, bytes);

        var result = await CommandLine.RunAsync("verify", folder.Path, "--key", folder.Key);

        Assert.Equal(1, result.ExitCode);
        Assert.Contains("BAD", result.Out);
        Assert.Matches(@"^postern: first bad record: \d+, in `.*journal-000001\.pjl` at byte \d+: ", result.Error);
    }

    [Fact]
    public async Task Another_key_and_a_missing_file_are_told_apart()
    {
        using var folder = await RecordedFolder.CreateAsync();
        using var other = await RecordedFolder.CreateAsync();

        var wrongKey = await CommandLine.RunAsync("verify", folder.Journal, "--key", other.Key);
        var noKey = await CommandLine.RunAsync("verify", folder.Journal, "--key", folder.Key + "x");
        var noJournal = await CommandLine.RunAsync("verify", folder.Path + "/nothing", "--key", folder.Key);

        Assert.Equal(1, wrongKey.ExitCode);
        Assert.Contains("signed with key", wrongKey.Error);
        Assert.Equal(7, noKey.ExitCode);
        Assert.Equal(1, noJournal.ExitCode);
        Assert.Contains("does not exist", noJournal.Error);
    }

    [Fact]
    public async Task Records_cut_from_the_end_down_to_a_signature_are_missed_by_an_anchor_alone()
    {
        using var folder = await RecordedFolder.CreateAsync();
        var anchors = Path.Combine(folder.Path, "anchors.ndjson");
        await File.WriteAllTextAsync(anchors, (await CommandLine.RunAsync("verify", folder.Journal, "--key", folder.Key, "-o", "ndjson")).Out);
        Assert.Equal(0, (await CommandLine.RunAsync("verify", folder.Journal, "--key", folder.Key, "--anchors", anchors)).ExitCode);

        var segment = Directory.GetFiles(folder.Journal, "*.pjl").Single();
        var bytes = await File.ReadAllBytesAsync(segment);
        await File.WriteAllBytesAsync(segment, bytes[..EndOfFirstCheckpoint(bytes)]);
        var without = await CommandLine.RunAsync("verify", folder.Journal, "--key", folder.Key);
        var with = await CommandLine.RunAsync("verify", folder.Journal, "--key", folder.Key, "--anchors", anchors);

        Assert.Equal(0, without.ExitCode);
        Assert.Equal(1, with.ExitCode);
        Assert.Matches(@"the anchor at sequence \d+ of journal \w+ is not met; records up to it were cut off or replaced", with.Error);
    }

    [Theory]
    [InlineData("", "holds no anchors")]
    [InlineData("{\"journal\":\"a\"}", "has no `journal`, `signedThrough` or `chain`")]
    [InlineData("{\"journal\":\"a\",\"signedThrough\":\"x\",\"chain\":\"b\"}", "cannot be read as anchors")]
    [InlineData("journal", "cannot be read as anchors")]
    public async Task Anchors_that_are_not_understood_prove_nothing_and_are_refused(string text, string expected)
    {
        using var folder = await RecordedFolder.CreateAsync();
        var anchors = Path.Combine(folder.Path, "anchors.ndjson");
        await File.WriteAllTextAsync(anchors, text);

        var result = await CommandLine.RunAsync("verify", folder.Journal, "--key", folder.Key, "--anchors", anchors);

        Assert.Equal((1, ""), (result.ExitCode, result.Out));
        Assert.Contains(expected, result.Error);
    }

    /// <summary>Walks the records by docs/journal-format.md: a prefix of 16 bytes, then heads of 32 with length and type.</summary>
    private static int EndOfFirstCheckpoint(byte[] segment)
    {
        for (var at = 16; ;)
        {
            var end = at + 32 + BitConverter.ToInt32(segment, at + 4);
            if (BitConverter.ToInt32(segment, at + 12) == 2) return end;
            at = end;
        }
    }

    [Fact]
    [Row("U10")]
    public async Task A_key_is_replaced_on_the_spot_and_whoever_has_the_first_one_verifies_everything()
    {
        using var folder = await RecordedFolder.CreateAsync();
        var first = Path.Combine(folder.Path, "first.pem");
        File.Copy(folder.Key, first);

        var replaced = await CommandLine.RunAsync("journal", "replace-key", folder.Path);
        var again = await CommandLine.RunAsync("journal", "replace-key", folder.Path);
        await using (await Recorder.OpenAsync(new RecorderOptions { DataFolder = folder.Path }, TimeProvider.System, CancellationToken.None))
        {
        }

        Assert.Equal(0, replaced.ExitCode);
        Assert.Equal(1, again.ExitCode);
        Assert.Contains("has not passed to it yet", again.Error, StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(folder.Path, JournalKeys.PreviousFile)));
        Assert.Equal(0, (await CommandLine.RunAsync("verify", folder.Journal, "--key", first)).ExitCode);
        Assert.Equal(0, (await CommandLine.RunAsync("verify", folder.Journal, "--key", folder.Key)).ExitCode);
        Assert.Equal(7, (await CommandLine.RunAsync("verify", folder.Journal, "--key", first, "--key", first + "x")).ExitCode);
    }
}
