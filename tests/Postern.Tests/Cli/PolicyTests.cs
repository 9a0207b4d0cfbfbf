using System.Text.Json;

namespace Postern.Tests.Cli;

public sealed class PolicyTests : IDisposable
{
    private const string Good =
        """
        version: 1
        rules:
          - id: support-reads
            who: { groups: [support] }
            on: { connection: shop, tools: [list_orders] }
            then: allow
        tests:
          - name: support reads
            as: { user: alice, groups: [support] }
            ask: { connection: shop, tool: list_orders, args: {} }
            expect: { decision: allow, rule: support-reads }

        """;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("postern-test-");

    public PolicyTests()
    {
        Write("postern.yaml",
            """
            policy: [policy.yaml]
            issuers: { demo: { authority: "http://127.0.0.1:1" } }
            connections: { shop: { protocol: mcp, url: "http://127.0.0.1:2/mcp" } }
            """);
        Write("policy.yaml", Good);
    }

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task A_good_policy_is_exit_0_and_says_so_on_stderr()
    {
        var result = await RunAsync("check");

        Assert.Equal((0, "", "the policy is good\n"), (result.ExitCode, result.Out, result.Error));
    }

    [Fact]
    public async Task Each_problem_is_one_line_with_its_place_and_the_nearest_word()
    {
        var bad = Write("bad.yaml", Good.Replace("tools:", "tool:", StringComparison.Ordinal));

        var text = await RunAsync("check", bad);
        var json = await RunAsync("check", bad, "-o", "json");

        Assert.Equal(9, text.ExitCode);
        Assert.Contains($"{bad}:5:29: unknown key `tool`; did you mean `tools`?\n", text.Out);
        Assert.Equal("error", JsonDocument.Parse(json.Out).RootElement[0].GetProperty("severity").GetString());
        Assert.Equal(5, JsonDocument.Parse(json.Out).RootElement.EnumerateArray().First(problem => problem.GetProperty("message").GetString()!.Contains("`tool`")).GetProperty("line").GetInt32());
    }

    [Fact]
    public async Task Warnings_fail_only_a_strict_check()
    {
        var untested = Write("untested.yaml", Good[..Good.IndexOf("tests:", StringComparison.Ordinal)]);

        var lenient = await RunAsync("check", untested);
        var strict = await RunAsync("check", untested, "--strict");

        Assert.Equal(0, lenient.ExitCode);
        Assert.Contains("warning:", lenient.Out);
        Assert.Equal(9, strict.ExitCode);
        Assert.Equal(lenient.Out, strict.Out);
    }

    [Fact]
    public async Task Tests_pass_or_say_what_they_found()
    {
        var wrong = Write("wrong.yaml", Good.Replace("decision: allow, rule: support-reads", "decision: hold", StringComparison.Ordinal));

        var good = await RunAsync("test");
        var bad = await RunAsync("test", wrong);

        Assert.Equal((0, "passed  support reads\n", "1 passed, 0 failed\n"), (good.ExitCode, good.Out, good.Error));
        Assert.Equal(9, bad.ExitCode);
        Assert.Contains("expected `hold`, found allow", bad.Out);
    }

    [Fact]
    public async Task Results_are_written_for_ci_and_a_policy_that_does_not_load_is_an_error_there()
    {
        var wrong = Write("wrong.yaml", Good.Replace("decision: allow, rule: support-reads", "decision: hold", StringComparison.Ordinal).Replace("name: support reads", "name: \"<reads> & \\u0001\"", StringComparison.Ordinal));
        var file = Path.Combine(_folder.FullName, "results.xml");

        Assert.Equal(9, (await RunAsync("test", wrong, "--junit", file)).ExitCode);
        var failed = System.Xml.Linq.XDocument.Load(file).Root!;
        Assert.Equal(("1", "1", "0"), (failed.Attribute("tests")!.Value, failed.Attribute("failures")!.Value, failed.Attribute("errors")!.Value));
        var test = failed.Descendants("testcase").Single();
        Assert.Equal("<reads> & \uFFFD", test.Attribute("name")!.Value);
        Assert.Contains("expected `hold`, found allow", test.Element("failure")!.Attribute("message")!.Value, StringComparison.Ordinal);

        Assert.Equal(9, (await RunAsync("test", Write("bad.yaml", "version: 2"), "--junit", file)).ExitCode);
        Assert.Equal("1", System.Xml.Linq.XDocument.Load(file).Root!.Attribute("errors")!.Value);
        Assert.Equal(0, (await RunAsync("test", "--junit", file)).ExitCode);
        Assert.Equal("0", System.Xml.Linq.XDocument.Load(file).Root!.Attribute("failures")!.Value);
    }

    [Fact]
    public async Task A_configuration_that_does_not_load_is_a_matter_of_usage()
    {
        var result = await CommandLine.RunAsync("policy", "check", "--config", Path.Combine(_folder.FullName, "none.yaml"));

        Assert.Equal(2, result.ExitCode);
        Assert.Contains("there is no such file", result.Error);
    }

    [Fact]
    public async Task A_policy_file_that_is_not_there_is_a_problem_of_the_policy()
    {
        var result = await RunAsync("check", Path.Combine(_folder.FullName, "none.yaml"));

        Assert.Equal(9, result.ExitCode);
        Assert.Contains("there is no such file", result.Out);
    }

    private Task<CommandLineResult> RunAsync(string command, params string[] more) =>
        CommandLine.RunAsync(["policy", command, "--config", Path.Combine(_folder.FullName, "postern.yaml"), .. more]);

    private string Write(string name, string text)
    {
        var path = Path.Combine(_folder.FullName, name);
        File.WriteAllText(path, text);
        return path;
    }
}
