using System.Text.Json;

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
}
