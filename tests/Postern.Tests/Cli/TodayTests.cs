using System.Text.Json;
using System.Text.RegularExpressions;
using Postern.Tests.Gateway;

namespace Postern.Tests.Cli;

/// <summary>A replay says beside each decision what today's policy would say of the same question, and which rules nearly matched.</summary>
[Guarantee("G18")]
public sealed partial class TodayTests : IAsyncLifetime
{
    private const string Policy = RunningGateway.Policy +
        """

          - id: readers
            who: { users: [carol] }
            on: { admin: [sessions.read, policy.read] }
            then: allow
          - id: watchers
            who: { users: [bob] }
            on: { admin: [sessions.read] }
            then: allow
          - id: keepers
            who: { users: [carol] }
            on: { admin: [sessions.erase] }
            then: hold
            hold: { approvers: { groups: [on-call], count: 1 }, expires: 30m }
        """;

    private static readonly string Stricter = Policy
        .Replace("\"get_*\", ", "", StringComparison.Ordinal)
        .Replace("args.amount <= 500", "args.amount <= 200", StringComparison.Ordinal)
        .Replace("args.amount > 500", "args.amount > 200", StringComparison.Ordinal);

    private RunningGateway _gateway = null!;
    private string _session = "";

    public async ValueTask InitializeAsync() => await BeginAsync(Policy);

    public async ValueTask DisposeAsync() => await _gateway.DisposeAsync();

    [Fact]
    public async Task A_policy_that_changed_is_told_beside_what_was_decided()
    {
        Assert.All(await StepsAsync("carol"), step => Assert.False(Today(step).GetProperty("differs").GetBoolean()));
        await File.WriteAllTextAsync(_gateway.PolicyFile, Stricter, TestContext.Current.CancellationToken);
        await _gateway.RestartAsync();
        var (refunds, reads) = (_gateway.Shop.CountOf("refund"), _gateway.Shop.CountOf("get_customer"));

        var steps = await StepsAsync("carol");

        Assert.Equal(["allow allow", "deny hold"], [string.Join(' ', steps.Select(Kind)), string.Join(' ', steps.Select(step => Today(step).GetProperty("kind").GetString()))]);
        Assert.All(steps, step => Assert.True(Today(step).GetProperty("differs").GetBoolean()));
        Assert.Equal("policy.not_permitted", Today(steps[0]).GetProperty("code").GetString());
        Assert.Contains(Today(steps[0]).GetProperty("nearly").EnumerateArray(), miss => miss.GetProperty("rule").GetString() == "support-reads" && miss.GetProperty("lacks").GetString()!.Contains("not `get_customer`", StringComparison.Ordinal));
        Assert.Equal("large-refunds@2", Today(steps[1]).GetProperty("rules")[0].GetProperty("rule").GetString());
        // Near misses of a decision are those of the version that made it.
        var miss = Assert.Single(steps[1].GetProperty("decision").GetProperty("nearly").EnumerateArray(), miss => miss.GetProperty("rule").GetString() == "large-refunds");
        Assert.Equal(("hold", "its condition is not true"), (miss.GetProperty("effect").GetString(), miss.GetProperty("lacks").GetString()));

        var text = await RunAsync("carol", "sessions", "replay", _session);
        Assert.Contains("today      deny, policy.not_permitted (differs)", text, StringComparison.Ordinal);
        Assert.Contains("today      hold by large-refunds@2 (differs)", text, StringComparison.Ordinal);
        Assert.Contains("nearly     large-refunds (hold) on mcp.tools.call, but its condition is not", text, StringComparison.Ordinal);
        Assert.All(text.Split('\n'), line => Assert.InRange(line.Length, 0, 80));
        var page = await RunAsync("carol", "sessions", "export", _session, "--as", "html");
        Assert.Contains("<dt>today's policy</dt><dd>version 2, in force when this page was made</dd>", page, StringComparison.Ordinal);
        Assert.Contains("<dt>today</dt><dd>hold by large-refunds@2 (differs)</dd>", page, StringComparison.Ordinal);
        Assert.Contains("<dt>nearly</dt><dd>large-refunds (hold) on mcp.tools.call, but its condition is not true</dd>", page, StringComparison.Ordinal);
        // Nothing was done again.
        Assert.Equal((1, 1), (refunds, reads));
        Assert.Equal((refunds, reads), (_gateway.Shop.CountOf("refund"), _gateway.Shop.CountOf("get_customer")));
    }

    [Fact]
    public async Task Whoever_may_not_read_policies_is_told_no_more_than_a_refusal_says()
    {
        await File.WriteAllTextAsync(_gateway.PolicyFile, Stricter, TestContext.Current.CancellationToken);
        await _gateway.RestartAsync();

        var own = await StepsAsync("alice");
        var watched = await StepsAsync("bob");

        Assert.Equal(["deny", "hold"], own.Select(step => Today(step).GetProperty("kind").GetString()));
        Assert.Empty(Today(own[0]).GetProperty("rules").EnumerateArray());
        Assert.All(own, step => Assert.Empty(Today(step).GetProperty("nearly").EnumerateArray()));
        Assert.All(own, step => Assert.False(step.GetProperty("decision").TryGetProperty("nearly", out _)));
        Assert.All(watched, step => Assert.Equal(("unknown", true), (Today(step).GetProperty("kind").GetString(), Today(step).GetProperty("reason").GetString()!.Contains("policy.read", StringComparison.Ordinal))));
    }

    [Fact]
    [Row("U11")]
    public async Task Of_an_erased_session_it_is_unknown()
    {
        using var onCall = await Browser.SignInAsync(_gateway, "bob");
        string[] erase = ["sessions", "erase", _session, "--reason", "asked for"];
        var asked = await CommandLine.RunAsync(erase, Environment("carol"));
        await onCall.AnswerAsync(HoldOf().Match(asked.Out + asked.Error).Groups["id"].Value, "approve", "agreed");
        await RunAsync("carol", erase);

        var steps = await StepsAsync("carol");

        Assert.Equal(2, steps.Length);
        Assert.All(steps, step => Assert.Equal(("unknown", JsonValueKind.Null), (Today(step).GetProperty("kind").GetString(), Today(step).GetProperty("differs").ValueKind)));
        Assert.All(steps, step => Assert.Matches("erased on .* by demo:carol: asked for", Today(step).GetProperty("reason").GetString()));
        Assert.Contains("today      unknown: what was asked cannot be read: erased on ", await RunAsync("carol", "sessions", "replay", _session), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_a_mask_kept_out_of_the_record_is_not_guessed()
    {
        await _gateway.DisposeAsync();
        await BeginAsync(Policy + "\nmasks:\n  - id: orders\n    on: { connection: shop }\n    fields: [\"$..order\"]\n    as: redact\n");

        var steps = await StepsAsync("carol");

        Assert.Equal(["allow", "unknown"], steps.Select(step => Today(step).GetProperty("kind").GetString()));
        Assert.Equal("a condition reads masked arguments", Today(steps[1]).GetProperty("reason").GetString());
    }

    [Fact]
    public async Task Without_a_gateway_policy_files_are_asked_and_without_them_nobody_is()
    {
        await _gateway.Host.StopAsync();
        using var folder = new TemporaryFolder();
        var configuration = folder.Write("postern.yaml", "issuers: { demo: { authority: https://login.example.com } }\nconnections: { shop: { protocol: mcp, url: https://shop.example.com/mcp } }\npolicy: [policy.yaml]\n");
        var policy = folder.Write("policy.yaml", Stricter);
        string[] replay = ["sessions", "replay", _session, "--journal", _gateway.DataFolder];

        var asked = await CommandLine.RunAsync([.. replay, "--config", configuration, "--policy", policy]);
        var page = await CommandLine.RunAsync("sessions", "export", _session, "--as", "html", "--journal", _gateway.DataFolder, "--config", configuration, "--policy", policy);
        var silent = await CommandLine.RunAsync(replay);
        var wrong = await CommandLine.RunAsync([.. replay, "--config", configuration, "--policy", folder.Write("bad.yaml", "version: 2")]);
        var misplaced = await CommandLine.RunAsync("sessions", "replay", _session, "--policy", policy);

        Assert.True(asked.ExitCode == 0, asked.Error);
        Assert.Contains("today      hold by large-refunds (differs)", asked.Out, StringComparison.Ordinal);
        Assert.Contains("<dt>today</dt><dd>hold by large-refunds (differs)</dd>", page.Out, StringComparison.Ordinal);
        Assert.Contains("\ntoday       unknown: a journal holds no policy; name one with `--policy`", silent.Out, StringComparison.Ordinal);
        Assert.Equal((9, 2), (wrong.ExitCode, misplaced.ExitCode));
        Assert.Contains("--journal", misplaced.Error, StringComparison.Ordinal);
    }

    private static string? Kind(JsonElement step) => step.GetProperty("decision").GetProperty("kind").GetString();

    private static JsonElement Today(JsonElement step) => step.GetProperty("today");

    private async Task BeginAsync(string policy)
    {
        _gateway = await RunningGateway.StartAsync(policy);
        await _gateway.CallToolAsync("alice", "get_customer", """{"customer":"C-101"}""");
        await _gateway.CallToolAsync("alice", "refund", """{"order":"O-1001","amount":300,"reason":"x"}""");
        using var listed = await _gateway.ApiAsync("/sessions", _gateway.TokenOf("alice"));
        _session = JsonDocument.Parse(await listed.Content.ReadAsStringAsync()).RootElement.GetProperty("items")[0].GetProperty("id").GetString()!;
    }

    private async Task<JsonElement[]> StepsAsync(string subject) =>
        [.. (await RunAsync(subject, "sessions", "replay", _session, "-o", "ndjson")).TrimEnd('\n').Split('\n').Select(line => JsonDocument.Parse(line).RootElement)];

    private async Task<string> RunAsync(string subject, params string[] words)
    {
        var run = await CommandLine.RunAsync(words, Environment(subject));
        Assert.True(run.ExitCode == 0, $"{run.ExitCode}: {run.Error}{run.Out}");
        return run.Out;
    }

    private Dictionary<string, string> Environment(string subject) => new() { ["POSTERN_GATEWAY"] = _gateway.Host.Url, ["POSTERN_TOKEN"] = _gateway.TokenOf(subject) };

    [GeneratedRegex("/approve/(?<id>[0-9A-Z]{26})", RegexOptions.ExplicitCapture)]
    private static partial Regex HoldOf();
}
