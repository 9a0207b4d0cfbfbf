using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using Postern.Gateway.Api;

namespace Postern.Tests.Gateway.Api;

/// <summary>Every route of the control API, asked by everybody that there is: what each is told is what the table says (T05).</summary>
[Row("T05")]
public sealed class RouteMatrixTests : IAsyncLifetime
{
    private static readonly string Policy =
        $$"""
        {{RunningGateway.Policy}}
          - id: auditors
            who: { users: [eve] }
            on: { admin: [{{string.Join(", ", RouteTable.Auditing)}}] }
            then: allow
          - id: administrators
            who: { groups: [admins] }
            on: { admin: [identities.revoke, identities.restore, identities.read, connections.check, grants.read, grants.revoke, policy.apply, policy.read, policy.simulate, sessions.erase, sessions.hold, sessions.release, sessions.read, sessions.end] }
            then: allow
        requests:
          - id: refund-shift
            who: { users: [alice] }
            grant: { on: { connection: shop, tools: [export_customers] } }
            for: { default: 30m, max: 2h }
            approvers: { groups: [security], count: 1 }
        """;

    private static readonly string _page = Repository.PathOf("docs", "administration.md");

    private readonly ShiftedClock _clock = new();
    private RunningGateway _gateway = null!;
    private Browser _stale = null!;
    private Browser _administrator = null!;

    public async ValueTask InitializeAsync()
    {
        _gateway = await RunningGateway.StartAsync(Policy, _clock);
        _stale = await Browser.SignInAsync(_gateway, "carol");
        _clock.Ahead = TimeSpan.FromMinutes(6);
        _administrator = await Browser.SignInAsync(_gateway, "carol");
    }

    public async ValueTask DisposeAsync()
    {
        _stale.Dispose();
        _administrator.Dispose();
        await _gateway.DisposeAsync();
    }

    [Fact]
    [Guarantee("G14")]
    public async Task Everybody_is_told_what_the_table_says_on_every_route()
    {
        await _gateway.CallToolAsync("alice", "get_customer", """{"customer":"C-101"}""");
        var hold = await _gateway.HoldARefundAsync();
        var session = (await OwnAsync("/sessions")).GetProperty("items")[0].GetProperty("id").GetString()!;
        var operation = (await OwnAsync($"/sessions/{session}")).GetProperty("operations")[0].GetProperty("id").GetString()!;
        var wrong = new List<string>();
        foreach (var caller in RouteTable.Callers)
        {
            foreach (var route in RouteTable.Routes.OrderBy(route => route.Operation == "revokeIdentity"))
            {
                // One that is given up by its owner is over for whoever comes next.
                var grant = route.Operation is "getGrant" or "revokeGrant" ? await GrantAsync() : "";
                var (path, body, ok) = Sample(route, hold, session, operation, grant);
                var status = (int)await AskAsync(route, caller, path, body);
                var expected = RouteTable.Expected(route, caller) is var name && name == "ok" ? ok : int.Parse(name, System.Globalization.CultureInfo.InvariantCulture);
                if (status != expected) wrong.Add($"{route.Operation} for {caller}: expected {expected}, found {status}");
                if (route.Operation == "revokeIdentity" && status == 200) await PassASecondAsync();
            }
        }

        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
    }

    [Fact]
    public async Task A_member_that_nobody_declared_is_refused_wherever_a_body_is_read()
    {
        foreach (var route in RouteTable.Routes.Where(route => !route.Body.IsEmpty && route.Access != ApiAccess.Open))
        {
            var (path, body, _) = Sample(route, "x", "x", "x", await GrantAsync());
            var widened = body.Insert(body.Length - 1, (body.Length > 2 ? "," : "") + "\"administrator\":true");

            Assert.Equal(HttpStatusCode.BadRequest, await AskAsync(route, Caller.Administrator, path, widened));
        }
    }

    [Fact]
    public async Task What_administers_is_recorded_as_an_operation_and_what_is_refused_too()
    {
        var before = (await OwnAsync("/sessions", "carol")).GetProperty("items").EnumerateArray().Count(one => one.GetProperty("identity").GetString() == "demo:carol" && one.GetProperty("operations").GetInt32() > 1);
        Assert.Equal(HttpStatusCode.OK, await AskAsync(Route("listPolicyVersions"), Caller.Agent, "/policy/versions", "{}"));
        Assert.Equal(HttpStatusCode.NotFound, await AskAsync(Route("listPolicyVersions"), Caller.Owner, "/policy/versions", "{}"));

        var carols = await OperationsAsync("carol");
        var alices = await OperationsAsync("alice");

        Assert.Equal(0, before);
        Assert.Contains(carols, one => one.GetProperty("action").GetString() == "gateway.policy.read" && one.GetProperty("decision").GetString() == "allow" && one.GetProperty("outcome").GetString() == "done");
        Assert.Contains(alices, one => one.GetProperty("action").GetString() == "gateway.policy.read" && one.GetProperty("decision").GetString() == "deny" && one.GetProperty("outcome").GetString() == "denied");
    }

    [Fact]
    public void The_page_on_administration_holds_the_table() =>
        Repository.AssertGenerated(_page, Filled(File.ReadAllText(_page), RouteTable.Matrix()));

    private static string Filled(string page, string matrix)
    {
        const string begin = "<!-- routes -->\n";
        var from = page.IndexOf(begin, StringComparison.Ordinal) + begin.Length;
        return page[..from] + matrix + page[page.IndexOf("<!-- /routes -->", from, StringComparison.Ordinal)..];
    }

    private static ApiRoute Route(string operation) => RouteTable.Routes.Single(route => route.Operation == operation);

    /// <summary>A call of each route that works for whoever may, and its status then. A new route without one fails here.</summary>
    private (string Path, string Body, int Ok) Sample(ApiRoute route, string hold, string session, string operation, string grant) => route.Operation switch
    {
        "checkConnection" => ("/connections/shop/check", "", 409),
        "listTools" => ("/connections/shop/tools", "", 200),
        "listDefinitions" => ("/connections/shop/definitions", "", 200),
        "acceptDefinition" => ("/connections/shop/definitions/accept", """{"name":"refund","seenHash":"0"}""", 409),
        "getApproval" => ($"/approvals/{hold}", "", 200),
        "getSession" => ($"/sessions/{session}", "", 200),
        "bundleSession" => ($"/sessions/{session}/bundle", "", 200),
        "eraseSession" => ("/sessions/01JQZZZZZZZZZZZZZZZZZZZZZZ/erase", """{"reason":"r"}""", 404),
        "holdSession" => ($"/sessions/{session}/hold", """{"reason":"r"}""", 200),
        "releaseSession" => ("/sessions/01JQZZZZZZZZZZZZZZZZZZZZZZ/release", """{"reason":"r"}""", 404),
        "endSession" => ($"/sessions/{session}/end", "{}", 200),
        "searchSessions" => ("/sessions/search", """{"words":"customer"}""", 200),
        "getOperation" => ($"/operations/{operation}", "", 200),
        "explainOperation" => ($"/operations/{operation}/explanation", "", 200),
        "getGrant" => ($"/grants/{grant}", "", 200),
        "revokeGrant" => ($"/grants/{grant}/revoke", "{}", 409),
        "askForGrant" => ("/requests/refund-shift", """{"reason":"a shift"}""", 200),
        "revokeIdentity" => ("/identities/revoke", """{"identity":"demo:alice"}""", 200),
        "restoreIdentity" => ("/identities/restore", """{"identity":"demo:nobody"}""", 404),
        "getPolicyVersion" => ("/policy/versions/1", "", 200),
        "diffPolicyVersions" => ("/policy/versions/1/diff/1", "", 200),
        "applyPolicy" => ("/policy/versions", """{"from":99,"reason":"r","files":{"a.yaml":"version: 1"}}""", 409),
        "rollbackPolicy" => ("/policy/versions/1/rollback", """{"from":99,"reason":"r"}""", 409),
        "simulatePolicy" => ("/policy/simulate", """{"files":{"a.yaml":"version: 9"},"from":"2026-01-01T00:00:00Z"}""", 422),
        "suggestPolicy" => ("/policy/suggest", """{"from":"2026-01-01T00:00:00Z"}""", 200),
        "canI" => ("/policy/can-i", """{"ask":{"connection":"shop","tool":"refund"}}""", 200),
        "whoCan" => ("/policy/who-can", """{"ask":{"connection":"shop","tool":"refund"}}""", 200),
        "getDocument" or "whoami" or "listConnections" or "getPolicy" or "listApprovals" or "listRevocations" or "listPolicyVersions" or "listSessions" or "listRequests" or "listGrants" or "listLegalHolds" => (route.Path, "", 200),
        _ => throw new InvalidOperationException($"the route `{route.Operation}` has no sample; say how it is called"),
    };

    private async Task<HttpStatusCode> AskAsync(ApiRoute route, Caller caller, string path, string body)
    {
        using var content = route.Method == "POST" ? new StringContent(body) : null;
        if (caller is Caller.Stale or Caller.Administrator)
        {
            var browser = caller == Caller.Stale ? _stale : _administrator;
            using var request = new HttpRequestMessage(new HttpMethod(route.Method), $"{_gateway.Host.Url}/api/v1{path}") { Content = content };
            if (route.Method == "POST")
            {
                request.Headers.Add("Postern-Csrf", await browser.CsrfAsync("/approvals"));
                request.Headers.Add("Origin", _gateway.Host.Url);
            }
            using var answered = await browser.SendAsync(request);
            return answered.StatusCode;
        }
        using var response = await _gateway.ApiAsync(path, TokenOf(caller), new HttpMethod(route.Method), content);
        return response.StatusCode;
    }

    private string? TokenOf(Caller caller) => caller switch
    {
        Caller.Nobody => null,
        Caller.Owner => _gateway.TokenOf("alice"),
        Caller.Other => _gateway.TokenOf("dave"),
        Caller.Workload => _gateway.TokenOf("triage-bot", "triage-bot"),
        Caller.Auditor => _gateway.TokenOf("eve"),
        _ => _gateway.TokenOf("carol"),
    };

    private async Task<string> GrantAsync()
    {
        using var response = await _gateway.ApiAsync("/requests/refund-shift", _gateway.TokenOf("alice"), HttpMethod.Post, new StringContent("""{"reason":"a shift"}"""));
        var text = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, text);
        return JsonDocument.Parse(text).RootElement.GetProperty("id").GetString()!;
    }

    private async Task<JsonElement> OwnAsync(string path, string subject = "alice")
    {
        using var response = await _gateway.ApiAsync(path, _gateway.TokenOf(subject));
        return JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement.Clone();
    }

    private async Task<List<JsonElement>> OperationsAsync(string subject)
    {
        var operations = new List<JsonElement>();
        foreach (var session in (await OwnAsync("/sessions", subject)).GetProperty("items").EnumerateArray())
        {
            operations.AddRange((await OwnAsync($"/sessions/{session.GetProperty("id").GetString()}", subject)).GetProperty("operations").EnumerateArray());
        }
        return operations;
    }

    // Tokens say when they were issued in whole seconds; what was issued in the second of a revocation is over.
    private Task PassASecondAsync()
    {
        _clock.Ahead += TimeSpan.FromSeconds(1);
        return Task.CompletedTask;
    }
}
