using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Postern.Core.Recording;

namespace Postern.Tests.Gateway.Policies;

/// <summary>Questions about access and about what a candidate would have done, over a whole gateway that recorded real calls.</summary>
public sealed class QuestionTests : IAsyncLifetime
{
    private const string Policy = RunningGateway.Policy +
        """

          - id: readers
            who: { users: [carol] }
            on: { admin: [policy.read, policy.simulate] }
            then: allow
        """;

    private RunningGateway _gateway = null!;

    public async ValueTask InitializeAsync()
    {
        _gateway = await RunningGateway.StartAsync(Policy);
        await _gateway.CallToolAsync("alice", "get_customer", """{"customer":"C-101"}""");
        await _gateway.CallToolAsync("alice", "refund", """{"order":"O-1001","amount":300,"reason":"x"}""");
        await _gateway.CallToolAsync("bob", "refund", """{"order":"O-1001","amount":5,"reason":"x"}""");
    }

    public async ValueTask DisposeAsync() => await _gateway.DisposeAsync();

    [Fact]
    [Guarantee("G15")]
    public async Task A_candidate_runs_over_what_was_recorded_and_names_who_loses_and_gains_what()
    {
        var same = await SimulateAsync(Policy + "\n# the same\n");
        Assert.Empty(same.GetProperty("changes").EnumerateArray());
        Assert.Empty(same.GetProperty("unfaithful").EnumerateObject());
        Assert.True(same.GetProperty("operations").GetInt32() >= 3);
        Assert.Equal(same.GetProperty("operations").GetInt32(), same.GetProperty("unchanged").GetInt32());

        var stricter = await SimulateAsync(Policy.Replace("args.amount <= 500", "args.amount <= 200", StringComparison.Ordinal).Replace("args.amount > 500", "args.amount > 200", StringComparison.Ordinal));
        var change = Assert.Single(stricter.GetProperty("changes").EnumerateArray());
        Assert.Equal(("held", "demo:alice", "mcp.tools.call refund", "allow small-refunds@1", "hold large-refunds", 1), (Text(change, "change"), Text(change, "identity"), Text(change, "asked"), Text(change, "before"), Text(change, "after"), change.GetProperty("count").GetInt32()));
        var session = Assert.Single(change.GetProperty("sessions").EnumerateArray()).GetString();
        using var seen = await _gateway.ApiAsync($"/sessions/{session}", _gateway.TokenOf("alice"));
        Assert.Equal(HttpStatusCode.OK, seen.StatusCode);
    }

    [Fact]
    [Row("T05")]
    [Row("U11")]
    public async Task Only_whom_the_policy_names_simulates_and_that_they_did_is_recorded()
    {
        Assert.Equal(HttpStatusCode.NotFound, (await PostAsync("/policy/simulate", "alice", Simulated("version: 1"))).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await PostAsync("/policy/who-can", "alice", Asked())).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await PostAsync("/policy/can-i", "alice", new JsonObject { ["as"] = new JsonObject { ["user"] = "bob" }, ["ask"] = Asked()["ask"]!.DeepClone() })).Status);
        Assert.Equal(HttpStatusCode.UnprocessableEntity, (await PostAsync("/policy/simulate", "carol", Simulated("version: 2"))).Status);
        await SimulateAsync(Policy);

        await _gateway.Host.StopAsync();
        var noted = new JournalReader(Path.Combine(_gateway.DataFolder, "journal")).Read(JournalPosition.Begin).Select(record => record.Payload).OfType<RecordedOccurrence>();
        Assert.Contains(noted, one => one.Kind == "policy.simulated" && one.Facts.Contains(new RecordedPair("by", "demo:carol")));
    }

    [Fact]
    public async Task A_decision_is_explained_whole_to_who_reads_policies_and_as_a_refusal_to_who_asked()
    {
        var denied = await OperationOfAsync("bob");
        var whole = await LinesAsync(denied, "carol");
        Assert.Contains(whole, line => line.StartsWith("decided under policy version 1, ", StringComparison.Ordinal) && line.EndsWith("deny (policy.not_permitted), no rule permits it", StringComparison.Ordinal));
        Assert.Contains("denied (policy.not_permitted): no rule permits it", whole);
        Assert.Contains("nearly: `small-refunds` (allow) on mcp.tools.call, but it is for groups `demo:support`", whole);

        var own = await LinesAsync(denied, "bob");
        Assert.Equal(2, own.Length);
        Assert.DoesNotContain(own, line => line.Contains("refunds", StringComparison.Ordinal));
        using var foreign = await _gateway.ApiAsync($"/operations/{denied}/explanation", _gateway.TokenOf("alice"));
        Assert.Equal(HttpStatusCode.NotFound, foreign.StatusCode);
    }

    [Fact]
    public async Task Everyone_asks_for_themselves_and_readers_for_anybody_and_who_can()
    {
        var alice = (await PostAsync("/policy/can-i", "alice", Asked(900))).Body;
        Assert.Equal(("hold", "large-refunds@1"), (Text(alice, "decision"), Text(alice, "rule")));
        Assert.Empty(alice.GetProperty("lines").EnumerateArray());
        var bob = (await PostAsync("/policy/can-i", "bob", Asked())).Body;
        Assert.Equal(("deny", null), (Text(bob, "decision"), bob.GetProperty("rule").GetString()));

        var other = (await PostAsync("/policy/can-i", "carol", new JsonObject { ["as"] = new JsonObject { ["user"] = "x", ["groups"] = new JsonArray("support") }, ["ask"] = Asked()["ask"]!.DeepClone() })).Body;
        Assert.Equal("allow", Text(other, "decision"));
        Assert.Contains("matched: `small-refunds` (allow) on mcp.tools.call", other.GetProperty("lines").EnumerateArray().Select(line => line.GetString()));
        // What is accepted of the target is known: a pattern reaches it.
        Assert.Equal("allow", Text((await PostAsync("/policy/can-i", "alice", new JsonObject { ["ask"] = new JsonObject { ["connection"] = "shop", ["tool"] = "get_customer" } })).Body, "decision"));

        var rules = (await PostAsync("/policy/who-can", "carol", Asked(900))).Body.GetProperty("items").EnumerateArray().ToArray();
        Assert.Equal(("hold", "groups `demo:support`", "large-refunds"), Assert.Single(rules.Select(rule => (Text(rule, "effect"), Text(rule, "who"), Text(rule, "rule")))));
        Assert.Equal(HttpStatusCode.BadRequest, (await PostAsync("/policy/can-i", "alice", new JsonObject { ["ask"] = new JsonObject { ["connection"] = "shap" } })).Status);
    }

    [Fact]
    public async Task Rules_are_learnt_from_what_was_recorded_and_what_nobody_used_is_told_to_who_reads_policies()
    {
        for (var amount = 1; amount <= 3; amount++) await _gateway.CallToolAsync("alice", "refund", $$"""{"order":"O-1001","amount":{{amount}},"reason":"x"}""");
        var asked = new JsonObject { ["from"] = "2020-01-01T00:00:00Z" };

        var learnt = (await PostAsync("/policy/suggest", "carol", asked)).Body;

        Assert.Contains("connection: \"shop\", tools: [\"refund\"]", Text(learnt, "policy")!, StringComparison.Ordinal);
        Assert.Contains("large-refunds", learnt.GetProperty("unused").EnumerateArray().Select(rule => rule.GetString()));
        Assert.True(learnt.GetProperty("harmless").GetBoolean());
        Assert.Contains("-  - id: large-refunds", Text(learnt, "diff")!, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.NotFound, (await PostAsync("/policy/suggest", "alice", asked)).Status);
    }

    private static string? Text(JsonElement element, string name) => element.GetProperty(name).GetString();

    private static JsonObject Asked(int amount = 5) => new() { ["ask"] = new JsonObject { ["connection"] = "shop", ["tool"] = "refund", ["args"] = new JsonObject { ["amount"] = amount } } };

    private static JsonObject Simulated(string policy) => new() { ["from"] = "2020-01-01T00:00:00Z", ["files"] = new JsonObject { ["policy.yaml"] = policy } };

    private async Task<JsonElement> SimulateAsync(string policy)
    {
        var (status, body) = await PostAsync("/policy/simulate", "carol", Simulated(policy));
        Assert.True(status == HttpStatusCode.OK, body.GetRawText());
        return body;
    }

    private async Task<string> OperationOfAsync(string subject)
    {
        using var sessions = await _gateway.ApiAsync("/sessions", _gateway.TokenOf(subject));
        foreach (var session in JsonDocument.Parse(await sessions.Content.ReadAsStringAsync()).RootElement.GetProperty("items").EnumerateArray())
        {
            using var detail = await _gateway.ApiAsync($"/sessions/{Text(session, "id")}", _gateway.TokenOf(subject));
            foreach (var operation in JsonDocument.Parse(await detail.Content.ReadAsStringAsync()).RootElement.GetProperty("operations").EnumerateArray())
            {
                if (Text(operation, "summary")!.Contains("refund", StringComparison.Ordinal)) return Text(operation, "id")!;
            }
        }
        throw new InvalidOperationException("nothing was recorded");
    }

    private async Task<string[]> LinesAsync(string operation, string subject)
    {
        using var response = await _gateway.ApiAsync($"/operations/{operation}/explanation", _gateway.TokenOf(subject));
        return [.. JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement.GetProperty("items").EnumerateArray().Select(line => line.GetString()!)];
    }

    private async Task<(HttpStatusCode Status, JsonElement Body)> PostAsync(string path, string subject, JsonObject body)
    {
        using var content = new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json");
        using var response = await _gateway.ApiAsync(path, _gateway.TokenOf(subject), HttpMethod.Post, content);
        return (response.StatusCode, JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement.Clone());
    }
}
