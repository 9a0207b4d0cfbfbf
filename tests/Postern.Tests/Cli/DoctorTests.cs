using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using Postern.Cli;
using Postern.Cli.Console;
using Postern.Cli.SignIn;
using Postern.Demo.Issuer;
using Postern.Demo.Shop;
using Postern.Tests.Gateway;

namespace Postern.Tests.Cli;

/// <summary>Each kind of fault is planted, and found; without one, all is well.</summary>
public sealed class DoctorTests : IAsyncLifetime
{
    private const string Secret = "5f1d0c9a-the-shop-s-secret";

    private readonly TemporaryFolder _folder = new();
    private DemoIssuer _issuer = null!;
    private ShopServer _shop = null!;

    public async ValueTask InitializeAsync()
    {
        _issuer = await DemoIssuer.StartAsync(new DemoIssuerOptions { DefaultAudience = "http://127.0.0.1:7600" }, Test);
        _shop = await ShopServer.StartAsync(Secret, port: 0, Test);
        _folder.Write("policy.yaml", Policy);
        _folder.Write("shop.secret", "Bearer " + Secret);
        Directory.CreateDirectory(Data, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    public async ValueTask DisposeAsync()
    {
        await _shop.DisposeAsync();
        await _issuer.DisposeAsync();
        _folder.Dispose();
    }

    private const string Policy =
        """
        version: 1
        rules:
          - id: reads
            who: anyone
            on: { connection: shop, tools: [list_orders] }
            then: allow
        tests:
          - { name: reading is free, as: { user: somebody }, ask: { connection: shop, tool: list_orders }, expect: { decision: allow, rule: reads } }
        """;

    [Fact]
    public async Task Without_a_fault_all_is_well()
    {
        var (code, found, all) = await ExamineAsync(Configuration());

        Assert.Equal((0, ""), (code, string.Join('\n', found)));
        Assert.Contains("connection shop: it answers with 6 tools", all, StringComparison.Ordinal);
        Assert.Contains("clock and this machine's agree", all, StringComparison.Ordinal);
        Assert.Contains("its 1 test passes", all, StringComparison.Ordinal);
        Assert.DoesNotContain(Secret, all, StringComparison.Ordinal);
    }

    [Fact]
    public Task A_configuration_that_is_not_there() => FindsAsync(null, "problem configuration: ", "there is no such file", "`postern init` writes a first one");

    [Fact]
    public Task A_misspelt_key() => FindsAsync(Configuration() + "polcy: []\n", "problem configuration: ", "did you mean `policy`?");

    [Fact]
    public Task An_issuer_that_does_not_answer() => FindsAsync(Configuration(issuer: "http://127.0.0.1:1"), "problem issuer demo: ", "cannot be reached", "issuers.demo.authority");

    [Fact]
    public Task An_issuer_under_another_name() => FindsAsync(Configuration(issuer: _issuer.Issuer.Replace("127.0.0.1", "localhost", StringComparison.Ordinal)), "problem issuer demo: ", "does not name the configured issuer");

    [Fact]
    public Task An_issuer_whose_keys_are_for_nothing_that_is_accepted() => FindsAsync(Configuration(issuerKeys: "algorithms: [ES512]"), "problem issuer demo: ", "none of its signing keys is for an algorithm that is accepted (ES512)");

    [Fact]
    public Task A_gateway_at_which_nobody_can_sign_in() => FindsAsync(Configuration(client: ""), "warning issuer demo: ", "it has no `clientId`", "/signin/callback");

    [Fact]
    public async Task A_clock_that_is_wrong()
    {
        var (code, found, _) = await ExamineAsync(Configuration(), new ShiftedClock { Ahead = TimeSpan.FromMinutes(3) });

        Assert.Equal(1, code);
        Assert.Contains(found, one => one.StartsWith("problem issuer demo: its clock and this machine's differ by 1", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_port_that_another_program_has()
    {
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        await FindsAsync(Configuration(listen: $"http://127.0.0.1:{((IPEndPoint)other.LocalEndpoint).Port}"), "problem listen.url: ", "another program listens there");
    }

    [Fact]
    public async Task A_folder_that_others_may_write_into()
    {
        File.SetUnixFileMode(Data, File.GetUnixFileMode(Data) | UnixFileMode.OtherWrite);
        await FindsAsync(Configuration(), "problem data: ", "other users may write into it");
    }

    [Fact]
    public async Task A_policy_that_does_not_load_or_names_what_is_not_there()
    {
        _folder.Write("policy.yaml", Policy.Replace("connection: shop, tools", "connection: shopp, tools", StringComparison.Ordinal));
        await FindsAsync(Configuration(), "problem policy: ", "shopp", "policy.yaml:5");
    }

    [Fact]
    public async Task A_policy_whose_test_fails()
    {
        _folder.Write("policy.yaml", Policy.Replace("decision: allow", "decision: deny", StringComparison.Ordinal));
        await FindsAsync(Configuration(), "problem policy: ", "the test `reading is free` fails");
    }

    [Fact]
    public async Task A_credential_that_is_wrong_and_is_not_repeated()
    {
        _folder.Write("shop.secret", "Bearer not-" + Secret);
        var all = await FindsAsync(Configuration(), "problem connection shop: ", "status 401", "see that the credential is the target's");
        Assert.DoesNotContain(Secret, all, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_credential_without_its_scheme()
    {
        _folder.Write("shop.secret", Secret);
        await FindsAsync(Configuration(), "problem connection shop: ", "the credential has no scheme in front");
    }

    [Theory]
    [InlineData("http://127.0.0.1:1/mcp", "ConnectionRefused")]
    [InlineData("https://no-such-host.invalid/mcp", "cannot be reached")]
    public Task A_target_that_is_not_there(string url, string why) => FindsAsync(Configuration(shop: url, credential: false), "problem connection shop: ", why, "see that");

    [Fact]
    public Task A_target_that_is_no_MCP_server() => FindsAsync(Configuration(shop: _issuer.Issuer + "/jwks", credential: false), "problem connection shop: ", "does not answer as an MCP server", "often `/mcp`");

    [Fact]
    public Task A_cluster_that_is_none() => FindsAsync(Configuration(protocol: "kubernetes", shop: _issuer.Issuer, credential: false, policy: false), "problem connection shop: ", "does not answer as a Kubernetes API server");

    [Fact]
    public async Task A_program_that_ends_at_once()
    {
        var stdio = Configuration().Replace($"    url: \"{_shop.Url}\"\n    credential: {{ valueFile: shop.secret }}\n", "    stdio: { command: /bin/false }\n", StringComparison.Ordinal);
        await FindsAsync(stdio, "problem connection shop: ", "");
    }

    [Fact]
    public async Task An_API_answers_with_whatever_it_has()
    {
        var (code, _, all) = await ExamineAsync(Configuration(protocol: "http", shop: _issuer.Issuer, credential: false, policy: false));

        Assert.Equal(0, code);
        Assert.Contains("connection shop: it answers (status 404)", all, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(5, "warning listen.tls: ", "renew it")]
    [InlineData(-1, "problem listen.tls: ", "has expired")]
    public async Task A_certificate_near_its_end(int days, string begin, string text)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var certificate = new CertificateRequest("CN=gateway", key, HashAlgorithmName.SHA256).CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-30), DateTimeOffset.UtcNow.AddDays(days));
        _folder.Write("tls.pem", certificate.ExportCertificatePem());
        _folder.Write("tls.key", key.ExportPkcs8PrivateKeyPem());
        await FindsAsync(Configuration(listen: "https://127.0.0.1:0", tls: true), begin, text);
    }

    [Fact]
    public async Task A_recording_that_was_changed()
    {
        using var recorded = await RecordedFolder.CreateAsync();
        var (good, _, all) = await ExamineAsync(Configuration(data: recorded.Path));
        Assert.Equal(0, good);
        Assert.Contains("records verify to the last signature", all, StringComparison.Ordinal);

        var segment = Directory.GetFiles(recorded.Journal, "*.pjl").Single();
        var bytes = await File.ReadAllBytesAsync(segment, Test);
        bytes[bytes.Length / 2] ^= 1;
        await File.WriteAllBytesAsync(segment, bytes, Test);
        await FindsAsync(Configuration(data: recorded.Path), "problem recording: ", "first bad record");
    }

    [Fact]
    public async Task A_kept_sign_in_that_others_can_read()
    {
        var store = new SignInStore(Path.Combine(_folder.Path, "xdg", "postern"));
        store.Keep(new StoredSignIn { Gateway = "http://127.0.0.1:0", Issuer = _issuer.Issuer, ClientId = "c", TokenEndpoint = _issuer.Issuer + "/token", AccessToken = "the-token", ExpiresAt = DateTimeOffset.UtcNow.AddHours(-1) });
        await FindsAsync(Configuration(), "warning sign-in: ", "cannot be renewed");

        File.SetUnixFileMode(store.PathFor(new Uri("http://127.0.0.1:0")), UnixFileMode.UserRead | UnixFileMode.OtherRead);
        var all = await FindsAsync(Configuration(), "problem sign-in: ", "others can read");
        Assert.DoesNotContain("the-token", all, StringComparison.Ordinal);
    }

    private static CancellationToken Test => TestContext.Current.CancellationToken;

    private string Data => Path.Combine(_folder.Path, "data");

    private string Configuration(
        string? issuer = null, string issuerKeys = "", string client = "clientId: postern-gateway", string listen = "http://127.0.0.1:0", string? shop = null, string protocol = "mcp", bool credential = true, bool policy = true, bool tls = false, string data = "data")
    {
        if (!policy) _folder.Write("policy.yaml", "version: 1\nrules: []\n");
        return $"listen:\n  url: {listen}\n  management: none\n  kubernetes: none\n{(tls ? "  tls: { certificate: tls.pem, key: tls.key }\n" : "")}"
            + $"issuers:\n  demo:\n    authority: \"{issuer ?? _issuer.Issuer}\"\n{(client.Length > 0 ? $"    {client}\n" : "")}{(issuerKeys.Length > 0 ? $"    {issuerKeys}\n" : "")}"
            + $"connections:\n  shop:\n    protocol: {protocol}\n    url: \"{shop ?? _shop.Url}\"\n{(credential ? "    credential: { valueFile: shop.secret }\n" : "")}"
            + $"policy: [policy.yaml]\ndata: {data}\n";
    }

    private async Task<string> FindsAsync(string? configuration, string begin, params string[] parts)
    {
        var (code, found, all) = await ExamineAsync(configuration);
        Assert.True(found.Any(one => one.StartsWith(begin, StringComparison.Ordinal) && parts.All(part => one.Contains(part, StringComparison.Ordinal))), all);
        Assert.Equal(begin.StartsWith("problem", StringComparison.Ordinal) ? 1 : 0, code);
        return all;
    }

    /// <summary>Everything that is not well, one line each with what to do; and all that was said.</summary>
    private async Task<(int Code, List<string> Found, string All)> ExamineAsync(string? configuration, TimeProvider? clock = null)
    {
        var file = configuration is null ? Path.Combine(_folder.Path, "absent.yaml") : _folder.Write("postern.yaml", configuration);
        using var output = new StringWriter { NewLine = "\n" };
        using var error = new StringWriter { NewLine = "\n" };
        var surroundings = new Surroundings { Out = output, Error = error, Clock = clock ?? TimeProvider.System, Variable = name => name == "XDG_STATE_HOME" ? Path.Combine(_folder.Path, "xdg") : null };
        var code = await PosternExecutable.RunAsync(["doctor", "--config", file, "-o", "json"], surroundings, Test);
        var items = JsonDocument.Parse(output.ToString()).RootElement.EnumerateArray().Select(item => (State: item.GetProperty("state").GetString()!, Text: $"{item.GetProperty("state").GetString()} {item.GetProperty("what").GetString()}: {item.GetProperty("text").GetString()} → {item.GetProperty("next").GetString()}")).ToList();
        return (code, [.. items.Where(item => item.State != "ok").Select(item => item.Text)], string.Join('\n', items.Select(item => item.Text)) + error);
    }
}
