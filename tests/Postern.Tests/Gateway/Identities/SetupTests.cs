using System.Net;
using System.Text.Json;
using System.Text.RegularExpressions;
using Postern.Tests.Gateway.Telemetry;

namespace Postern.Tests.Gateway.Identities;

/// <summary>The first administrator: whoever signs in and types the code that the first start printed, once.</summary>
public sealed class SetupTests : IAsyncLifetime
{
    private static readonly string Policy = $$"""
        {{RunningGateway.Policy}}
          - id: administrators
            who: { groups: ["gateway:administrators"] }
            on: { admin: [policy.read, identities.read] }
            then: allow
        tests:
          - name: administrators by the code read the policy
            as: { user: zoe, groups: ["gateway:administrators"] }
            ask: { connection: gateway, admin: policy.read }
            expect: { decision: allow }
        """;

    private readonly ShiftedClock _clock = new();
    private RunningGateway _gateway = null!;

    public async ValueTask InitializeAsync() => _gateway = await RunningGateway.StartAsync(Policy, _clock);

    public async ValueTask DisposeAsync() => await _gateway.DisposeAsync();

    private string Code => Regex.Match(_gateway.Announced[^1], "[0-9A-Z]{5}(-[0-9A-Z]{5}){3}", RegexOptions.NonBacktracking).Value;

    [Fact]
    [Row("T05")]
    public async Task Whoever_types_the_code_administers_what_the_policy_says_and_after_a_restart_too_and_nobody_a_second_time()
    {
        using var alice = await Browser.SignInAsync(_gateway, "alice");
        using var bob = await Browser.SignInAsync(_gateway, "bob");
        Assert.Equal(HttpStatusCode.NotFound, (await _gateway.ApiAsync("/policy/versions", _gateway.TokenOf("alice"))).StatusCode);

        Assert.Equal(HttpStatusCode.Forbidden, await TypeAsync(alice, "AAAAA-AAAAA-AAAAA-AAAAA"));
        Assert.Equal(HttpStatusCode.Forbidden, await TypeAsync(alice, Code, csrf: "wrong"));
        Assert.Equal(HttpStatusCode.OK, await TypeAsync(alice, Code.ToLowerInvariant().Replace("-", " ", StringComparison.Ordinal)));

        Assert.Equal(HttpStatusCode.OK, (await _gateway.ApiAsync("/policy/versions", _gateway.TokenOf("alice"))).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await _gateway.ApiAsync("/policy/simulate", _gateway.TokenOf("alice"), HttpMethod.Post, new StringContent("""{"files":{"a":"b"},"from":"2026-01-01T00:00:00Z"}"""))).StatusCode); // no rule says so
        // The record knows by what group it was permitted, so that the decision can be derived from it again.
        using var listed = await _gateway.ApiAsync("/sessions", _gateway.TokenOf("alice"));
        var session = JsonDocument.Parse(await listed.Content.ReadAsStringAsync()).RootElement.GetProperty("items").EnumerateArray().First().GetProperty("id").GetString();
        using var detail = await _gateway.ApiAsync($"/sessions/{session}", _gateway.TokenOf("alice"));
        var read = JsonDocument.Parse(await detail.Content.ReadAsStringAsync()).RootElement.GetProperty("operations").EnumerateArray().First(one => one.GetProperty("action").GetString() == "gateway.policy.read" && one.GetProperty("decision").GetString() == "allow");
        using var explained = await _gateway.ApiAsync($"/operations/{read.GetProperty("id").GetString()}/explanation", _gateway.TokenOf("alice"));
        Assert.Contains("administrators", await explained.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.NotFound, await TypeAsync(bob, Code));
        Assert.Equal(HttpStatusCode.NotFound, (await _gateway.ApiAsync("/policy/versions", _gateway.TokenOf("bob"))).StatusCode);
        await _gateway.RestartAsync();
        Assert.Equal(HttpStatusCode.OK, (await _gateway.ApiAsync("/policy/versions", _gateway.TokenOf("alice"))).StatusCode);
        Assert.Single(_gateway.Announced);
    }

    [Fact]
    [Row("T05")]
    public async Task It_ends_after_ten_wrong_ones_or_a_day_and_the_machine_gives_another()
    {
        using var bob = await Browser.SignInAsync(_gateway, "bob");
        var first = Code;
        for (var tries = 0; tries < 10; tries++) Assert.True(await TypeAsync(bob, "not the code") is HttpStatusCode.Forbidden or HttpStatusCode.NotFound);
        Assert.Equal(HttpStatusCode.NotFound, await TypeAsync(bob, first));
        await _gateway.RestartAsync();
        Assert.Single(_gateway.Announced);

        await _gateway.RestartAsync(wantsSetupCode: true);
        Assert.NotEqual(first, Code);
        _clock.Ahead += TimeSpan.FromHours(25);
        using var late = await Browser.SignInAsync(_gateway, "bob");
        Assert.Equal(HttpStatusCode.NotFound, await TypeAsync(late, Code));

        await _gateway.RestartAsync(wantsSetupCode: true);
        using var again = await Browser.SignInAsync(_gateway, "bob");
        Assert.Equal(HttpStatusCode.Forbidden, await TypeAsync(again, first));
        Assert.Equal(HttpStatusCode.OK, await TypeAsync(again, Code));
    }

    [Fact]
    public async Task It_takes_a_sign_in_of_the_last_minutes_and_stands_nowhere_on_disk()
    {
        using var bob = await Browser.SignInAsync(_gateway, "bob");
        var csrf = await bob.CsrfAsync("/setup");
        _clock.Ahead += TimeSpan.FromMinutes(6);
        Assert.Equal(HttpStatusCode.Unauthorized, await TypeAsync(bob, Code, csrf));

        string[] code = [Code, Code.Replace("-", "", StringComparison.Ordinal)];
        await _gateway.Host.StopAsync();
        Canaries.AssertNotAtRest(_gateway.DataFolder, [.. code, .. code.Select(text => text.ToLowerInvariant()).Except(code)], "policy.applied");
    }

    [Fact]
    public async Task No_code_is_given_out_where_the_policy_does_not_speak_of_administrators_by_code()
    {
        await using var gateway = await RunningGateway.StartAsync();

        Assert.Empty(gateway.Announced);
        using var bob = await Browser.SignInAsync(gateway, "bob");
        Assert.Equal(HttpStatusCode.NotFound, (await bob.GetAsync("/setup")).Status);
    }

    private async Task<HttpStatusCode> TypeAsync(Browser browser, string code, string? csrf = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, $"{_gateway.Host.Url}/setup") { Content = new FormUrlEncodedContent([new("csrf", csrf ?? await browser.CsrfAsync("/approvals")), new("code", code)]) };
        request.Headers.Add("Origin", _gateway.Host.Url);
        using var response = await browser.SendAsync(request);
        return response.StatusCode;
    }
}
