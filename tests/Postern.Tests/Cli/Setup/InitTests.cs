using Postern.Cli;
using Postern.Cli.Console;
using Postern.Cli.Setup;
using Postern.Gateway.Configuration;
using Postern.Protocols;
using Postern.Tests.Gateway;

namespace Postern.Tests.Cli.Setup;

public sealed class InitTests : IDisposable
{
    private static readonly Dictionary<string, string> _details = new(StringComparer.Ordinal)
    {
        ["entra"] = "--authority https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/v2.0 --audience aaaaaaaa-0000-4000-8000-000000000001 --client-id aaaaaaaa-0000-4000-8000-000000000002",
        ["okta"] = "--authority https://acme.okta.com/oauth2/default --audience api://default --client-id 0oa1",
        ["auth0"] = "--authority https://acme.eu.auth0.com/ --audience https://postern.example --client-id abc",
        ["google"] = "--audience 1.apps.googleusercontent.com --tenant example.com --client-id 2.apps.googleusercontent.com",
        ["keycloak"] = "--authority https://id.example.com/realms/corp --client-id postern",
        ["oidc"] = "--authority https://login.example.com/ --client-id postern",
        ["demo"] = "",
    };

    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string, string, string> Answers
    {
        get
        {
            var all = new TheoryData<string, string, string>();
            foreach (var provider in ProviderChoice.All) all.Add(provider.Name, "mcp", "shop=https://shop.example.com/mcp");
            all.Add("oidc", "http", "api=https://api.example.com/v1");
            all.Add("oidc", "kubernetes", "prod=https://k8s.example.com:6443");
            all.Add("oidc", "postgres", "orders=postgresql://127.0.0.1:5432/orders");
            all.Add("oidc", "mcp", "shell=\"/bin/sh -c 'exit 0'\"");
            return all;
        }
    }

    private string Configuration => Path.Combine(_folder.Path, "postern.yaml");

    private string Policy => Path.Combine(_folder.Path, "policy.yaml");

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Answers))]
    public async Task What_is_written_loads_without_a_warning_and_passes_its_tests(string provider, string protocol, string protect)
    {
        var run = await InitAsync(provider, protect, ["--protocol", protocol, .. protocol == "postgres" ? ["--user", "app"] : Array.Empty<string>()]);

        Assert.True(run.ExitCode == 0, run.Error);
        Assert.Equal($"{Configuration}\n{Policy}\n", run.Out);
        Assert.Contains("postern serve --config", run.Error, StringComparison.Ordinal);
        var loaded = ConfigurationLoader.Load(Configuration, [], ProtocolCatalog.Create().Select(one => one.Name));
        Assert.True(loaded.Options is { } options && options.Issuers.Single().Name == provider, string.Join('\n', loaded.Problems));
        var check = await CommandLine.RunAsync("policy", "check", "--strict", "--config", Configuration);
        Assert.True(check.ExitCode == 0, check.Out);
        var test = await CommandLine.RunAsync("policy", "test", "--config", Configuration);
        Assert.True(test.ExitCode == 0, test.Out + test.Error);
    }

    [Theory]
    [InlineData("", "--provider")]
    [InlineData("--provider oidc", "--authority")]
    [InlineData("--provider oidc --authority https://login.example.com/", "--client-id")]
    [InlineData("--provider google --audience a --client-id c", "--tenant")]
    [InlineData("--provider demo", "--protect")]
    [InlineData("--provider demo --protect shop=https://shop.example.com/mcp", "--approvers")]
    [InlineData("--provider demo --protect orders=postgresql://127.0.0.1/orders --approvers leads", "--user")]
    public async Task Without_a_terminal_a_missing_answer_names_the_option_that_gives_it(string given, string option)
    {
        var run = await CommandLine.RunAsync(["init", "--offline", "--folder", _folder.Path, .. given.Split(' ', StringSplitOptions.RemoveEmptyEntries)]);

        Assert.Equal(2, run.ExitCode);
        Assert.Contains($"there is no terminal to ask at; give it with `{option}`", run.Error, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(_folder.Path));
    }

    [Theory]
    [InlineData("--provider okto --protect a=https://a.example --approvers b", "did you mean `okta`?")]
    [InlineData("--provider demo --protect a --approvers b", "expected a name and where it is")]
    [InlineData("--provider demo --protect Shop=https://a.example --approvers b", "expected a name of lower-case letters")]
    [InlineData("--provider demo --protect a=https://a.example --approvers b --audience x", "`--audience` means nothing with `--provider demo`")]
    [InlineData("--provider oidc --authority http://login.example.com --client-id c --protect a=https://a.example --approvers b", "expected an https URL")]
    [InlineData("--provider demo --protect a=http://shop.example.com/mcp --approvers b --credential-file /etc/hostname", "a credential would travel in the clear")]
    public async Task What_cannot_be_meant_is_said_and_nothing_is_written(string given, string message)
    {
        var run = await CommandLine.RunAsync(["init", "--offline", "--folder", _folder.Path, .. given.Split(' ')]);

        Assert.Equal(2, run.ExitCode);
        Assert.Contains(message, run.Error, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(_folder.Path));
    }

    [Fact]
    public async Task Nothing_is_written_over_and_force_keeps_what_was_there()
    {
        Assert.Equal(0, (await InitAsync("demo", "shop=https://shop.example.com/mcp")).ExitCode);
        var first = await File.ReadAllTextAsync(Configuration, TestContext.Current.CancellationToken);

        var same = await InitAsync("demo", "shop=https://shop.example.com/mcp");
        var other = await InitAsync("demo", "shop=https://other.example.com/mcp");

        Assert.Equal((0, ""), (same.ExitCode, same.Out));
        Assert.Contains("word for word", same.Error, StringComparison.Ordinal);
        Assert.Equal(1, other.ExitCode);
        Assert.Contains("-    url: \"https://shop.example.com/mcp\"\n+    url: \"https://other.example.com/mcp\"", other.Error, StringComparison.Ordinal);
        Assert.Equal(first, await File.ReadAllTextAsync(Configuration, TestContext.Current.CancellationToken));

        var forced = await InitAsync("demo", "shop=https://other.example.com/mcp", ["--force"]);

        Assert.Equal(0, forced.ExitCode);
        Assert.Equal(first, await File.ReadAllTextAsync(Assert.Single(Directory.GetFiles(_folder.Path, "postern.yaml.*.bak")), TestContext.Current.CancellationToken));
        Assert.Contains("other.example.com", await File.ReadAllTextAsync(Configuration, TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_person_is_asked_again_until_the_answer_can_be_meant()
    {
        using var output = new StringWriter { NewLine = "\n" };
        using var error = new StringWriter { NewLine = "\n" };
        var surroundings = new Surroundings { Out = output, Error = error, Variable = static _ => null, IsInTerminal = true, In = new StringReader("okto\n\nkeycloak\nid.example.com\nhttps://id.example.com/realms/corp\npostern\nshop\nshop=https://shop.example.com/mcp\nleads, user:carol\n") };

        var code = await PosternExecutable.RunAsync(["init", "--offline", "--folder", _folder.Path], surroundings, TestContext.Current.CancellationToken);

        Assert.True(code == 0, error.ToString());
        Assert.Contains("  expected one of entra, okta, auth0, google, keycloak, oidc, demo, found `okto`; did you mean `okta`?", error.ToString(), StringComparison.Ordinal);
        Assert.Contains("approvers: { groups: [leads], users: [carol], count: 1 }", await File.ReadAllTextAsync(Policy, TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_provider_that_does_not_answer_leaves_nothing_behind()
    {
        var run = await CommandLine.RunAsync("init", "--folder", _folder.Path, "--provider", "oidc", "--authority", "http://127.0.0.1:1", "--client-id", "c", "--protect", "shop=http://127.0.0.1:1/mcp", "--approvers", "leads");

        Assert.Equal(8, run.ExitCode);
        Assert.Contains("the issuer cannot be reached", run.Error, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(_folder.Path));
    }

    private Task<CommandLineResult> InitAsync(string provider, string protect, string[]? more = null) =>
        CommandLine.RunAsync(["init", "--offline", "--folder", _folder.Path, "--provider", provider, "--protect", protect, "--approvers", "leads", .. _details[provider].Split(' ', StringSplitOptions.RemoveEmptyEntries), .. more ?? []]);
}
