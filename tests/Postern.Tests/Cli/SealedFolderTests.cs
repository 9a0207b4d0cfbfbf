using Postern.Core.Recording;
using Postern.Gateway.Recordings.Keys;

namespace Postern.Tests.Cli;

/// <summary>The commands that read a data folder without a gateway, where what was said is sealed.</summary>
public sealed class SealedFolderTests : IAsyncLifetime
{
    private RecordedFolder _recorded = null!;

    public async ValueTask InitializeAsync() => _recorded = await RecordedFolder.CreateAsync(isSealed: true);

    public ValueTask DisposeAsync()
    {
        _recorded.Dispose();
        return default;
    }

    [Fact]
    public async Task A_data_folder_is_replayed_with_the_keys_in_it()
    {
        var replayed = await ReplayAsync(_recorded.Path);

        Assert.Equal(0, replayed.ExitCode);
        Assert.Contains("mcp.tools.call get_customer", replayed.Out, StringComparison.Ordinal);
        Assert.Contains("Mia", replayed.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_copy_of_the_journal_alone_says_who_did_what_and_that_there_is_no_key()
    {
        File.Delete(Path.Combine(_recorded.Path, MasterKeys.OwnName));

        var replayed = await ReplayAsync(_recorded.Path);

        Assert.Contains("no key here", replayed.Out, StringComparison.Ordinal);
        Assert.Contains("demo:alice", replayed.Out, StringComparison.Ordinal);
        Assert.DoesNotContain("Mia", replayed.Out, StringComparison.Ordinal);
        Assert.Equal(0, (await CommandLine.RunAsync("verify", _recorded.Path, "--key", _recorded.Key)).ExitCode);
    }

    [Fact]
    public async Task The_master_key_may_lie_elsewhere()
    {
        using var elsewhere = new Gateway.TemporaryFolder();
        var key = Path.Combine(elsewhere.Path, "key");
        File.Move(Path.Combine(_recorded.Path, MasterKeys.OwnName), key);

        var replayed = await CommandLine.RunAsync("sessions", "replay", RecordedFolder.Session, "--journal", _recorded.Path, "--master-key", key);

        Assert.Contains("Mia", replayed.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_master_key_from_the_environment_opens_it_as_it_does_for_the_gateway()
    {
        var value = Convert.ToHexStringLower(await File.ReadAllBytesAsync(Path.Combine(_recorded.Path, MasterKeys.OwnName), TestContext.Current.CancellationToken));
        File.Delete(Path.Combine(_recorded.Path, MasterKeys.OwnName));
        using var elsewhere = new Gateway.TemporaryFolder();
        var configuration = Configuration(elsewhere, "");
        var variables = new Dictionary<string, string> { ["POSTERN__RECORD__MASTERKEY__VALUE"] = value };

        var replayed = await CommandLine.RunAsync(variables, "sessions", "replay", RecordedFolder.Session, "--journal", _recorded.Path, "--config", configuration);
        var shown = await CommandLine.RunAsync(variables, "sessions", "show", RecordedFolder.Session, "--journal", _recorded.Path, "--config", configuration);
        var bundle = Path.Combine(elsewhere.Path, "session.zip");
        var exported = await CommandLine.RunAsync(variables, "sessions", "export", RecordedFolder.Session, "--as", "bundle", "--journal", _recorded.Path, "--config", configuration, "--to", bundle);

        Assert.True(replayed.ExitCode == 0, replayed.Error);
        Assert.Contains("Mia", replayed.Out, StringComparison.Ordinal);
        Assert.Contains("get_customer", shown.Out, StringComparison.Ordinal);
        Assert.True(exported.ExitCode == 0, exported.Error);
        Assert.Equal(0, (await CommandLine.RunAsync("verify", bundle, "--key", _recorded.Key)).ExitCode);
    }

    [Theory]
    [InlineData("", null, "holds data keys and no master key")]
    [InlineData("record: { masterKey: { previousFile: before.key } }", null, "expected `file` or `value`")]
    [InlineData("", "not-a-key", "the configured master key (`record.masterKey.value`) is no master key")]
    public async Task A_master_key_that_is_missing_or_none_is_said(string record, string? value, string said)
    {
        File.Delete(Path.Combine(_recorded.Path, MasterKeys.OwnName));
        using var elsewhere = new Gateway.TemporaryFolder();
        var variables = new Dictionary<string, string>();
        if (value is not null) variables["POSTERN__RECORD__MASTERKEY__VALUE"] = value;

        var replayed = await CommandLine.RunAsync(variables, "sessions", "replay", RecordedFolder.Session, "--journal", _recorded.Path, "--config", Configuration(elsewhere, record));

        Assert.NotEqual(0, replayed.ExitCode);
        Assert.Contains(said, replayed.Error, StringComparison.Ordinal);
    }

    /// <summary>The configuration of the gateway whose folder it is, as far as reading it takes one.</summary>
    private string Configuration(Gateway.TemporaryFolder elsewhere, string record) => elsewhere.Write("postern.yaml",
        $$"""
        data: '{{_recorded.Path}}'
        issuers: { corp: { authority: https://login.example.com } }
        policy: [policy.yaml]
        {{record}}
        """);

    [Fact, Row("U11")]
    public async Task An_erased_session_is_replayed_with_who_erased_it_and_why_in_every_form()
    {
        await EraseAsync();

        foreach (var form in (string[])["ndjson", "csv", "html"])
        {
            var exported = await CommandLine.RunAsync("sessions", "export", RecordedFolder.Session, "--journal", _recorded.Path, "--as", form);
            Assert.Equal(0, exported.ExitCode);
            Assert.DoesNotContain("Mia", exported.Out, StringComparison.Ordinal);
            Assert.Contains("demo:alice", exported.Out, StringComparison.Ordinal);
            if (form != "csv") Assert.Contains("erased on 2026-03-05T12:00:00Z by corp:bob: asked for", exported.Out, StringComparison.Ordinal);
        }
        var replayed = await ReplayAsync(_recorded.Path);
        Assert.Contains("erased on 2026-03-05T12:00:00Z by corp:bob: asked for", replayed.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_bundle_opens_without_the_folder_and_one_of_an_erased_session_verifies_too()
    {
        var before = Path.Combine(_recorded.Path, "before.zip");
        Assert.Equal(0, (await CommandLine.RunAsync("sessions", "export", RecordedFolder.Session, "--as", "bundle", "--journal", _recorded.Path, "--to", before)).ExitCode);
        await EraseAsync();
        var after = Path.Combine(_recorded.Path, "after.zip");
        Assert.Equal(0, (await CommandLine.RunAsync("sessions", "export", RecordedFolder.Session, "--as", "bundle", "--journal", _recorded.Path, "--to", after)).ExitCode);

        foreach (var bundle in (string[])[before, after])
        {
            var verified = await CommandLine.RunAsync("verify", bundle, "--key", _recorded.Key);
            Assert.True(verified.ExitCode == 0, verified.Error);
        }
        using var archive = System.IO.Compression.ZipFile.OpenRead(after);
        using var keys = new StreamReader(archive.GetEntry("keys.ndjson")!.Open());
        var line = Assert.Single((await keys.ReadToEndAsync(TestContext.Current.CancellationToken)).Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.Contains("\"key\":null,\"erasure\":{", line, StringComparison.Ordinal);
    }

    private Task<CommandLineResult> ReplayAsync(string folder) => CommandLine.RunAsync("sessions", "replay", RecordedFolder.Session, "--journal", folder);

    private async Task EraseAsync()
    {
        using var keys = await DataKeyFile.OpenAsync(_recorded.Path, null, TimeProvider.System);
        Assert.Equal(KeyDestruction.Done, await keys.DestroyAsync(RecordedFolder.Session, new Erasure(new DateTimeOffset(2026, 3, 5, 12, 0, 0, TimeSpan.Zero), "corp:bob", "asked for", IsExpiry: false), 3));
    }
}
