using System.Diagnostics;
using System.Text;
using Microsoft.AspNetCore.Http;
using Postern.Tests;

namespace Postern.Conformance.Faults;

/// <summary>Clients that leave, that are slow, and that are at the end of a bad line.</summary>
public sealed class ClientFaultTests
{
    [Fact]
    [Guarantee("G1")]
    [Guarantee("G2")]
    [Guarantee("G3")]
    [Row("F17")]
    public async Task Clients_that_leave_at_any_instant_leave_one_ending_and_no_second_run()
    {
        var cancellationToken = TestContext.Current.CancellationToken;
        await using var bed = await FaultBed.StartAsync(cancellationToken);
        var agreed = await bed.AgreedAsync(cancellationToken);
        var random = new Random();
        // Slow enough that many leave between the forwarding and the answer.
        bed.Witness.Misbehaves = async (context, _) =>
        {
            await Task.Delay(random.Next(40), CancellationToken.None);
            return false;
        };

        await Task.WhenAll(Enumerable.Range(0, 6).Select(async worker =>
        {
            for (var turn = 0; turn < 15; turn++)
            {
                using var leaving = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
                leaving.CancelAfter(random.Next(1, 80));
                await bed.CallAsync(worker % 3 == 0 ? "stream" : "read", bed.Caller.Next(), leaving.Token);
            }
        }));
        // An approved call too, by many who ask at once and leave.
        await Task.WhenAll(Enumerable.Range(0, 6).Select(async _ =>
        {
            using var leaving = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            leaving.CancelAfter(random.Next(1, 60));
            await bed.CallAsync("write", agreed, leaving.Token);
        }));
        await bed.CallAsync("write", agreed, cancellationToken);
        bed.Used.Add(agreed);

        var recording = await bed.JudgeAsync(cancellationToken);
        Assert.Contains(recording.Calls, story => story.Outcome != "Done");
    }

    [Fact]
    [Guarantee("G16")]
    [Row("F18")]
    [Row("D04")]
    public async Task A_slow_client_on_a_fast_target_holds_the_target_back_and_nobody_else()
    {
        const int Slow = 6;
        const int EventBytes = 32 * 1024;
        const int Events = 2_000; // 64 MB for each: many times what may pile up between the two
        var cancellationToken = TestContext.Current.CancellationToken;
        await using var bed = await FaultBed.StartAsync(cancellationToken);
        using var crawler = new Caller { Slowness = (1_024, TimeSpan.FromMilliseconds(50)) };
        long sent = 0;
        bed.Witness.Misbehaves = async (context, key) =>
        {
            if (!key.StartsWith("flood", StringComparison.Ordinal)) return false;
            context.Response.ContentType = "text/event-stream";
            var line = Encoding.UTF8.GetBytes($$"""data: {"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":{{key.Split(':')[1]}},"progress":NUMBER,"message":"{{new string('.', EventBytes)}}"} }""" + "\n\n");
            var at = line.AsSpan().IndexOf("NUMBER"u8);
            for (var number = 100_000; number < 100_000 + Events; number++)
            {
                Encoding.UTF8.GetBytes(number.ToString(System.Globalization.CultureInfo.InvariantCulture)).CopyTo(line, at);
                await context.Response.Body.WriteAsync(line, context.RequestAborted);
                Interlocked.Add(ref sent, line.Length);
            }
            return true;
        };
        for (var warm = 0; warm < 10; warm++) await bed.CallAsync("read", bed.Caller.Next(), cancellationToken);

        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var slow = Enumerable.Range(0, Slow).Select(index => crawler.CallAsync(bed.Gateway.ConnectionUrl, bed.Token, "flood", 1_000_000 + index, over.Token)).ToArray();
        while (Interlocked.Read(ref sent) < Slow * EventBytes) await Task.Delay(20, cancellationToken);
        var worst = TimeSpan.Zero;
        var clock = Stopwatch.StartNew();
        var done = 0;
        while (clock.Elapsed < TimeSpan.FromSeconds(4))
        {
            var begun = clock.Elapsed;
            Assert.Contains("is done", await bed.CallAsync("read", bed.Caller.Next(), cancellationToken), StringComparison.Ordinal);
            done++;
            if (clock.Elapsed - begun > worst) worst = clock.Elapsed - begun;
        }
        var piledUp = Interlocked.Read(ref sent);
        await over.CancelAsync();
        await Task.WhenAll(slow);

        Assert.True(done >= 10 && worst < TimeSpan.FromSeconds(2), $"{done} calls of others, the slowest in {worst}");
        Assert.True(piledUp < Slow * 16L * 1024 * 1024, $"the target could send {piledUp / 1024 / 1024} MB to clients that read some kilobytes");
        await bed.JudgeAsync(cancellationToken);
    }

    [Theory]
    [InlineData(1, 0, false)]
    [InlineData(7, 500, false)]
    [InlineData(64, 5, true)]
    [Guarantee("G2")]
    [Guarantee("G6")]
    [Row("F11")]
    public async Task A_bad_line_on_either_side_changes_no_byte_and_no_count(int piece, int latency, bool breaks)
    {
        var cancellationToken = TestContext.Current.CancellationToken;
        ShapingProxy? behind = null;
        await using var bed = await FaultBed.StartAsync(cancellationToken, url =>
        {
            behind = new ShapingProxy(new Uri(url).Port) { Piece = piece, Latency = TimeSpan.FromMilliseconds(latency) };
            return $$"""{ protocol: mcp, url: "http://127.0.0.1:{{behind.Port}}/mcp" }""";
        });
        await using var ownBehind = behind!;
        await using var before = new ShapingProxy(new Uri(bed.Gateway.Url).Port) { Piece = piece, Latency = TimeSpan.FromMilliseconds(latency) };
        var agreed = await bed.AgreedAsync(cancellationToken);
        if (breaks)
        {
            // One connection in three breaks off somewhere in what it carries to the caller.
            var random = new Random();
            int? Chance() => random.Next(3) == 0 ? random.Next(1, 1_500) : null;
            before.BreaksAfter = Chance;
            behind!.BreaksAfter = Chance;
        }
        // The gateway's own name is what a client asks for, whatever line leads there.
        bed.Caller.Host = new Uri(bed.Gateway.Url).Authority;
        var url = $"http://127.0.0.1:{before.Port}/mcp/{Gateways.TestGateway.Connection}";
        var straight = bed.Gateway.ConnectionUrl;

        var answers = await Task.WhenAll(Enumerable.Range(0, breaks ? 60 : 6).Select(index => bed.Caller.CallAsync(url, bed.Token, index % 3 == 0 ? "stream" : "read", bed.Caller.Next(), cancellationToken)));
        await bed.Caller.CallAsync(url, bed.Token, "write", agreed, cancellationToken);
        if (behind is not null) behind.BreaksAfter = null;
        await bed.Caller.CallAsync(straight, bed.Token, "write", agreed, cancellationToken);
        bed.Used.Add(agreed);

        await bed.JudgeAsync(cancellationToken);
        if (!breaks) Assert.All(answers, answer => Assert.Contains("is done", answer, StringComparison.Ordinal));
        else Assert.Contains(answers, answer => answer is null || !answer.Contains("is done", StringComparison.Ordinal));
    }
}
