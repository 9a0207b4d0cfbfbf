using System.Net;
using System.Text.Json;
using Postern.Tests.Cli;

namespace Postern.Tests.Gateway.Recordings;

/// <summary>Search through the control API: one's own, and everybody's where the policy names the asker for it, on the record.</summary>
public sealed class SearchRouteTests : IAsyncLifetime
{
    private RunningGateway _gateway = null!;

    public async ValueTask InitializeAsync()
    {
        _gateway = await RunningGateway.StartAsync(
            $$"""
            {{RunningGateway.Policy}}
              - id: auditors
                who: { users: [eve] }
                on: { admin: [sessions.read, sessions.end] }
                then: allow
            """);
        await _gateway.CallToolAsync("alice", "get_customer", """{"customer":"C-101"}""");
        await _gateway.CallToolAsync("dave", "drop_everything", """{"customer":"C-101"}""");
    }

    public ValueTask DisposeAsync() => _gateway.DisposeAsync();

    [Fact]
    [Guarantee("G14")]
    public async Task Everybody_finds_their_own_and_an_auditor_everybodys()
    {
        Assert.Equal(["demo:alice"], await WhoAsync("alice", """{"arguments":["customer=c-101"]}"""));
        Assert.Equal(["demo:dave"], await WhoAsync("dave", """{"words":"C-101"}"""));
        Assert.Equal(["demo:alice", "demo:dave"], await WhoAsync("eve", """{"words":"C-101","protocol":"mcp"}"""));
        Assert.Equal(["demo:alice"], await WhoAsync("eve", """{"arguments":["tool=get_customer"],"decision":"allow","outcome":"done","person":"alice"}"""));
        Assert.Empty(await WhoAsync("alice", """{"person":"dave"}"""));
    }

    [Fact]
    public async Task Which_rule_forbade_something_is_not_found_out_by_searching_for_rules()
    {
        using (var content = new StringContent("""{"rule":"anything"}"""))
        using (var answer = await _gateway.ApiAsync("/sessions/search", _gateway.TokenOf("dave"), HttpMethod.Post, content))
        {
            Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
            Assert.Contains("sessions.read", await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
        }

        Assert.Equal(["demo:alice"], await WhoAsync("eve", """{"rule":"support-reads","connection":"shop"}"""));
    }

    [Fact]
    [Row("U11")]
    [Guarantee("G18")]
    public async Task What_an_auditor_looks_for_is_itself_recorded()
    {
        await WhoAsync("eve", """{"person":"dave","words":"C-101"}""");

        var looked = await SearchAsync("eve", """{"action":"gateway.sessions.read","person":"eve"}""");
        Assert.Contains(looked.GetProperty("items").EnumerateArray(), item => item.GetProperty("decision").GetString() == "allow");
    }

    [Theory]
    [InlineData("""{"words":5}""")]
    [InlineData("""{"words":""}""")]
    [InlineData("""{"since":"yesterday"}""")]
    [InlineData("""{"limit":0}""")]
    [InlineData("""{"limit":201}""")]
    [InlineData("""{"before":-1}""")]
    [InlineData("""{"arguments":"x"}""")]
    [InlineData("""{"arguments":[""]}""")]
    [InlineData("""{"everything":true}""")]
    [InlineData("[]")]
    public async Task What_cannot_be_read_is_refused_and_says_what_was_expected(string body)
    {
        using var content = new StringContent(body);
        using var answer = await _gateway.ApiAsync("/sessions/search", _gateway.TokenOf("alice"), HttpMethod.Post, content);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Contains("xpected", await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_searches_of_the_page_on_evidence_run()
    {
        var commands = (await File.ReadAllLinesAsync(Repository.PathOf("docs", "learn", "evidence.md"), TestContext.Current.CancellationToken)).Where(line => line.StartsWith("postern sessions search", StringComparison.Ordinal)).ToList();
        Assert.NotEmpty(commands);
        foreach (var command in commands) Assert.Equal(0, (await RunAsync(command.Split(' ')[1..])).ExitCode);

        var found = await RunAsync("sessions", "search", "c-101", "--person", "dave", "--limit", "1", "-o", "ndjson");
        using var line = JsonDocument.Parse(found.Out);
        Assert.Equal(("demo:dave", "deny"), (line.RootElement.GetProperty("identity").GetString(), line.RootElement.GetProperty("decision").GetString()));
        Assert.Contains("dave", (await RunAsync("sessions", "search", "c-101")).Out, StringComparison.Ordinal);
        Assert.Contains("--before", (await RunAsync("sessions", "search", "--limit", "1")).Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_session_is_watched_and_ended_on_the_record_and_what_comes_next_is_another()
    {
        var session = (await SearchAsync("alice", """{"arguments":["tool=get_customer"]}""")).GetProperty("items")[0].GetProperty("session").GetString()!;

        var watched = await RunAsync("sessions", "watch", session, "--seconds", "0");
        Assert.Equal(0, watched.ExitCode);
        Assert.Contains("get_customer", watched.Out, StringComparison.Ordinal);
        var ended = await RunAsync("sessions", "end", session, "--reason", "looks wrong");
        Assert.Equal(0, ended.ExitCode);
        Assert.Contains("0 operations were cut", ended.Error, StringComparison.Ordinal);
        Assert.Equal(7, (await RunAsync("sessions", "end", "01JNOWHERE")).ExitCode);

        Assert.Contains((await SearchAsync("eve", """{"action":"gateway.sessions.end","words":"wrong"}""")).GetProperty("items").EnumerateArray(), item => item.GetProperty("decision").GetString() == "allow");
        var events = await CommandLine.RunAsync("journal", "events", _gateway.Options.Data, "--kind", "session.ended", "-o", "ndjson");
        Assert.Contains(session, events.Out, StringComparison.Ordinal);
        Assert.Contains("demo:eve", events.Out, StringComparison.Ordinal);
    }

    private Task<CommandLineResult> RunAsync(params string[] arguments) =>
        CommandLine.RunAsync([.. arguments, "--gateway", _gateway.Host.Url], new Dictionary<string, string> { ["POSTERN_TOKEN"] = _gateway.TokenOf("eve") });

    private async Task<List<string?>> WhoAsync(string user, string body) =>
        [.. (await SearchAsync(user, body)).GetProperty("items").EnumerateArray().Select(item => item.GetProperty("identity").GetString()).Distinct().Order()];

    private async Task<JsonElement> SearchAsync(string user, string body)
    {
        using var content = new StringContent(body);
        using var answer = await _gateway.ApiAsync("/sessions/search", _gateway.TokenOf(user), HttpMethod.Post, content);
        var text = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.True(answer.StatusCode == HttpStatusCode.OK, text);
        using var document = JsonDocument.Parse(text);
        return document.RootElement.Clone();
    }
}
