using System.Net;
using Postern.Core.Recording;
using Postern.Tests.Gateway;

namespace Postern.Tests.Cli;

/// <summary>A running gateway signs a session as evidence for whom a rule names, and what it signed is proved offline.</summary>
[Guarantee("G4")]
public sealed class BundleThroughTheApiTests : IAsyncLifetime
{
    /// <summary>What docs/learn/evidence.md says.</summary>
    internal const string CommandOfThePage = "postern sessions export SESSION --as bundle --to evidence.zip";

    private const string Policy = RunningGateway.Policy +
        """

          - id: auditors
            who: { users: [eve] }
            on: { admin: [sessions.read] }
            then: allow
        """;

    private readonly TemporaryFolder _folder = new();
    private RunningGateway _gateway = null!;
    private string _session = "";

    private string Bundle => Path.Combine(_folder.Path, "evidence.zip");

    private string Key => Path.Combine(_gateway.DataFolder, JournalKeys.PublicKeyFile);

    public async ValueTask InitializeAsync()
    {
        _gateway = await RunningGateway.StartAsync(Policy);
        await _gateway.CallToolAsync("alice", "get_customer", """{"customer":"C-7731"}""");
        await _gateway.CallToolAsync("alice", "refund", """{"order":"O-1001","amount":20,"reason":"broken"}""");
        _session = (await CommandLine.RunAsync(["sessions", "list", "-o", "ndjson"], As("alice"))).Out.Split('"').SkipWhile(word => word != "id").ElementAt(2);
    }

    public async ValueTask DisposeAsync()
    {
        await _gateway.DisposeAsync();
        _folder.Dispose();
    }

    [Fact, Guarantee("G18")]
    public async Task An_auditor_gets_a_bundle_that_verifies_without_the_gateway()
    {
        var exported = await ExportAsync("eve");

        Assert.True(exported.ExitCode == 0, exported.Error);
        var verified = await CommandLine.RunAsync("verify", Bundle, "--key", Key);
        Assert.Equal((0, ""), (verified.ExitCode, verified.Error));
        Assert.Contains($"good: session {_session} ", verified.Out, StringComparison.Ordinal);
        Assert.Contains("2 operations", verified.Out, StringComparison.Ordinal);
        // What was read is on the record as an operation of the reader, and not once more what it says.
        var asked = Assert.Single(Records().OfType<RecordedIntent>(), intent => intent.Parts[0].Action == "gateway.sessions.read");
        Assert.Equal(("demo:eve", "allow"), (asked.Identity.Key, asked.Decision.Kind));
        var frame = Assert.Single(Records().OfType<RecordedFrame>(), frame => frame.Op == asked.Op);
        Assert.NotNull(frame.Sha256);
    }

    [Fact]
    public async Task It_is_the_bundle_that_the_command_makes_on_the_gateways_machine()
    {
        Assert.Equal(0, (await ExportAsync("eve")).ExitCode);
        await _gateway.Host.StopAsync();
        var local = Path.Combine(_folder.Path, "local.zip");

        var made = await CommandLine.RunAsync("sessions", "export", _session, "--as", "bundle", "--journal", _gateway.DataFolder, "--to", local);

        Assert.True(made.ExitCode == 0, made.Error);
        Assert.Equal(Files(local), Files(Bundle));
    }

    [Fact]
    public async Task Who_is_not_named_by_a_rule_gets_none_of_any_session_also_not_of_their_own()
    {
        foreach (var subject in (string[])["alice", "bob"])
        {
            var exported = await ExportAsync(subject);

            Assert.Equal(7, exported.ExitCode);
            Assert.False(File.Exists(Bundle));
        }
        using var answer = await _gateway.ApiAsync($"/sessions/{_session}/bundle", null);
        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
    }

    [Fact]
    public async Task There_is_none_of_a_session_that_is_not_there_and_none_without_a_new_file()
    {
        var missing = await CommandLine.RunAsync(["sessions", "export", "01JNOSUCHSESSION0000000000", "--as", "bundle", "--to", Bundle], As("eve"));
        await File.WriteAllTextAsync(Bundle, "mine", TestContext.Current.CancellationToken);
        var taken = await ExportAsync("eve");
        var nowhere = await CommandLine.RunAsync(["sessions", "export", _session, "--as", "bundle"], As("eve"));

        Assert.Equal((7, 1, 2), (missing.ExitCode, taken.ExitCode, nowhere.ExitCode));
        Assert.Equal("mine", await File.ReadAllTextAsync(Bundle, TestContext.Current.CancellationToken));
    }

    private Task<CommandLineResult> ExportAsync(string subject) => CommandLine.RunAsync([.. CommandOfThePage.Replace("SESSION", _session, StringComparison.Ordinal).Replace("evidence.zip", Bundle, StringComparison.Ordinal).Split(' ').Skip(1)], As(subject));

    private Dictionary<string, string> As(string subject) => new() { ["POSTERN_GATEWAY"] = _gateway.Host.Url, ["POSTERN_TOKEN"] = _gateway.TokenOf(subject) };

    private List<RecordedPayload> Records()
    {
        using var keys = Postern.Gateway.Recordings.Keys.RecordedKeys.Open(_gateway.DataFolder);
        return [.. new JournalReader(Path.Combine(_gateway.DataFolder, "journal"), keys).Read(JournalPosition.Begin).Select(record => record.Payload)];
    }

    /// <summary>What two bundles of the same records share: everything but when each was made.</summary>
    private static List<string> Files(string path)
    {
        using var archive = System.IO.Compression.ZipFile.OpenRead(path);
        return
        [
            .. archive.Entries.Where(entry => !entry.Name.StartsWith("manifest.", StringComparison.Ordinal)).Select(entry =>
            {
                using var content = entry.Open();
                return $"{entry.FullName} {Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(content))}";
            }),
        ];
    }
}
