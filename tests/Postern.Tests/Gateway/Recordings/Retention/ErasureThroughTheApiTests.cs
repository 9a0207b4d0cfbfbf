using System.Net;
using System.Text.Json;
using Postern.Core.Recording;
using Postern.Gateway.Api;
using Postern.Gateway.Recordings.Keys;
using Postern.Gateway.Recordings.Retention;
using Postern.Tests.Gateway.Api;
using Postern.Tests.Recording;

namespace Postern.Tests.Gateway.Recordings.Retention;

/// <summary>Reading and erasing recordings at a running gateway: who may, what is recorded of it, what is left (row U11).</summary>
[Row("U11")]
public sealed class ErasureThroughTheApiTests : IAsyncLifetime
{
    private static readonly string Policy = $$"""
        {{RunningGateway.Policy}}
          - id: keepers
            who: { users: [carol] }
            on: { admin: [sessions.erase, sessions.hold, sessions.release] }
            then: allow
          - id: auditors
            who: { users: [eve] }
            on: { admin: [sessions.read, policy.read, policy.simulate] }
            then: allow
        """;

    private RunningGateway _gateway = null!;
    private Browser _carol = null!;
    private string _session = "";
    private string _operation = "";

    public async ValueTask InitializeAsync()
    {
        _gateway = await RunningGateway.StartAsync(Policy);
        _carol = await Browser.SignInAsync(_gateway, "carol");
        await _gateway.CallToolAsync("alice", "get_customer", """{"customer":"C-7731"}""");
        _session = (await OwnAsync("/sessions")).GetProperty("items")[0].GetProperty("id").GetString()!;
        _operation = (await OwnAsync($"/sessions/{_session}")).GetProperty("operations")[0].GetProperty("id").GetString()!;
    }

    public async ValueTask DisposeAsync()
    {
        _carol.Dispose();
        await _gateway.DisposeAsync();
    }

    [Fact]
    public async Task Whoever_may_erases_a_session_and_its_owner_is_told_by_whom_and_why()
    {
        Assert.Contains("C-7731", (await OwnAsync($"/operations/{_operation}")).GetProperty("request").GetString(), StringComparison.Ordinal);

        // Sealed or not, whoever has the keys reads it until it is erased: the same search finds it now.
        Assert.Contains("C-7731", OpenedJournal.TextOf(_gateway.DataFolder), StringComparison.Ordinal);

        Assert.Equal(HttpStatusCode.OK, await PostAsync($"/sessions/{_session}/erase", """{"reason":"asked for"}"""));

        var session = (await OwnAsync($"/sessions/{_session}")).GetProperty("session");
        Assert.Matches("^erased on .* by demo:carol: asked for$", session.GetProperty("erased").GetString());
        var operation = await OwnAsync($"/operations/{_operation}");
        Assert.Equal(("", "done", "demo:alice"), (operation.GetProperty("request").GetString(), operation.GetProperty("outcome").GetString(), operation.GetProperty("identity").GetString()));
        Assert.Matches("^erased on .* by demo:carol: asked for$", operation.GetProperty("closed").GetString());
        Assert.Equal(HttpStatusCode.Conflict, await PostAsync($"/sessions/{_session}/erase", """{"reason":"asked for"}"""));
        await _gateway.Host.StopAsync();
        Assert.DoesNotContain("C-7731", OpenedJournal.TextOf(_gateway.DataFolder), StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFiles(_gateway.DataFolder, "*", SearchOption.AllDirectories).Where(path => File.ReadAllText(path, System.Text.Encoding.Latin1).Contains("C-7731", StringComparison.Ordinal)).Select(Path.GetFileName));
        Assert.True(JournalVerifier.Verify([_gateway.DataFolder], await File.ReadAllTextAsync(Path.Combine(_gateway.DataFolder, JournalKeys.PublicKeyFile), TestContext.Current.CancellationToken)).IsGood);
        Assert.Contains(Records(), record => record.Payload is RecordedOccurrence { Kind: SessionEraser.ErasedKind } tombstone && tombstone.Facts.Contains(new RecordedPair("by", "demo:carol")));
        Assert.Contains(Records(), record => record.Payload is RecordedIntent { Identity.Subject: "carol", Decision.Kind: "allow" } asked && asked.Parts[0].Action == "gateway.sessions.erase" && System.Text.Encoding.UTF8.GetString(record.Content.Span).Contains("asked for", StringComparison.Ordinal));
    }

    [Fact]
    public async Task What_an_auditor_read_before_is_not_kept_in_the_record_of_the_reading()
    {
        foreach (var path in (string[])[$"/operations/{_operation}", $"/sessions/{_session}", "/sessions", $"/operations/{_operation}/explanation"])
        {
            using var read = await _gateway.ApiAsync(path, _gateway.TokenOf("eve"));
            Assert.Equal(HttpStatusCode.OK, read.StatusCode);
        }
        using (var read = await _gateway.ApiAsync($"/operations/{_operation}", _gateway.TokenOf("eve"))) Assert.Contains("C-7731", await read.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
        using (var found = await _gateway.ApiAsync("/sessions/search", _gateway.TokenOf("eve"), HttpMethod.Post, new StringContent("""{"person":"alice"}"""))) Assert.Contains(_operation, await found.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, await PostAsync($"/sessions/{_session}/erase", """{"reason":"asked for"}"""));
        await _gateway.Host.StopAsync();

        Assert.DoesNotContain("C-7731", OpenedJournal.TextOf(_gateway.DataFolder), StringComparison.Ordinal);
        // That it was read, by whom, and how much, stays.
        Assert.True(Records().Count(record => record.Payload is RecordedIntent { Identity.Subject: "eve", Decision.Kind: "allow" } asked && asked.Parts[0].Action is "gateway.sessions.read" or "gateway.policy.read") >= 5);
        Assert.DoesNotContain(RouteTable.Routes, route => route.Path.Contains("/simulate", StringComparison.Ordinal) && !route.TellsRecordings);
    }

    [Fact]
    public async Task After_an_erasure_the_same_caller_goes_on_in_another_session()
    {
        Assert.Equal(HttpStatusCode.OK, await PostAsync($"/sessions/{_session}/erase", """{"reason":"asked for"}"""));

        await _gateway.CallToolAsync("alice", "get_customer", """{"customer":"C-102"}""");

        Assert.Contains((await OwnAsync("/sessions")).GetProperty("items").EnumerateArray(), session => session.GetProperty("connection").GetString() == "shop" && session.GetProperty("id").GetString() != _session);
    }

    [Fact]
    public async Task A_legal_hold_keeps_it_until_it_is_released()
    {
        Assert.Equal(HttpStatusCode.OK, await PostAsync($"/sessions/{_session}/hold", """{"reason":"case 12"}"""));
        Assert.Equal(HttpStatusCode.Conflict, await PostAsync($"/sessions/{_session}/erase", """{"reason":"asked for"}"""));
        var (_, held) = await _carol.GetAsync("/api/v1/legal-holds");
        Assert.Contains("case 12", held, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, await PostAsync($"/sessions/{_session}/release", """{"reason":"closed"}"""));
        Assert.Equal(HttpStatusCode.OK, await PostAsync($"/sessions/{_session}/erase", """{"reason":"asked for"}"""));
    }

    [Fact]
    public async Task Whoever_may_not_is_refused_and_the_refusal_is_recorded()
    {
        foreach (var act in (string[])["erase", "hold", "release"])
        {
            using var refused = await _gateway.ApiAsync($"/sessions/{_session}/{act}", _gateway.TokenOf("alice"), HttpMethod.Post, new StringContent("""{"reason":"mine"}"""));
            Assert.Equal(HttpStatusCode.NotFound, refused.StatusCode);
        }
        // An agent that holds the keeper's token does not erase.
        using var alone = await _gateway.ApiAsync($"/sessions/{_session}/erase", _gateway.TokenOf("carol"), HttpMethod.Post, new StringContent("""{"reason":"mine"}"""));
        Assert.Equal(HttpStatusCode.Forbidden, alone.StatusCode);
        // Nobody reads what is not theirs.
        using var others = await _gateway.ApiAsync($"/sessions/{_session}", _gateway.TokenOf("dave"));
        Assert.Equal(HttpStatusCode.NotFound, others.StatusCode);

        var refusals = Records().Select(record => record.Payload).OfType<RecordedIntent>().Where(intent => intent.Decision.Kind == "deny").Select(intent => $"{intent.Identity.Subject} {intent.Parts[0].Action}").ToList();
        Assert.Equal(["alice gateway.sessions.erase", "alice gateway.sessions.hold", "alice gateway.sessions.release"], refusals);
        Assert.Contains(Records(), record => record.Payload is RecordedIntent { Identity.Subject: "carol" } asked && asked.Parts[0].Action == "gateway.sessions.erase");
        Assert.Contains(Reads(), read => read == $"getSession /api/v1/sessions/{_session} demo:dave");
        Assert.Null((await OwnAsync($"/sessions/{_session}")).GetProperty("session").GetProperty("erased").GetString());
    }

    [Fact]
    public async Task Every_route_that_reads_recordings_leaves_a_record_of_who_read()
    {
        // By their paths, so that one that is added is asked too; ending one's own session reads nothing, and is a record of its own.
        var reading = RouteTable.Routes.Where(route => (route.Path.StartsWith("/sessions", StringComparison.Ordinal) || route.Path.StartsWith("/operations", StringComparison.Ordinal)) && !route.IsAdministrative && route.Operation != "endSession").ToList();
        Assert.Contains(reading, route => route.Operation == "listSessions");
        Assert.Contains(reading, route => route.Operation == "getOperation");
        foreach (var route in reading)
        {
            var path = route.Path.Replace("{id}", route.Path.StartsWith("/operations", StringComparison.Ordinal) ? _operation : _session, StringComparison.Ordinal);
            using var response = await _gateway.ApiAsync(path, _gateway.TokenOf("alice"), new HttpMethod(route.Method), route.Method == "POST" ? new StringContent("{}") : null);
            Assert.Contains(Reads(), read => read == $"{route.Operation} /api/v1{path} demo:alice");
        }
        // The rest is administering, and administering is an operation on the one path: the matrix of routes holds that.
        Assert.All(RouteTable.Routes.Where(route => route.Path.Contains("session", StringComparison.OrdinalIgnoreCase) && !reading.Contains(route) && route.Operation != "endSession"), route => Assert.True(route.IsAdministrative));
    }

    private async Task<HttpStatusCode> PostAsync(string path, string body)
    {
        using var content = new StringContent(body);
        using var request = new HttpRequestMessage(HttpMethod.Post, $"{_gateway.Host.Url}/api/v1{path}") { Content = content };
        request.Headers.Add("Postern-Csrf", await _carol.CsrfAsync("/approvals"));
        request.Headers.Add("Origin", _gateway.Host.Url);
        using var answered = await _carol.SendAsync(request);
        return answered.StatusCode;
    }

    private async Task<JsonElement> OwnAsync(string path)
    {
        using var response = await _gateway.ApiAsync(path, _gateway.TokenOf("alice"));
        return JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement.Clone();
    }

    private List<string> Reads() => [.. Records().Select(record => record.Payload).OfType<RecordedOccurrence>().Where(occurrence => occurrence.Kind == "recording.read").Select(occurrence => occurrence.Facts.ToDictionary(fact => fact.Name, fact => fact.Value))
        .Where(facts => facts.ContainsKey("route")).Select(facts => $"{facts["route"]} {facts["path"]} {facts["by"]}")];

    private List<JournalRecord> Records()
    {
        using var keys = RecordedKeys.Open(_gateway.DataFolder);
        return [.. new JournalReader(Path.Combine(_gateway.DataFolder, "journal"), keys).Read(JournalPosition.Begin)];
    }
}
