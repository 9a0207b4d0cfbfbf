using Postern.Core.Recording;
using Postern.Gateway.Configuration;
using Postern.Gateway.Recordings.Stores;
using Postern.Gateway.Recordings.Witnesses;
using Postern.Tests.Cli;
using Postern.Tests.Gateway.Recordings.Stores;

namespace Postern.Tests.Gateway.Exports;

/// <summary>Reads the configuration of docs/learn/evidence.md and runs its commands.</summary>
public sealed class LearnEvidencePageTests
{
    private const string PublicKey = "journal.pub.pem";

    [Fact]
    public void The_configuration_of_the_page_loads()
    {
        using var folder = new TemporaryFolder();
        var page = File.ReadAllText(Repository.PathOf("docs", "learn", "evidence.md"));
        var shown = page.Split("<!-- configuration -->\n```yaml\n").Skip(1).Select(rest => rest.Split("```")[0]).ToList();
        Assert.NotEmpty(shown);

        foreach (var secret in (ReadOnlySpan<string>)["s3-id", "s3-key", "vault-id", "vault-key"]) folder.Write(secret, "a-secret");
        foreach (var yaml in shown.Select(yaml => yaml.Replace("/run/secrets", folder.Path, StringComparison.Ordinal)))
        {
            var file = folder.Write("postern.yaml", "issuers: { corp: { authority: https://login.example.com } }\npolicy: [policy.yaml]\n" + yaml);
            var loaded = ConfigurationLoader.Load(file, [], ["mcp"]);
            Assert.True(loaded.Options is not null, string.Join('\n', loaded.Problems));
        }
    }

    [Fact]
    public async Task The_commands_of_the_page_do_what_it_says()
    {
        using var recorded = await RecordedFolder.CreateAsync();
        // What asks a gateway for a bundle is run by `BundleThroughTheApiTests`; a bundle is verified when there is one.
        var commands = (await File.ReadAllLinesAsync(Repository.PathOf("docs", "learn", "evidence.md"), TestContext.Current.CancellationToken)).Where(line => line.StartsWith("postern ", StringComparison.Ordinal) && !line.StartsWith("postern sessions search", StringComparison.Ordinal) && !line.Contains("--reason", StringComparison.Ordinal) && !line.EndsWith(" held", StringComparison.Ordinal)
            && !line.Equals(BundleThroughTheApiTests.CommandOfThePage, StringComparison.Ordinal)).OrderBy(line => line.Contains("verify evidence.zip", StringComparison.Ordinal)).ToList();
        Assert.Equal(7, commands.Count);
        await using var vault = await StrictS3.StartAsync();
        using var kept = new TemporaryFolder();
        var configuration = await KeepAsync(Path.Combine(recorded.Path, "journal"), kept, vault);
        var policy = kept.Write("policy.yaml", "version: 1\nrules: []\n");

        foreach (var command in commands)
        {
            // The redirection is the shell's.
            var (line, output) = command.Split(" > ") is [var asked, var file] ? (asked, file) : (command, null);
            var words = line.Split(' ').Skip(1).Select(word => word == PublicKey ? Path.Combine(recorded.Path, PublicKey) : word.Replace("SESSION", RecordedFolder.Session, StringComparison.Ordinal).Replace("DATA", recorded.Path, StringComparison.Ordinal).Replace("CONFIG", configuration, StringComparison.Ordinal).Replace("POLICY", policy, StringComparison.Ordinal)
                .Replace("FETCHED", Path.Combine(kept.Path, "fetched"), StringComparison.Ordinal).Replace("anchors.ndjson", Path.Combine(kept.Path, "anchors.ndjson"), StringComparison.Ordinal).Replace("evidence.zip", Path.Combine(recorded.Path, "evidence.zip"), StringComparison.Ordinal));
            var result = await CommandLine.RunAsync([.. words]);
            Assert.True(result.ExitCode == 0, $"`{command}` gave {result.ExitCode}: {result.Error}{result.Out}");
            if (output is not null) kept.Write(output, result.Out);
        }
    }

    /// <summary>The journal in a store, its checkpoints with a witness, and the configuration that names both.</summary>
    private static async Task<string> KeepAsync(string journal, TemporaryFolder kept, StrictS3 vault)
    {
        var place = Path.Combine(kept.Path, "store");
        var reader = new JournalReader(journal);
        await using var store = RecordingStores.Open(new StoreTarget.Folder(place));
        using var witness = new StoreWitness("vault", RecordingStores.Open(vault.Target));
        foreach (var segment in Directory.EnumerateFiles(journal, "*.pjl"))
        {
            var name = new PieceName(reader.ReadJournalId()!, JournalReader.SegmentNumber(Path.GetFileName(segment))!.Value, 0);
            await store.PutAsync(name.ToString(), await File.ReadAllBytesAsync(segment), CancellationToken.None);
        }
        foreach (var checkpoint in reader.Read(JournalPosition.Begin).Select(record => record.Payload).OfType<RecordedCheckpoint>()) Assert.Null(await witness.TellAsync(WitnessLine.Of(checkpoint), CancellationToken.None));
        Assert.NotEmpty(vault.Objects);
        return kept.Write("postern.yaml", $"issuers: {{ corp: {{ authority: https://login.example.com }} }}\npolicy: [policy.yaml]\nrecord:\n  store: {{ folder: '{place}' }}\n  witnesses: {{ vault: {{ s3: {{ url: '{vault.Url}', bucket: {StrictS3.Bucket}, region: eu-central-1, prefix: team, accessKey: {StrictS3.AccessKey}, secretKey: {StrictS3.SecretKey} }} }} }}\n");
    }
}
