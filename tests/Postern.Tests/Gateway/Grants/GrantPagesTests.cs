using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Postern.Tests.Cli;

namespace Postern.Tests.Gateway.Grants;

/// <summary>Access for a time through a whole gateway: refusal, link, form, answer, use, and the ways it ends.</summary>
public sealed class GrantPagesTests : IAsyncLifetime
{
    private const string Requests =
        """

          - id: readers
            who: { users: [carol] }
            on: { admin: [policy.read] }
            then: allow

        requests:
          - id: refund-shift
            who: { groups: [support] }
            grant: { on: { connection: shop, tools: [export_customers] } }
            for: { default: 30m, max: 2h }
            approvers: { groups: [on-call], count: 1 }
          - id: emergency
            who: { groups: [support] }
            grant: { on: { connection: shop, tools: [export_customers] } }
            for: { max: 5m }
            approvers: { groups: [on-call] }
            break_glass: true
        """;

    private const string Order = "{}";

    private RunningGateway _gateway = null!;

    public async ValueTask InitializeAsync() => _gateway = await RunningGateway.StartAsync(RunningGateway.Policy + Requests);

    public async ValueTask DisposeAsync() => await _gateway.DisposeAsync();

    [Fact]
    [Guarantee("G10")]
    public async Task From_the_refusal_over_the_form_and_the_answer_to_its_use_and_its_end()
    {
        var refused = await _gateway.CallToolAsync("alice", "export_customers", Order);
        var link = Regex.Match(refused.GetRawText(), "/request/refund-shift\\?agent=demo-agent", RegexOptions.NonBacktracking);
        Assert.True(link.Success, refused.GetRawText());
        using var alice = await Browser.SignInAsync(_gateway, "alice");
        using var bob = await Browser.SignInAsync(_gateway, "bob");

        var (_, form) = await alice.GetAsync(link.Value);
        Assert.Contains("value=\"demo-agent\"", form, StringComparison.Ordinal);
        Assert.Contains("value=\"30m\"", form, StringComparison.Ordinal);
        var asked = await SendAsync(alice, "/request/refund-shift", new() { ["for"] = "1h", ["agent"] = "demo-agent", ["reason"] = "a customer waits" });
        Assert.Contains("Waiting for people", asked.Page, StringComparison.Ordinal);
        var hold = Regex.Match(asked.Page, "/approve/([0-9A-Z]{26})", RegexOptions.NonBacktracking).Groups[1].Value;
        Assert.DoesNotContain("Give access", (await alice.GetAsync("/approve/" + hold)).Page, StringComparison.Ordinal);
        var (_, question) = await bob.GetAsync("/approve/" + hold);
        Assert.Contains("Give this access?", question, StringComparison.Ordinal);
        Assert.Contains("a customer waits", question, StringComparison.Ordinal);
        var (_, answered) = await bob.AnswerAsync(hold, "approve");
        Assert.Contains("<h1>Given</h1>", answered, StringComparison.Ordinal);

        Assert.Equal(1, await CancelledAsync());
        var grant = Regex.Match(answered, "/grants/([0-9A-Z]{26})", RegexOptions.NonBacktracking).Groups[1].Value;
        Assert.Contains("Access in force", (await alice.GetAsync("/grants/" + grant)).Page, StringComparison.Ordinal);
        Assert.Contains("refund-shift", (await bob.GetAsync("/grants")).Page, StringComparison.Ordinal);

        var (status, over) = await SendAsync(bob, $"/grants/{grant}/revoke", new() { ["reason"] = "the shift is over" }, $"/grants/{grant}");
        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Contains("Taken back", over, StringComparison.Ordinal);
        Assert.Equal(1, await CancelledAsync());
    }

    [Fact]
    [Row("A15")]
    public async Task What_is_not_yours_to_see_does_not_exist()
    {
        var grant = (await AskAsync("alice", "refund-shift")).GetProperty("id").GetString();
        using var carol = await Browser.SignInAsync(_gateway, "carol");

        foreach (var path in new[] { $"/grants/{grant}", "/grants/0ABCDEFGHJKMNPQRSTVWXYZ012", "/request/refund-shift", "/request/nothing" })
        {
            Assert.Equal(HttpStatusCode.NotFound, (await carol.GetAsync(path)).Status);
        }
        Assert.Equal(HttpStatusCode.NotFound, (await _gateway.ApiAsync($"/grants/{grant}", _gateway.TokenOf("carol"))).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await PostAsync("carol", "/requests/refund-shift", """{"reason":"x"}""")).StatusCode);
    }

    [Fact]
    [Row("A07")]
    public async Task A_form_of_another_site_asks_for_nothing_and_takes_nothing_back()
    {
        using var alice = await Browser.SignInAsync(_gateway, "alice");

        var (status, _) = await SendAsync(alice, "/request/refund-shift", new() { ["reason"] = "x" }, csrf: "wrong");

        Assert.Equal(HttpStatusCode.Forbidden, status);
        Assert.Empty((await JsonAsync("alice", "/grants")).GetProperty("items").EnumerateArray());
    }

    [Fact]
    [Row("A05")]
    [Row("A20")]
    public async Task A_token_neither_breaks_the_glass_nor_takes_back_what_is_not_its_own()
    {
        var grant = (await AskAsync("alice", "refund-shift")).GetProperty("id").GetString();

        Assert.Equal(HttpStatusCode.Forbidden, (await PostAsync("alice", "/requests/emergency", """{"reason":"fire"}""")).StatusCode);
        Assert.Equal(HttpStatusCode.Forbidden, (await PostAsync("bob", $"/grants/{grant}/revoke", "{}")).StatusCode);
        Assert.Equal(HttpStatusCode.Conflict, (await PostAsync("alice", $"/grants/{grant}/revoke", "{}")).StatusCode);
    }

    [Fact]
    [Row("A20")]
    public async Task The_glass_breaks_on_the_page_with_a_reason_at_once()
    {
        using var alice = await Browser.SignInAsync(_gateway, "alice");
        Assert.Contains("Nothing was asked", (await SendAsync(alice, "/request/emergency", new() { ["agent"] = "demo-agent", ["reason"] = " " })).Page, StringComparison.Ordinal);

        var (_, page) = await SendAsync(alice, "/request/emergency", new() { ["agent"] = "demo-agent", ["reason"] = "the shop burns" });

        Assert.Contains("nobody was asked", page, StringComparison.Ordinal);
        Assert.Equal(1, await CancelledAsync());
    }

    [Fact]
    public async Task A_decision_that_counted_on_access_for_a_time_is_explained_by_it_when_it_is_over_too()
    {
        var grant = await AskAsync("alice", "refund-shift");
        using var bob = await Browser.SignInAsync(_gateway, "bob");
        await bob.AnswerAsync(grant.GetProperty("approvalUrl").GetString()!.Split('/')[^1], "approve");
        Assert.Equal(1, await CancelledAsync());
        var id = grant.GetProperty("id").GetString()!;
        var operation = await OperationAsync();
        await SendAsync(bob, $"/grants/{id}/revoke", new() { ["reason"] = "the shift is over" }, $"/grants/{id}");

        var lines = (await JsonAsync("carol", $"/operations/{operation}/explanation")).GetProperty("items").EnumerateArray().Select(line => line.GetString()!).ToArray();

        Assert.Contains(lines, line => line.StartsWith($"by grant `{id}` under the entry `refund-shift`, to ", StringComparison.Ordinal) && line.EndsWith("; agreed to by `demo:bob`; asked for because: a customer waits", StringComparison.Ordinal));
        Assert.Contains(lines, line => line.StartsWith("allowed: ", StringComparison.Ordinal));
        Assert.Contains($"granted: `{id}`", lines);
        Assert.DoesNotContain(lines, line => line.StartsWith("not all that was read is recorded", StringComparison.Ordinal));
        // Who agreed is on the grant's own page for its holder, and is not part of what a refusal would say.
        var own = (await JsonAsync("alice", $"/operations/{operation}/explanation")).GetProperty("items").EnumerateArray().Select(line => line.GetString()!);
        Assert.DoesNotContain(own, line => line.Contains("demo:bob", StringComparison.Ordinal));
    }

    [Fact]
    public async Task It_is_there_after_a_restart_and_the_command_line_gives_it_back()
    {
        var asked = await CommandAsync("alice", "request", "refund-shift", "--for", "45m", "--reason", "night shift", "-o", "json");
        Assert.Equal(5, asked.ExitCode);
        var grant = JsonDocument.Parse(asked.Out).RootElement;
        Assert.Equal("45m", grant.GetProperty("for").GetString());
        using var bob = await Browser.SignInAsync(_gateway, "bob");
        await bob.AnswerAsync(grant.GetProperty("approvalUrl").GetString()!.Split('/')[^1], "approve");

        await _gateway.RestartAsync();

        var id = grant.GetProperty("id").GetString()!;
        Assert.Equal(1, await CancelledAsync());
        Assert.Equal(0, (await CommandAsync("alice", "grants", "show", id)).ExitCode);
        Assert.Contains("refund-shift", (await CommandAsync("alice", "grants", "list")).Out, StringComparison.Ordinal);
        Assert.Contains("emergency", (await CommandAsync("alice", "request")).Out, StringComparison.Ordinal);
        Assert.Equal(0, (await CommandAsync("alice", "grants", "revoke", id, "--reason", "done")).ExitCode);
        Assert.Equal(6, (await CommandAsync("alice", "grants", "show", id)).ExitCode);
        Assert.Equal(1, await CancelledAsync());
        Assert.Equal(2, (await CommandAsync("alice", "request", "refund-shift", "--for", "3h", "--reason", "x")).ExitCode);
    }

    private async Task<string> OperationAsync()
    {
        foreach (var session in (await JsonAsync("alice", "/sessions")).GetProperty("items").EnumerateArray())
        {
            var detail = await JsonAsync("alice", $"/sessions/{session.GetProperty("id").GetString()}");
            foreach (var operation in detail.GetProperty("operations").EnumerateArray())
            {
                if (operation.GetProperty("summary").GetString()!.Contains("export_customers", StringComparison.Ordinal)) return operation.GetProperty("id").GetString()!;
            }
        }
        throw new InvalidOperationException("nothing was recorded");
    }

    private async Task<int> CancelledAsync()
    {
        await _gateway.CallToolAsync("alice", "export_customers", Order);
        return _gateway.Shop.CountOf("export_customers");
    }

    private Task<(int ExitCode, string Out, string Error)> CommandAsync(string who, params string[] arguments) =>
        RunAsync([.. arguments, "--gateway", _gateway.Host.Url], who);

    private async Task<(int ExitCode, string Out, string Error)> RunAsync(string[] arguments, string who)
    {
        var result = await CommandLine.RunAsync(arguments, new() { ["POSTERN_TOKEN"] = _gateway.TokenOf(who) });
        return (result.ExitCode, result.Out, result.Error);
    }

    private async Task<JsonElement> AskAsync(string who, string entry)
    {
        using var response = await PostAsync(who, $"/requests/{entry}", """{"reason":"a customer waits"}""");
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        return JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement.Clone();
    }

    private async Task<HttpResponseMessage> PostAsync(string who, string path, string body)
    {
        using var content = new StringContent(body, Encoding.UTF8, "application/json");
        return await _gateway.ApiAsync(path, _gateway.TokenOf(who), HttpMethod.Post, content);
    }

    private async Task<JsonElement> JsonAsync(string who, string path)
    {
        using var response = await _gateway.ApiAsync(path, _gateway.TokenOf(who));
        return JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement.Clone();
    }

    private async Task<(HttpStatusCode Status, string Page)> SendAsync(Browser browser, string path, Dictionary<string, string> fields, string? page = null, string? csrf = null)
    {
        fields["csrf"] = csrf ?? await browser.CsrfAsync(page ?? path);
        using var request = new HttpRequestMessage(HttpMethod.Post, _gateway.Host.Url + path) { Content = new FormUrlEncodedContent(fields) };
        request.Headers.Add("Origin", _gateway.Host.Url);
        using var response = await browser.SendAsync(request);
        return (response.StatusCode, await response.Content.ReadAsStringAsync());
    }
}
