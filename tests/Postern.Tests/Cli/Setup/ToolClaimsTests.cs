using System.Collections.Immutable;
using System.Text;
using Postern.Cli.Setup;
using Postern.Protocols;

namespace Postern.Tests.Cli.Setup;

public sealed class ToolClaimsTests
{
    [Theory]
    [InlineData("list_orders", true, null, "Reads")]
    [InlineData("listPullRequestComments", true, false, "Reads")]
    [InlineData("shop_get_order", true, null, "Reads")]
    [InlineData("search-files", true, false, "Reads")]
    [InlineData("list_orders", null, null, "Unclear")] // nobody says that it reads but its name
    [InlineData("list_orders", false, false, "Unclear")]
    [InlineData("list_orders", true, true, "Unclear")]
    [InlineData("delete_order", true, false, "Unclear")] // the server calls it read-only
    [InlineData("get_or_create_user", true, null, "Unclear")]
    [InlineData("find_and_replace", true, null, "Unclear")]
    [InlineData("get_secret_value", true, null, "Unclear")]
    [InlineData("getEnv", true, null, "Unclear")]
    [InlineData("query", true, null, "Unclear")]
    [InlineData("fetch", true, null, "Unclear")]
    [InlineData("export_customers", true, null, "Unclear")]
    [InlineData("frobnicate", null, null, "Unclear")]
    [InlineData("frobnicate", true, null, "Unclear")]
    [InlineData("", true, null, "Unclear")]
    [InlineData("delete_order", null, null, "Changes")]
    [InlineData("refund", false, true, "Changes")]
    [InlineData("create_issue", false, false, "Changes")]
    [InlineData("frobnicate", false, true, "Changes")]
    public void A_reading_needs_name_and_annotation_and_nothing_against_it(string name, bool? reads, bool? destroys, string effect) =>
        Assert.Equal(effect, ToolClaims.Of(Tool(name, reads, destroys)).Effect.ToString());

    [Fact]
    public void An_annotation_that_is_no_truth_value_says_nothing() =>
        Assert.Equal(ToolEffect.Unclear, ToolClaims.Of(new OfferedTool("list_orders", Encoding.UTF8.GetBytes("""{"name":"list_orders","annotations":{"readOnlyHint":"true"}}"""))).Effect);

    [Fact]
    public void A_name_that_would_be_a_pattern_or_break_a_line_is_in_no_rule()
    {
        var policy = new DraftedPolicy(new DraftAudience("users", ["leads"], []));
        policy.AddTools("shop", [Tool("get_*", true, null), Tool("get_one\n  - id: all", true, null), Tool("get_two", true, null)]);
        var text = policy.Text(["head"]);

        Assert.Contains("tools: [get_two]", text, StringComparison.Ordinal);
        Assert.Equal(2, policy.LeftOut.Count);
        Assert.DoesNotContain("\n  - id: all", text, StringComparison.Ordinal);
        Assert.Contains("#   get_*: its name cannot be written in a rule", text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_server_without_tools_gets_a_policy_without_rules()
    {
        var policy = new DraftedPolicy(new DraftAudience("users", ["leads"], []));
        policy.AddTools("shop", []);

        Assert.Equal("# head\nversion: 1\n\nrules: []\n", policy.Text(["head"]));
    }

    private static OfferedTool Tool(string name, bool? reads, bool? destroys)
    {
        var hints = ImmutableArray.CreateBuilder<string>();
        if (reads is { } read) hints.Add($"\"readOnlyHint\":{(read ? "true" : "false")}");
        if (destroys is { } destroy) hints.Add($"\"destructiveHint\":{(destroy ? "true" : "false")}");
        return new OfferedTool(name, Encoding.UTF8.GetBytes($"{{\"name\":{System.Text.Json.JsonSerializer.Serialize(name)},\"annotations\":{{{string.Join(',', hints)}}}}}"));
    }
}
