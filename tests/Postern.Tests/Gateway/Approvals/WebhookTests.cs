using System.Collections.Concurrent;
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
using Postern.Tests.Doubles;

namespace Postern.Tests.Gateway.Approvals;

public sealed class WebhookTests
{
    private const string Secret = "a-secret-of-enough-length";

    [Fact]
    public void A_signature_covers_timestamp_and_body()
    {
        var signature = WebhookSignature.Of(Secret, "1700000000", "{}"u8);

        // Computed with: printf '1700000000.{}' | openssl dgst -sha256 -hmac a-secret-of-enough-length
        Assert.Equal("v1=5401e1318062e492435d0a269ce98790edd9a75ebce6dc936ae363639bb9c602", signature);
        Assert.NotEqual(signature, WebhookSignature.Of(Secret, "1700000001", "{}"u8));
        Assert.NotEqual(signature, WebhookSignature.Of(Secret, "1700000000", "{ }"u8));
    }

    [Fact]
    [Row("F24")]
    [Row("U12")]
    public async Task A_receiver_that_fails_first_gets_the_signed_notice_in_the_end_and_no_value_of_the_request()
    {
        await using var receiver = await Receiver.StartAsync(failures: 2);
        using var folder = new TemporaryFolder();
        using var database = GatewayDatabase.Open(folder.Path);
        using var holds = SqliteHoldStore.Open(folder.Path);
        await using var channel = Channel(receiver, holds, database);
        var hold = HoldViewTests.Sample() with { ExpiresAt = TimeProvider.System.GetUtcNow().AddMinutes(30) };

        channel.Notify(hold);

        var (headers, body) = await receiver.TakeAsync();
        Assert.Equal(WebhookSignature.Of(Secret, headers[WebhookSignature.TimestampHeader].ToString(), System.Text.Encoding.UTF8.GetBytes(body)), headers[WebhookSignature.SignatureHeader].ToString());
        Assert.Equal(hold.Id, headers[WebhookSignature.DeliveryHeader].ToString());
        Assert.Contains($"https://gateway.example.com/approve/{hold.Id}", body, StringComparison.Ordinal);
        // Ids and instants may hold any digits; nothing else does.
        var said = System.Text.Json.Nodes.JsonNode.Parse(body)!.AsObject().Where(member => member.Key is not ("id" or "url") && !member.Key.EndsWith("At", StringComparison.Ordinal));
        Assert.All(said, member => Assert.DoesNotContain("900", member.Value!.ToJsonString().Replace(hold.Id, "", StringComparison.Ordinal), StringComparison.Ordinal));
        Assert.DoesNotContain("amount", body, StringComparison.Ordinal);
        Assert.DoesNotContain(Secret, body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_notice_survives_a_restart()
    {
        using var folder = new TemporaryFolder();
        using var database = GatewayDatabase.Open(folder.Path);
        var outbox = new NoticeOutbox(database, WebhookNotifier.Channel);
        var now = TimeProvider.System.GetUtcNow();
        await outbox.AddAsync(new Notice("id", "{}"u8.ToArray(), 3, now, now.AddMinutes(5)), CancellationToken.None);
        await using var receiver = await Receiver.StartAsync(failures: 0);

        using var holds = SqliteHoldStore.Open(folder.Path);
        await using var channel = Channel(receiver, holds, database);

        Assert.Equal("{}", (await receiver.TakeAsync()).Body);
    }

    [Fact]
    [Row("F24")]
    [Row("U01")]
    public async Task A_notice_that_a_crash_kept_from_the_outbox_is_made_again_from_the_hold_and_none_is_sent_twice()
    {
        await using var receiver = await Receiver.StartAsync(failures: 0);
        using var folder = new TemporaryFolder();
        var now = TimeProvider.System.GetUtcNow();
        var waiting = Open(now, "01J00000000000000000000001", "one");
        // The gateway dies after the hold is durable and before anything else happens.
        using (var dying = SqliteHoldStore.Open(folder.Path))
        {
            await dying.OpenOrJoinAsync(waiting, now, CancellationToken.None);
            var answered = Open(now, "01J00000000000000000000002", "two");
            await dying.OpenOrJoinAsync(answered, now, CancellationToken.None);
            Assert.True(await dying.TryAnswerAsync(answered, answered with { State = HoldState.Denied }, CancellationToken.None));
            await dying.OpenOrJoinAsync(Open(now.AddHours(-2), "01J00000000000000000000003", "three"), now.AddHours(-2), CancellationToken.None);
        }

        using var holds = SqliteHoldStore.Open(folder.Path);
        using var database = GatewayDatabase.Open(folder.Path);
        await using (Channel(receiver, holds, database))
        {
            Assert.Equal(waiting.Id, (await receiver.TakeAsync()).Headers[WebhookSignature.DeliveryHeader].ToString());
            while (await new NoticeOutbox(database, WebhookNotifier.Channel).FirstAsync(CancellationToken.None) is not null) await Task.Delay(2, TestContext.Current.CancellationToken);
        }
        // Delivered is remembered over another restart, although the hold still waits; a new hold is announced.
        var next = await holds.OpenOrJoinAsync(Open(now, "01J00000000000000000000004", "four"), now, CancellationToken.None);
        await using (Channel(receiver, holds, database))
        {
            Assert.Equal(next.Id, (await receiver.TakeAsync()).Headers[WebhookSignature.DeliveryHeader].ToString());
        }
        Assert.Equal(2, receiver.Count);
    }

    [Fact]
    [Row("F24")]
    public async Task A_notice_that_a_full_record_kept_back_is_made_when_it_is_looked_for()
    {
        await using var receiver = await Receiver.StartAsync(failures: 0);
        using var folder = new TemporaryFolder();
        using var database = GatewayDatabase.Open(folder.Path);
        using var holds = SqliteHoldStore.Open(folder.Path);
        var clock = new SteppedClock();
        await using var channel = Channel(receiver, holds, database, clock);
        var first = await holds.OpenOrJoinAsync(Open(clock.GetUtcNow(), "01J00000000000000000000001", "one"), clock.GetUtcNow(), CancellationToken.None);
        channel.Notify(first);
        await receiver.TakeAsync();

        var silent = await holds.OpenOrJoinAsync(Open(clock.GetUtcNow(), "01J00000000000000000000002", "two"), clock.GetUtcNow(), CancellationToken.None);
        var taken = receiver.TakeAsync();
        while (!taken.IsCompleted)
        {
            clock.Advance(TimeSpan.FromSeconds(10));
            await Task.WhenAny(taken, Task.Delay(2, TestContext.Current.CancellationToken));
        }

        Assert.Equal(silent.Id, (await taken).Headers[WebhookSignature.DeliveryHeader].ToString());
        Assert.Equal(2, receiver.Count);
    }

    private static Hold Open(DateTimeOffset now, string id, string binding) =>
        HoldViewTests.Sample() with { Id = id, Binding = Digest.Of(System.Text.Encoding.UTF8.GetBytes(binding)), State = HoldState.Open, Answers = [], UsableUntil = null, OpenedAt = now, ExpiresAt = now.AddMinutes(30) };

    private static NoticeChannel Channel(Receiver receiver, IHoldStore holds, GatewayDatabase database, TimeProvider? clock = null) =>
        new(new WebhookNotifier(new WebhookOptions(receiver.Url, Secret), "https://gateway.example.com"), holds, new NoticeOutbox(database, WebhookNotifier.Channel), new MemoryRecorder(), clock ?? TimeProvider.System, NullLogger.Instance);

    private sealed class Receiver : IAsyncDisposable
    {
        private readonly WebApplication _app;
        private readonly System.Threading.Channels.Channel<(IHeaderDictionary, string)> _taken = System.Threading.Channels.Channel.CreateUnbounded<(IHeaderDictionary, string)>();

        private int _count;

        public int Count => Volatile.Read(ref _count);

        private Receiver(WebApplication app) => _app = app;

        public string Url => _app.Urls.First() + "/hook";

        public static async Task<Receiver> StartAsync(int failures)
        {
            var builder = WebApplication.CreateSlimBuilder();
            builder.Logging.ClearProviders();
            builder.WebHost.UseUrls("http://127.0.0.1:0");
            var app = builder.Build();
            var receiver = new Receiver(app);
            app.MapPost("/hook", async (HttpContext context) =>
            {
                if (Interlocked.Decrement(ref failures) >= 0)
                {
                    context.Response.StatusCode = 503;
                    return;
                }
                Interlocked.Increment(ref receiver._count);
                using var reader = new StreamReader(context.Request.Body);
                await receiver._taken.Writer.WriteAsync((new HeaderDictionary(context.Request.Headers.ToDictionary()), await reader.ReadToEndAsync()));
            });
            await app.StartAsync();
            return receiver;
        }

        public async Task<(IHeaderDictionary Headers, string Body)> TakeAsync() => await _taken.Reader.ReadAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(30));

        public ValueTask DisposeAsync() => _app.DisposeAsync();
    }
}
