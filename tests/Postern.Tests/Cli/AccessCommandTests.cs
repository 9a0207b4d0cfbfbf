using Postern.Tests.Gateway;

namespace Postern.Tests.Cli;

/// <summary>Questions put to files, without a gateway.</summary>
public sealed class AccessCommandTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly string _policy = Path.Combine(Specs.Folder("policy"), "learn-policy-refunds.yaml");
    private readonly string _configuration = Path.Combine(Specs.Folder("policy"), "learn.postern.yaml");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Can_i_says_what_would_be_decided_and_why_and_its_exit_code_is_the_decision()
    {
        var held = await CanIAsync("{\"user\":\"alice\",\"groups\":[\"support\"]}", "shop", "tool=refund", "args={\"amount\":900}");
        Assert.Equal((5, "held: held by `large-refunds`\nmatched: `large-refunds` (hold) on mcp.tools.call\nnearly: `small-refunds` (allow) on mcp.tools.call, but its condition is not true\n"), (held.ExitCode, held.Out));
        Assert.Equal(0, (await CanIAsync("{\"groups\":[\"support\"]}", "shop", "tool=refund", "args={\"amount\":9}")).ExitCode);
        var denied = await CanIAsync("{\"user\":\"bob\"}", "shop", "tool=refund", "args={\"amount\":9}");
        Assert.Equal(4, denied.ExitCode);
        Assert.Contains("nearly: `small-refunds` (allow) on mcp.tools.call, but it is for groups `corp:support`", denied.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_question_that_cannot_be_understood_says_what_was_expected()
    {
        var unknown = await CanIAsync("{}", "shap", "tool=refund");
        Assert.Equal(2, unknown.ExitCode);
        Assert.Contains("did you mean `shop`", unknown.Error, StringComparison.Ordinal);
        Assert.Contains("expected something like `tool=refund`", (await CanIAsync("{}", "shop", "refund")).Error, StringComparison.Ordinal);
        Assert.Contains("did you mean `tool`", (await CanIAsync("{}", "shop", "tol=refund")).Error, StringComparison.Ordinal);
        Assert.Contains("is not JSON", (await CanIAsync("{}", "shop", "tool=refund", "args={")).Error, StringComparison.Ordinal);
        Assert.Contains("say who asks with `--as`", (await CommandLine.RunAsync("can-i", "shop", "tool=refund", "--policy", _policy, "--config", _configuration)).Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Who_can_lists_the_rules_that_give_and_take()
    {
        var result = await CommandLine.RunAsync("who-can", "shop", "tool=refund", "args={\"amount\":900}", "--policy", _policy, "--config", _configuration);

        Assert.Equal(0, result.ExitCode);
        Assert.Matches(@"^EFFECT +WHO +RULE +PART +CONDITION\nhold +groups `corp:support` +large-refunds +mcp\.tools\.call +-\n$", result.Out);
        Assert.Contains("nobody", (await CommandLine.RunAsync("who-can", "shop", "tool=other", "--policy", _policy, "--config", _configuration)).Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Words_of_the_language_are_explained_down_to_those_of_a_protocol()
    {
        var when = await CommandLine.RunAsync("explain", "policy.rules.when");
        Assert.Equal(0, when.ExitCode);
        Assert.StartsWith("A condition in CEL", when.Out, StringComparison.Ordinal);
        Assert.Contains("  policy.rules.on.tools\n", (await CommandLine.RunAsync("explain", "policy.rules.on")).Out, StringComparison.Ordinal);
        var unknown = await CommandLine.RunAsync("explain", "policy.rules.wen");
        Assert.Equal(7, unknown.ExitCode);
        Assert.Contains("did you mean `policy.rules.when`", unknown.Error, StringComparison.Ordinal);
    }

    private Task<CommandLineResult> CanIAsync(string asked, params string[] words) => CommandLine.RunAsync(["can-i", .. words, "--as", asked, "--policy", _policy, "--config", _configuration]);
}
