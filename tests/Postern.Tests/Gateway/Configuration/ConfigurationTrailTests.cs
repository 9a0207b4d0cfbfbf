using System.Collections.Immutable;
using System.Text.Json.Nodes;
using Postern.Core.Recording;
using Postern.Gateway.Configuration;
using Postern.Tests.Cli;
using Postern.Tests.Gateway.Telemetry;
using Postern.Tests.Recording;

namespace Postern.Tests.Gateway.Configuration;

/// <summary>Changes of the configuration are on the record with what was and what is, and no secret is.</summary>
public sealed class ConfigurationTrailTests : IDisposable
{
    private const string Canary = "canary-7f3a9c";

    private readonly TemporaryFolder _folder = new();

    [Fact]
    [Guarantee("G20")]
    public async Task What_changed_between_two_starts_is_recorded_with_before_and_after()
    {
        await StartAsync(Options());
        await StartAsync(Options());
        Assert.Equal(["configuration.first"], (await EventsAsync()).Select(item => (string?)item["event"]));

        await StartAsync(Options(url: "https://shop.example.com", content: 2048, audience: "https://other.example", key: "two.pem", extra: true));

        var changes = (await EventsAsync()).Skip(1).ToDictionary(item => (string)item["facts"]!["path"]!, item => ((string)item["facts"]!["before"]!, (string)item["facts"]!["after"]!));
        Assert.Equal(("http://127.0.0.1:9", "https://shop.example.com"), changes["connections.shop.url"]);
        Assert.Equal(("1024", "2048"), changes["record.contentBytes"]);
        Assert.Equal(("", "https://other.example"), changes["issuers.corp.audience"]);
        Assert.Equal(("", "set"), changes["connections.files"]);
        Assert.Equal(("one.pem", "two.pem"), changes["record.key.file"]);
        Assert.DoesNotContain("issuers.corp.authority", changes.Keys);
    }

    [Fact]
    [Row("U12")]
    [Guarantee("G12")]
    public async Task A_secret_that_changed_is_said_to_have_changed_and_nothing_else()
    {
        await StartAsync(Options(secret: $"{Canary}-one"));
        await StartAsync(Options(secret: $"{Canary}-two"));

        var paths = (await EventsAsync()).Skip(1).Select(item => (string)item["facts"]!["path"]!).ToList();
        Assert.Equal(["connections.shop.credential.value", "connections.shop.url", "issuers.corp.clientSecret", "telemetry.credential.value", "webhook.secret", "webhook.url"], paths.Order(StringComparer.Ordinal));
        var opened = OpenedJournal.TextOf(_folder.Path);
        Assert.Contains("connections.shop.credential.value", opened, StringComparison.Ordinal);
        Canaries.AssertNotIn("the opened journal", opened, [Canary]);
        foreach (var file in Directory.EnumerateFiles(_folder.Path, "*", SearchOption.AllDirectories)) Canaries.AssertNotIn(file, Canaries.Read(file), [Canary]);
    }

    [Fact]
    public void Every_text_of_the_configuration_that_is_not_known_to_be_a_name_is_a_digest()
    {
        var settings = EffectiveSettings.Of(Options(secret: Canary), new byte[32]);

        Assert.DoesNotContain(settings.Values, value => value.Contains(Canary, StringComparison.Ordinal));
        Assert.Equal("corp", settings["issuers.corp.name"]);
        Assert.Equal("True", settings["record.isStrict"]);
        Assert.NotEqual(settings["webhook.secret"], EffectiveSettings.Of(Options(secret: Canary), [.. new byte[31], 1])["webhook.secret"]);
    }

    [Fact]
    public async Task What_was_seen_last_and_cannot_be_read_is_seen_anew()
    {
        var seen = Path.Combine(_folder.Path, ConfigurationTrail.SeenFile);
        await StartAsync(Options());
        await File.WriteAllTextAsync(seen, "{", TestContext.Current.CancellationToken);
        await StartAsync(Options());

        Assert.Equal(["configuration.first", "configuration.first"], (await EventsAsync()).Select(item => (string?)item["event"]));
        if (!OperatingSystem.IsWindows()) Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(seen));
    }

    public void Dispose() => _folder.Dispose();

    private GatewayOptions Options(string url = "http://127.0.0.1:9", int content = 1024, string? audience = null, string key = "one.pem", bool extra = false, string? secret = null) => new()
    {
        Data = _folder.Path,
        Issuers = [new IssuerOptions { Name = "corp", Authority = "https://login.example", Audience = audience, ClientId = "postern", ClientSecret = secret }],
        Connections =
        [
            new ConnectionOptions { Name = "shop", Protocol = "mcp", Url = secret is null ? url : $"{url}/mcp?key={secret}", Credential = secret is null ? null : new CredentialOptions("authorization", secret) },
            .. extra ? [new ConnectionOptions { Name = "files", Protocol = "mcp", Url = "http://127.0.0.1:10" }] : ImmutableArray<ConnectionOptions>.Empty,
        ],
        Record = new RecordOptions { ContentBytes = content, Key = new JournalKeyOptions { File = key } },
        Webhook = secret is null ? null : new WebhookOptions($"https://hooks.example/{secret}", secret),
        Telemetry = secret is null ? null : new TelemetryOptions("https://collector.example/v1") { Credential = new CredentialOptions("authorization", secret) },
    };

    private async Task StartAsync(GatewayOptions options)
    {
        await using var recorder = await Recorder.OpenAsync(new RecorderOptions { DataFolder = _folder.Path }, TimeProvider.System, CancellationToken.None);
        await ConfigurationTrail.FollowAsync(options, _folder.Path, recorder, TimeProvider.System, CancellationToken.None);
    }

    private async Task<List<JsonObject>> EventsAsync()
    {
        var result = await CommandLine.RunAsync("journal", "events", _folder.Path, "--kind", "configuration", "-o", "ndjson");
        Assert.Equal(0, result.ExitCode);
        return [.. result.Out.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonNode.Parse(line)!.AsObject())];
    }
}
