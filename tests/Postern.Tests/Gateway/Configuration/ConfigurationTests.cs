using Postern.Gateway.Configuration;
using Postern.Upstreams;

namespace Postern.Tests.Gateway.Configuration;

[Row("T04")]
public sealed class ConfigurationTests
{
    private static readonly string[] _protocols = ["mcp"];

    // What the checked-in documents name.
    private static readonly string[] _documented = [.. Postern.Protocols.ProtocolCatalog.Create().Select(protocol => protocol.Name).Order(StringComparer.Ordinal)];

    public static TheoryData<string> Cases() => [.. Directory.GetFiles(Repository.PathOf("tests", "specs", "configuration"), "*.yaml").Select(path => Path.GetFileName(path)!).Order(StringComparer.Ordinal)];

    /// <summary>A case file states its environment and every problem it must raise; one that states none must load.</summary>
    [Theory]
    [MemberData(nameof(Cases))]
    public void A_case_file_raises_exactly_the_problems_that_it_states(string name)
    {
        var file = Repository.PathOf("tests", "specs", "configuration", name);
        var lines = File.ReadAllLines(file);
        var environment = Stated(lines, "environment").Select(line => line.Split('=', 2)).Select(pair => KeyValuePair.Create(pair[0], pair[1]));
        var expected = Stated(lines, "problem").Select(problem => problem.Replace("FOLDER", Path.GetDirectoryName(file), StringComparison.Ordinal));

        var result = ConfigurationLoader.Load(file, environment, _protocols);

        var found = result.Problems.Select(problem => problem.ToString().Replace($"{file}, ", "", StringComparison.Ordinal));
        Assert.Equal(expected.Order(StringComparer.Ordinal), found.Order(StringComparer.Ordinal));
        Assert.Equal(!expected.Any(), result.Options is not null);
    }

    private static string[] Stated(string[] lines, string word) => [.. lines.Where(line => line.StartsWith($"#! {word} ", StringComparison.Ordinal)).Select(line => line[(4 + word.Length)..])];

    [Fact]
    public void The_defaults_listen_on_loopback_only_and_keep_data_beside_the_file()
    {
        var options = Load("minimal.yaml");

        Assert.Equal("http://127.0.0.1:7600", options.Url);
        Assert.Equal("http://127.0.0.1:7601", options.Management);
        Assert.Equal(Repository.PathOf("tests", "specs", "configuration", "data"), options.Data);
        Assert.True(options.Record.IsStrict);
        Assert.Equal(1024 * 1024, options.Record.ContentBytes);
        var trusted = Postern.Gateway.Identities.TrustedIssuer.From(options.Issuers[0], options.Url);
        Assert.Equal(["RS256", "ES256"], trusted.Algorithms);
        Assert.Equal(["at+jwt", "application/at+jwt"], trusted.Types);
        Assert.Equal(TimeSpan.FromSeconds(30), options.Issuers[0].ClockSkew);
        Assert.Equal(TimeSpan.FromHours(24), options.Issuers[0].TokenLife);
        Assert.Empty(options.Issuers[0].RequiredClaims);
        Assert.Equal([new("idtyp", "app")], trusted.WorkloadClaims);
    }

    [Fact]
    public void Every_key_of_a_server_over_stdio_arrives()
    {
        var options = Load("stdio.yaml");

        var stdio = options.Connections[0].Stdio!;
        Assert.Equal(("sh", Repository.PathOf("tests", "specs", "configuration"), TimeSpan.FromMinutes(5)), (stdio.Command, stdio.Folder, stdio.Idle));
        Assert.Equal(["-c", "exec cat"], stdio.Arguments);
        Assert.Equal([KeyValuePair.Create("LOG_LEVEL", "info"), KeyValuePair.Create("NOTES", "{state}/notes")], stdio.Environment);
        Assert.Equal("/var/lib/postern/files", stdio.State);
        Assert.True(stdio.IsShared);
        Assert.False(stdio.LogsErrors);
        Assert.Equal((16, 2), (options.Limits.Children, options.Limits.ChildrenPerIdentity));
    }

    [Fact]
    public void Every_key_of_a_complete_file_arrives()
    {
        var options = Load("complete.yaml");

        Assert.Equal("https://gateway.example.com", options.PublicUrl);
        Assert.EndsWith("tls/chain.pem", options.Tls!.Certificate, StringComparison.Ordinal);
        Assert.Equal("api://postern", options.Issuers[0].Audience);
        Assert.Contains(KeyValuePair.Create("on-call", "77aa00"), options.Issuers[0].Names);
        Assert.Equal(TimeSpan.FromSeconds(10), options.Issuers[0].ClockSkew);
        Assert.Equal(TimeSpan.FromHours(1), options.Issuers[0].TokenLife);
        Assert.Equal([new("tid", "2f6c"), new("https://example.com/env", "prod")], options.Issuers[0].RequiredClaims);
        Assert.Equal([new("idtyp", "app"), new("gty", "client-credentials")], options.Issuers[0].WorkloadClaims);
        Assert.Equal(new CredentialOptions("Authorization", "Bearer not-a-real-one"), options.Connections[0].Credential);
        Assert.Equal(
            new UpstreamPatience { Connect = TimeSpan.FromSeconds(2), Head = TimeSpan.FromMinutes(2), Idle = TimeSpan.FromSeconds(30), Message = TimeSpan.FromMinutes(10), Silence = TimeSpan.FromHours(1) },
            options.Connections[0].Patience);
        Assert.False(options.Record.IsStrict);
        Assert.Equal(65536, options.Record.ContentBytes);
        Assert.Equal("https://chat.example.com/hook", options.Webhook!.Url);
        Assert.Equal(TimeSpan.FromSeconds(30), options.Limits.Drain);
        Assert.Equal(["gateway.internal"], options.AllowedHosts);
    }

    [Fact]
    public void The_environment_wins_over_the_file_and_lists_are_written_with_commas()
    {
        var file = Repository.PathOf("tests", "specs", "configuration", "environment-overrides.yaml");
        var options = ConfigurationLoader.Load(file, [new("POSTERN__LISTEN__URL", "http://127.0.0.1:9999"), new("POSTERN__POLICY", "a.yaml, b.yaml"), new("POSTERN__CONNECTIONS__ORDERS_DB__URL", "https://orders.example.com/mcp")], _protocols).Options!;

        Assert.Equal("http://127.0.0.1:9999", options.Url);
        Assert.Equal(["a.yaml", "b.yaml"], options.Policy.Select(Path.GetFileName));
        Assert.Equal("https://orders.example.com/mcp", Assert.Single(options.Connections).Url);
    }

    [Fact]
    public void A_secret_comes_from_the_file_that_a_variable_names()
    {
        var secret = Path.GetTempFileName();
        File.WriteAllText(secret, "hunter2-hunter2\n");
        try
        {
            var file = Repository.PathOf("tests", "specs", "configuration", "minimal.yaml");
            var options = ConfigurationLoader.Load(file, [new("POSTERN__ISSUERS__CORP__CLIENTSECRET_FILE", secret)], _protocols).Options!;

            Assert.Equal("hunter2-hunter2", options.Issuers[0].ClientSecret);
        }
        finally
        {
            File.Delete(secret);
        }
    }

    [Fact]
    [Row("U12")]
    public void A_wrong_secret_is_not_repeated_in_the_message()
    {
        var result = ConfigurationLoader.Parse("a.yaml", "issuers: {corp: {authority: https://x/, clientSecret: \"line\\nbreak-canary\"}}\npolicy: [p]\n", [], _protocols);

        Assert.DoesNotContain("canary", string.Concat(result.Problems), StringComparison.Ordinal);
        Assert.Single(result.Problems);
    }

    [Fact]
    public void A_missing_file_says_so() =>
        Assert.Contains("no such file", Assert.Single(ConfigurationLoader.Load("/nowhere/postern.yaml", [], _protocols).Problems).Message, StringComparison.Ordinal);

    [Fact]
    public void The_editor_schema_is_generated_from_the_key_table() =>
        Repository.AssertGenerated(Repository.PathOf("docs", "postern.schema.json"), ConfigurationReference.Schema(_documented));

    [Fact]
    public void The_reference_page_holds_the_key_table()
    {
        var path = Repository.PathOf("docs", "configuration.md");
        var page = File.ReadAllText(path);
        var start = page.IndexOf("| key |", StringComparison.Ordinal);
        var end = page.IndexOf("\n\n", start, StringComparison.Ordinal) + 1;

        Repository.AssertGenerated(path, page[..start] + ConfigurationReference.Table(_documented) + page[end..]);
    }

    private static GatewayOptions Load(string name)
    {
        var result = ConfigurationLoader.Load(Repository.PathOf("tests", "specs", "configuration", name), [], _protocols);
        Assert.Empty(result.Problems);
        return result.Options!;
    }
}
