using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Data.Sqlite;
using Postern.Core.Recording;
using Postern.Gateway.Recordings.Keys;

namespace Postern.Tests.Gateway.Policies;

/// <summary>Versions of the policy, and the one way into force, over a whole gateway.</summary>
public sealed class PublishingTests : IAsyncLifetime
{
    // Carol administers alone in a browser; bob's publishing waits for carol; the bot publishes with nothing but its token.
    private const string Policy = RunningGateway.Policy +
        """

          - id: publishers
            who: { users: [carol] }
            on: { admin: [policy.apply, policy.read] }
            then: allow
          - id: pipelines
            who: { workloads: [triage-bot] }
            on: { admin: [policy.apply] }
            then: allow
          - id: second-pair-of-eyes
            who: { users: [bob] }
            on: { admin: [policy.apply] }
            then: hold
            hold: { approvers: { users: [carol], count: 1 } }
        """;

    private const string More =
        """

          - id: one-more
            on: { connection: shop, tools: [refund] }
            then: deny
        """;

    private RunningGateway _gateway = null!;

    public async ValueTask InitializeAsync() => _gateway = await RunningGateway.StartAsync(Policy);

    public async ValueTask DisposeAsync() => await _gateway.DisposeAsync();

    [Fact]
    [Guarantee("G15")]
    public async Task A_version_is_published_recorded_before_it_counts_and_kept_with_author_reason_hash_and_difference()
    {
        using var carol = await Browser.SignInAsync(_gateway, "carol");

        var (status, published) = await ApplyAsync(carol, 1, Policy + More, "no refunds today");

        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal((2, 1, "demo:carol", "no refunds today", "api"), (published.GetProperty("version").GetInt32(), published.GetProperty("from").GetInt32(), published.GetProperty("author").GetString(), published.GetProperty("reason").GetString(), published.GetProperty("source").GetString()));
        Assert.Contains("policy.not_permitted", (await _gateway.CallToolAsync("alice", "refund", """{"order":"O-1001","amount":5,"reason":"x"}""")).GetRawText(), StringComparison.Ordinal);
        var inForce = await GetAsync("/policy", "alice");
        Assert.Equal((2, true), (inForce.GetProperty("version").GetInt32(), inForce.GetProperty("differsFromFolder").GetBoolean()));
        Assert.Equal([2, 1], (await GetAsync("/policy/versions", "carol")).GetProperty("items").EnumerateArray().Select(one => one.GetProperty("version").GetInt32()));
        Assert.Equal(Policy + More, (await GetAsync("/policy/versions/2", "carol")).GetProperty("files").GetProperty("policy.yaml").GetString());
        Assert.Contains("+  - id: one-more\n", (await GetAsync("/policy/versions/1/diff/2", "carol")).GetProperty("diff").GetString()!, StringComparison.Ordinal);
        foreach (var path in new[] { "/policy/versions", "/policy/versions/1", "/policy/versions/1/diff/2" })
        {
            using var hidden = await _gateway.ApiAsync(path, _gateway.TokenOf("alice"));
            Assert.Equal(HttpStatusCode.NotFound, hidden.StatusCode);
        }

        await _gateway.Host.StopAsync();
        var records = Records();
        var intent = Assert.Single(records, record => record.Payload is RecordedIntent { Decision.Kind: "allow" } one && one.Parts[0].Action == "gateway.policy.apply");
        var request = JsonDocument.Parse(intent.Content).RootElement;
        Assert.Equal((1, "no refunds today"), (request.GetProperty("before").GetProperty("version").GetInt32(), request.GetProperty("reason").GetString()));
        Assert.Contains("+  - id: one-more\n", request.GetProperty("changes").GetString()!, StringComparison.Ordinal);
        Assert.Equal(published.GetProperty("hash").GetString(), request.GetProperty("after").GetProperty("hash").GetString());
        var applied = Assert.Single(records, record => record.Payload is RecordedOccurrence { Kind: "policy.applied" } one && one.Facts.Contains(new RecordedPair("number", "2")));
        Assert.True(intent.Sequence < applied.Sequence);
        Assert.All(records.Where(record => record.Payload is RecordedIntent { Decision.Version: 2 }), record => Assert.True(record.Sequence > applied.Sequence));
        Assert.Contains(records, record => record.Payload is RecordedEnding { Outcome: "done" } ending && ending.Op == ((RecordedIntent)intent.Payload).Op);
    }

    [Fact]
    [Row("A05")]
    [Row("T05")]
    public async Task A_persons_token_alone_publishes_nothing_and_a_workloads_does()
    {
        var (stolen, problem) = await ApplyAsync(_gateway.TokenOf("carol"), 1, Policy + More);
        Assert.Equal(HttpStatusCode.Forbidden, stolen);
        Assert.Contains("token alone", problem.GetProperty("detail").GetString()!, StringComparison.Ordinal);
        using var carol = await Browser.SignInAsync(_gateway, "carol");
        Assert.Equal(HttpStatusCode.Forbidden, (await ApplyAsync(carol, 1, Policy + More, "why", csrf: "wrong")).Status);
        Assert.Equal(1, (await GetAsync("/policy", "alice")).GetProperty("version").GetInt32());

        var bot = _gateway.Issuer.IssueToken("triage-bot", _gateway.Host.PublicUrl);
        Assert.Equal(HttpStatusCode.OK, (await ApplyAsync(bot, 1, Policy + More)).Status);
        Assert.Equal(2, (await GetAsync("/policy", "alice")).GetProperty("version").GetInt32());
    }

    [Fact]
    [Row("A19")]
    [Guarantee("G7")]
    public async Task Publishing_is_held_approved_for_exactly_this_policy_and_used_once()
    {
        var token = _gateway.TokenOf("bob");
        var (pending, held) = await ApplyAsync(token, 1, Policy + More);
        Assert.Equal(HttpStatusCode.Accepted, pending);
        Assert.Equal(held.GetProperty("hold").GetString(), (await ApplyAsync(token, 1, Policy + More)).Body.GetProperty("hold").GetString());
        using var carol = await Browser.SignInAsync(_gateway, "carol");
        var shown = await carol.GetAsync("/approve/" + held.GetProperty("hold").GetString());
        Assert.Contains("one-more", shown.Page, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, (await carol.AnswerAsync(held.GetProperty("hold").GetString()!, "approve")).Status);

        // Another text is another question.
        Assert.Equal(HttpStatusCode.Accepted, (await ApplyAsync(token, 1, Policy + More + "\n")).Status);
        var (status, published) = await ApplyAsync(token, 1, Policy + More);
        Assert.Equal((HttpStatusCode.OK, 2, "demo:bob"), (status, published.GetProperty("version").GetInt32(), published.GetProperty("author").GetString()));
        // What was made from version 1 is stale now, approved or not.
        var (stale, problem) = await ApplyAsync(token, 1, Policy);
        Assert.Equal(HttpStatusCode.Conflict, stale);
        Assert.Contains("Version 2 is in force", problem.GetProperty("detail").GetString()!, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.Accepted, (await ApplyAsync(token, 2, Policy)).Status);
    }

    [Fact]
    [Guarantee("G15")]
    [Row("F15")]
    public async Task What_does_not_load_changes_nothing_and_is_recorded_and_whoever_may_not_publish_learns_nothing_of_it()
    {
        using var carol = await Browser.SignInAsync(_gateway, "carol");
        var (status, problem) = await ApplyAsync(carol, 1, Policy + "\n  - { id: broken, then: alow }\n", "typo");
        Assert.Equal(HttpStatusCode.UnprocessableEntity, status);
        Assert.Contains("did you mean `allow`", problem.GetProperty("detail").GetString()!, StringComparison.Ordinal);

        var (denied, refusal) = await ApplyAsync(_gateway.TokenOf("alice"), 1, "version: 1\nrules: [{id: broken}]", "x");
        Assert.Equal(HttpStatusCode.Forbidden, denied);
        Assert.DoesNotContain("broken", refusal.GetRawText(), StringComparison.Ordinal);
        Assert.Equal(1, (await GetAsync("/policy", "alice")).GetProperty("version").GetInt32());

        await _gateway.Host.StopAsync();
        var records = Records();
        Assert.Contains(records, record => record.Payload is RecordedOccurrence { Kind: "policy.rejected" } one && one.Facts.Contains(new RecordedPair("by", "demo:carol")));
        var intent = Assert.Single(records.Select(record => record.Payload).OfType<RecordedIntent>(), one => one.Identity.Subject == "alice");
        Assert.Equal(("gateway.policy.apply", "deny"), (intent.Parts[0].Action, intent.Decision.Kind));
    }

    [Fact]
    public async Task An_earlier_version_is_published_again_under_a_new_number()
    {
        using var carol = await Browser.SignInAsync(_gateway, "carol");
        await ApplyAsync(carol, 1, Policy + More, "no refunds today");

        var (status, back) = await PostAsync(carol, "/policy/versions/1/rollback", new JsonObject { ["from"] = 2, ["reason"] = "refunds again" });

        Assert.Equal((HttpStatusCode.OK, 3, "rollback"), (status, back.GetProperty("version").GetInt32(), back.GetProperty("source").GetString()));
        Assert.Equal("", (await GetAsync("/policy/versions/1/diff/3", "carol")).GetProperty("diff").GetString());
        Assert.Equal(HttpStatusCode.NotFound, (await PostAsync(carol, "/policy/versions/99/rollback", new JsonObject { ["from"] = 3, ["reason"] = "x" })).Status);
    }

    [Fact]
    [Row("F15")]
    public async Task What_was_published_stays_over_a_restart_until_the_folder_says_something_new()
    {
        using (var carol = await Browser.SignInAsync(_gateway, "carol")) await ApplyAsync(carol, 1, Policy + More, "no refunds today");
        await _gateway.RestartAsync();
        Assert.Equal(2, (await GetAsync("/policy", "alice")).GetProperty("version").GetInt32());

        // A folder that does not load is no reason not to start with what was in force.
        await _gateway.Host.StopAsync();
        await File.WriteAllTextAsync(_gateway.PolicyFile, "version: 2", TestContext.Current.CancellationToken);
        await _gateway.RestartAsync();
        var still = await GetAsync("/policy", "alice");
        Assert.Equal(2, still.GetProperty("version").GetInt32());
        Assert.Contains("does not load", still.GetProperty("complaint").GetString()!, StringComparison.Ordinal);

        await File.WriteAllTextAsync(_gateway.PolicyFile, Policy + "\n# news\n", TestContext.Current.CancellationToken);
        var news = await EventuallyAsync(() => GetAsync("/policy", "alice"), policy => policy.GetProperty("version").GetInt32() == 3);
        Assert.Equal(("folder", false, JsonValueKind.Null), (news.GetProperty("source").GetString(), news.GetProperty("differsFromFolder").GetBoolean(), news.GetProperty("complaint").ValueKind));
        await _gateway.Host.StopAsync();
        Assert.Contains(Records(), record => record.Payload is RecordedIntent { Identity.Kind: "gateway" } one && one.Parts[0].Action == "gateway.policy.load");
    }

    [Fact]
    [Row("U04")]
    public async Task A_version_cannot_be_changed_in_the_database_and_a_forged_text_stops_the_start()
    {
        await _gateway.Host.StopAsync();
        await using (var sql = new SqliteConnection($"Data Source={Path.Combine(_gateway.DataFolder, "postern.db")};Pooling=False"))
        {
            await sql.OpenAsync(TestContext.Current.CancellationToken);
            Assert.Contains("never changed", Run(sql, "update policy_versions set reason = 'other'").Message, StringComparison.Ordinal);
            Assert.Contains("never deleted", Run(sql, "delete from policy_versions").Message, StringComparison.Ordinal);
            using var forge = sql.CreateCommand();
            forge.CommandText = "drop trigger policy_versions_stay; update policy_versions set sources = '{\"policy.yaml\":\"version: 1\"}'";
            forge.ExecuteNonQuery();
        }

        var refused = await Assert.ThrowsAsync<Postern.Gateway.GatewayStartException>(_gateway.RestartAsync);

        Assert.Contains("not the one that was applied", refused.Message, StringComparison.Ordinal);
    }

    private static SqliteException Run(SqliteConnection sql, string text)
    {
        using var command = sql.CreateCommand();
#pragma warning disable CA2100 // fixed texts of this test
        command.CommandText = text;
#pragma warning restore CA2100
        return Assert.Throws<SqliteException>(() => { command.ExecuteNonQuery(); });
    }

    private JournalRecord[] Records()
    {
        using var keys = RecordedKeys.Open(_gateway.DataFolder);
        return [.. new JournalReader(Path.Combine(_gateway.DataFolder, "journal"), keys).Read(JournalPosition.Begin)];
    }

    private static JsonObject Body(int from, string policy, string reason) => new() { ["from"] = from, ["reason"] = reason, ["files"] = new JsonObject { ["policy.yaml"] = policy } };

    private Task<(HttpStatusCode Status, JsonElement Body)> ApplyAsync(Browser browser, int from, string policy, string reason, string? csrf = null) => PostAsync(browser, "/policy/versions", Body(from, policy, reason), csrf);

    private async Task<(HttpStatusCode Status, JsonElement Body)> ApplyAsync(string token, int from, string policy, string reason = "because")
    {
        using var content = new StringContent(Body(from, policy, reason).ToJsonString(), Encoding.UTF8, "application/json");
        using var response = await _gateway.ApiAsync("/policy/versions", token, HttpMethod.Post, content);
        return (response.StatusCode, JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement.Clone());
    }

    private async Task<(HttpStatusCode Status, JsonElement Body)> PostAsync(Browser browser, string path, JsonObject body, string? csrf = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, $"{_gateway.Host.Url}/api/v1{path}") { Content = new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json") };
        request.Headers.Add("Postern-Csrf", csrf ?? await browser.CsrfAsync("/approvals"));
        request.Headers.Add("Origin", _gateway.Host.Url);
        using var response = await browser.SendAsync(request);
        return (response.StatusCode, JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement.Clone());
    }

    private async Task<JsonElement> GetAsync(string path, string subject)
    {
        using var response = await _gateway.ApiAsync(path, _gateway.TokenOf(subject));
        var text = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, $"{path}: {response.StatusCode} {text}");
        return JsonDocument.Parse(text).RootElement.Clone();
    }

    private static async Task<T> EventuallyAsync<T>(Func<Task<T>> ask, Func<T, bool> isIt)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        patience.CancelAfter(TimeSpan.FromSeconds(20));
        while (true)
        {
            var answer = await ask();
            if (isIt(answer)) return answer;
            await Task.Delay(50, patience.Token);
        }
    }
}
