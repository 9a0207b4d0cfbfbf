using System.Collections.Immutable;
using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Postern.Core.Approvals;
using Postern.Core.Operations;
using Postern.Gateway.Approvals;
using Postern.Gateway.Configuration;
using Postern.Gateway.Notices;
using Postern.Gateway.Storage;
using Postern.Protocols;
using Postern.Tests.Doubles;
using Postern.Tests.Gateway.Approvals;

namespace Postern.Tests.Gateway.Notices;

/// <summary>E-mail against a mail server, Slack against a script of Slack: real sockets, the real outbox, the real desk.</summary>
public sealed class ChannelTests : IAsyncLifetime
{
    private const string PublicUrl = "https://gateway.example.com";
    private const string SigningSecret = "8f742231b10e8888abcd99yyyzzz85a5";

    private readonly TemporaryFolder _folder = new();
    private readonly SteppedClock _clock = new();
    private readonly MemoryRecorder _recorder = new();
    private readonly People _people = new();
    private readonly System.Threading.Channels.Channel<(string Token, JsonElement Body)> _posted = System.Threading.Channels.Channel.CreateUnbounded<(string, JsonElement)>();
    private GatewayDatabase _database = null!;
    private SqliteHoldStore _holds = null!;
    private WebApplication _slack = null!;
    private WebApplication _gateway = null!;
    private ApprovalDesk _desk = null!;
    private int _slackFailures;

    public async ValueTask InitializeAsync()
    {
        _database = GatewayDatabase.Open(_folder.Path);
        _holds = SqliteHoldStore.Open(_folder.Path);
        _desk = new ApprovalDesk(_holds, _recorder, [], _clock, _people);
        _slack = Serve(app => app.MapPost("/api/chat.postMessage", async (HttpContext context) =>
        {
            if (Interlocked.Decrement(ref _slackFailures) >= 0) return Results.Json(new { ok = false, error = "ratelimited" });
            await _posted.Writer.WriteAsync((context.Request.Headers.Authorization.ToString(), await context.Request.ReadFromJsonAsync<JsonElement>()));
            return Results.Json(new { ok = true, ts = "1.2" });
        }));
        _gateway = Serve(app => new SlackInteractions(Slack("https://slack.com/api"), _desk, _people, new RefusalNotes(_recorder, _clock, NullLogger.Instance), _clock).Map(app));
        await _slack.StartAsync();
        await _gateway.StartAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _slack.DisposeAsync();
        await _gateway.DisposeAsync();
        _holds.Dispose();
        _database.Dispose();
        _folder.Dispose();
    }

    [Fact]
    [Row("F24")]
    [Row("A07")]
    [Row("U12")]
    public async Task Mail_that_is_refused_first_arrives_in_the_end_and_holds_a_link_and_no_value()
    {
        await using var sink = new SmtpSink { Failures = 2 };
        await using var channel = Channel(new EmailNotifier(new EmailOptions("127.0.0.1", sink.Port, "postern@example.com", ["oncall@example.com", "two@example.com"]) { UsesTls = false }, PublicUrl), TimeProvider.System);
        var hold = Open("01J00000000000000000000001", TimeProvider.System.GetUtcNow()) with { Rule = "r@1\r\nBcc: eve@example.com" };

        channel.Notify(hold);

        var mail = sink.Take();
        Assert.Contains("oncall@example.com", mail.To[0], StringComparison.Ordinal);
        Assert.Equal(2, mail.To.Length);
        Assert.Contains($"{PublicUrl}/approve/{hold.Id}", mail.Body, StringComparison.Ordinal);
        Assert.DoesNotContain("900", mail.Body, StringComparison.Ordinal);
        Assert.DoesNotContain("\nBcc:", mail.Text[..mail.Text.IndexOf("\n\n", StringComparison.Ordinal)], StringComparison.Ordinal);
    }

    [Fact]
    [Row("F24")]
    public async Task Slack_gets_words_a_link_and_a_button_that_denies_with_the_token_and_no_value()
    {
        _slackFailures = 1;
        await using var channel = Channel(new SlackNotifier(Slack(_slack.Urls.First() + "/api"), PublicUrl), TimeProvider.System);
        var hold = Open("01J00000000000000000000001", TimeProvider.System.GetUtcNow()) with { RequesterName = "<!channel> *eve*" };

        channel.Notify(hold);

        var (token, body) = await TakeAsync();
        Assert.Equal("Bearer xoxb-1", token);
        Assert.Equal("C1", body.GetProperty("channel").GetString());
        var buttons = body.GetProperty("blocks")[1].GetProperty("elements");
        Assert.Equal($"{PublicUrl}/approve/{hold.Id}", buttons[0].GetProperty("url").GetString());
        Assert.Equal((SlackNotifier.DenyAction, hold.Id), (buttons[1].GetProperty("action_id").GetString(), buttons[1].GetProperty("value").GetString()));
        Assert.DoesNotContain("900", body.GetRawText(), StringComparison.Ordinal);
        channel.Settled(hold with { State = HoldState.Denied });
        var (_, settled) = await TakeAsync();
        Assert.DoesNotContain("<!channel>", settled.GetProperty("text").GetString()!, StringComparison.Ordinal);
        Assert.Contains("was denied", settled.GetProperty("text").GetString()!, StringComparison.Ordinal);
        Assert.Equal(1, settled.GetProperty("blocks")[1].GetProperty("elements").GetArrayLength());
    }

    [Fact]
    public async Task What_still_waits_at_half_of_its_time_is_said_again_once_and_what_was_answered_is_not()
    {
        await using var channel = Channel(new SlackNotifier(Slack(_slack.Urls.First() + "/api"), PublicUrl), _clock);
        var waiting = await _holds.OpenOrJoinAsync(Open("01J00000000000000000000001", _clock.GetUtcNow()), _clock.GetUtcNow(), CancellationToken.None);
        var answered = await _holds.OpenOrJoinAsync(Open("01J00000000000000000000002", _clock.GetUtcNow()) with { Binding = Digest.Of("two"u8) }, _clock.GetUtcNow(), CancellationToken.None);
        channel.Notify(waiting);
        channel.Notify(answered);
        await TakeAsync();
        await TakeAsync();
        await _holds.TryAnswerAsync(answered, answered with { State = HoldState.Denied }, CancellationToken.None);

        var reminder = TakeAsync();
        for (var passed = TimeSpan.Zero; !reminder.IsCompleted && passed < TimeSpan.FromMinutes(25); passed += TimeSpan.FromSeconds(20))
        {
            _clock.Advance(TimeSpan.FromSeconds(20));
            await Task.WhenAny(reminder, Task.Delay(5, TestContext.Current.CancellationToken));
        }

        Assert.Contains("still waits", (await reminder).Body.GetProperty("text").GetString()!, StringComparison.Ordinal);
        Assert.False(_posted.Reader.TryRead(out _));
        Assert.True(_clock.GetUtcNow() - waiting.OpenedAt >= TimeSpan.FromMinutes(15));
    }

    [Fact]
    [Row("A06")]
    public async Task A_press_denies_for_whoever_may_answer_now()
    {
        var hold = await _holds.OpenOrJoinAsync(Open("01J00000000000000000000001", _clock.GetUtcNow()), _clock.GetUtcNow(), CancellationToken.None);
        Assert.Contains("nobody said who you are", await PressAsync(hold.Id, user: "U9"), StringComparison.Ordinal);
        Assert.Contains("has not seen you", await PressAsync(hold.Id), StringComparison.Ordinal);
        _people.Saw(Person("bob", "cleaners"));
        Assert.Contains("not yours to answer", await PressAsync(hold.Id), StringComparison.Ordinal);
        Assert.Equal(HoldState.Open, (await _holds.FindAsync(hold.Id, CancellationToken.None))!.State);

        _people.Saw(Person("bob", "on-call"));
        Assert.Contains("Denied", await PressAsync(hold.Id), StringComparison.Ordinal);

        var denied = (await _holds.FindAsync(hold.Id, CancellationToken.None))!;
        Assert.Equal((HoldState.Denied, "demo:bob", "denied in Slack by U1"), (denied.State, denied.Answers[0].Approver, denied.Answers[0].Reason));
        Assert.Contains("over already", await PressAsync(hold.Id), StringComparison.Ordinal);
    }

    [Fact]
    [Row("A05")]
    [Row("A06")]
    [Guarantee("G8")]
    public async Task What_is_forged_stale_repeated_or_of_another_workspace_does_nothing_and_nothing_approves()
    {
        _people.Saw(Person("bob", "on-call"));
        var hold = await _holds.OpenOrJoinAsync(Open("01J00000000000000000000001", _clock.GetUtcNow()), _clock.GetUtcNow(), CancellationToken.None);
        var good = Body(hold.Id, "T1", "U1", SlackNotifier.DenyAction);

        Assert.Equal(HttpStatusCode.Unauthorized, (await SendAsync(good, signature: "v0=" + new string('0', 64))).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await SendAsync(good, secret: "another-secret-of-some-length")).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await SendAsync(good, age: TimeSpan.FromMinutes(6))).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await SendAsync(good, age: TimeSpan.FromMinutes(-6))).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await SendAsync(Body(hold.Id, "T2", "U1", SlackNotifier.DenyAction))).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await SendAsync(Body(hold.Id, "T1", "U1", SlackNotifier.DenyAction, userTeam: "T2"))).Status);
        Assert.Equal(HttpStatusCode.BadRequest, (await SendAsync("payload=%7B%7D")).Status);
        Assert.Equal(HttpStatusCode.OK, (await SendAsync(Body(hold.Id, "T1", "U1", "postern_approve"))).Status);
        var repeated = Body(hold.Id, "T1", "U9", SlackNotifier.DenyAction);
        Assert.Equal(HttpStatusCode.OK, (await SendAsync(repeated)).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await SendAsync(repeated)).Status);

        Assert.Equal(HoldState.Open, (await _holds.FindAsync(hold.Id, CancellationToken.None))!.State);
        Assert.Contains(_recorder.Occurrences, noted => noted.Kind == "slack.refused");
    }

    [Fact]
    public void The_signature_is_slacks()
    {
        // Computed with: printf 'v0:1531420618:payload=x' | openssl dgst -sha256 -hmac 8f742231b10e8888abcd99yyyzzz85a5
        Assert.Equal("v0=526f6358b24ac4bb878ef60db5c2ab4b3ff474155566aecb6ed7ec8e99f0d227", SlackInteractions.Sign(SigningSecret, "1531420618", "payload=x"u8));
    }

    private NoticeChannel Channel(INotifier notifier, TimeProvider clock) => new(notifier, _holds, new NoticeOutbox(_database, notifier.Name), _recorder, clock, NullLogger.Instance);

    private static SlackOptions Slack(string api) => new("T1", "C1", "xoxb-1", SigningSecret) { Api = api, Users = new Dictionary<string, string>(StringComparer.Ordinal) { ["U1"] = "demo:bob" } };

    private Identity Person(string who, params ImmutableArray<string> groups) => new() { Issuer = "demo", Subject = who, Kind = IdentityKind.Person, Groups = groups, IssuedAt = _clock.GetUtcNow() };

    private static Hold Open(string id, DateTimeOffset now) =>
        HoldViewTests.Sample() with { Id = id, Binding = Digest.Of("one"u8), State = HoldState.Open, Answers = [], UsableUntil = null, OpenedAt = now, ExpiresAt = now.AddMinutes(30) };

    private async Task<(string Token, JsonElement Body)> TakeAsync() => await _posted.Reader.ReadAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(30));

    private async Task<string> PressAsync(string hold, string user = "U1")
    {
        _clock.Advance(TimeSpan.FromSeconds(1)); // another press, another time
        return (await SendAsync(Body(hold, "T1", user, SlackNotifier.DenyAction))).Text;
    }

    private static string Body(string hold, string team, string user, string action, string? userTeam = null) => "payload=" + Uri.EscapeDataString(
        $$"""{"type":"block_actions","team":{"id":"{{team}}","domain":"d"},"user":{"id":"{{user}}","team_id":"{{userTeam ?? team}}"},"actions":[{"action_id":"{{action}}","type":"button","value":"{{hold}}"}]}""");

    private async Task<(HttpStatusCode Status, string Text)> SendAsync(string body, string? signature = null, string secret = SigningSecret, TimeSpan age = default)
    {
        var timestamp = (_clock.GetUtcNow() - age).ToUnixTimeSeconds().ToString(System.Globalization.CultureInfo.InvariantCulture);
        using var http = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Post, _gateway.Urls.First() + SlackInteractions.Path) { Content = new StringContent(body, Encoding.UTF8, "application/x-www-form-urlencoded") };
        request.Headers.Add("X-Slack-Request-Timestamp", timestamp);
        request.Headers.Add("X-Slack-Signature", signature ?? SlackInteractions.Sign(secret, timestamp, Encoding.UTF8.GetBytes(body)));
        using var response = await http.SendAsync(request);
        return (response.StatusCode, await response.Content.ReadAsStringAsync());
    }

    private static WebApplication Serve(Action<WebApplication> map)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var app = builder.Build();
        map(app);
        return app;
    }
}
