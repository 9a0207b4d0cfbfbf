using System.Text;
using Microsoft.AspNetCore.Http;
using Postern.Tests;

namespace Postern.Conformance.Faults;

/// <summary>A target that fails in every way that it can: nothing is tried again unasked, nothing that is not known is called done.</summary>
public sealed class TargetFaultTests
{
    private static readonly string[] Kinds = ["answers nothing", "answers a head only", "answers half and falls silent", "answers half and resets", "resets", "answers an empty body", "answers no JSON", "streams half and resets", "streams half and falls silent"];

    [Fact]
    [Guarantee("G1")]
    [Guarantee("G2")]
    [Guarantee("G3")]
    [Row("F07")]
    public async Task Whatever_a_target_does_to_a_call_it_ran_once_and_its_ending_says_what_is_known()
    {
        var cancellationToken = TestContext.Current.CancellationToken;
        ShapingProxy? line = null;
        await using var bed = await FaultBed.StartAsync(cancellationToken, url =>
        {
            line = new ShapingProxy(new Uri(url).Port);
            return $$"""{ protocol: mcp, url: "http://127.0.0.1:{{line.Port}}/mcp", timeouts: { connect: 1s, head: 1s, idle: 1s, message: 2s, silence: 1s } }""";
        });
        await using var ownLine = line!;
        var agreed = await bed.AgreedAsync(cancellationToken);
        var kinds = new Dictionary<string, string>(StringComparer.Ordinal);
        bed.Witness.Misbehaves = (context, key) => kinds.TryGetValue(key, out var kind) ? MisbehaveAsync(context, key, kind) : Task.FromResult(false);

        var calls = Kinds.SelectMany(kind => Enumerable.Range(0, 3).Select(_ => (Kind: kind, Number: bed.Caller.Next()))).ToArray();
        foreach (var (kind, number) in calls) kinds.Add($"read:{number}", kind);
        // What people agreed to is used up by the try: it may have taken effect, and is not run again for another asking.
        kinds.Add($"write:{agreed}", "answers half and resets");
        await Task.WhenAll(calls.Select(call => bed.CallAsync("read", call.Number, cancellationToken)).Append(bed.CallAsync("write", agreed, cancellationToken)));
        bed.Used.Add(agreed);
        kinds.Remove($"write:{agreed}");
        for (var again = 0; again < 3; again++) Assert.DoesNotContain("is done", await bed.CallAsync("write", agreed, cancellationToken) ?? "", StringComparison.Ordinal);

        // Nobody listens: the call was not forwarded, and may be asked for again.
        await line!.CloseAsync();
        var unheard = Enumerable.Range(0, 3).Select(_ => bed.Caller.Next()).ToArray();
        await Task.WhenAll(unheard.Select(number => bed.CallAsync("read", number, cancellationToken)));
        line.Open();

        var recording = await bed.JudgeAsync(cancellationToken);
        foreach (var story in recording.Calls)
        {
            var key = InvariantJudge.KeyOf(story.Request);
            if (kinds.TryGetValue(key, out var kind))
            {
                Assert.True(story.Outcome is "Unknown" or "Failed", $"{kind}: {story.Outcome}");
                Assert.True(bed.Witness.Seen[key] == 1, $"{kind}: ran {bed.Witness.Seen[key]} times");
            }
            else if (Array.Exists(unheard, number => key == $"read:{number}")) Assert.NotEqual("Done", story.Outcome);
        }
        Assert.All(calls, call => Assert.Contains(recording.Calls, story => InvariantJudge.KeyOf(story.Request) == $"read:{call.Number}"));
    }

    private static async Task<bool> MisbehaveAsync(HttpContext context, string key, string kind)
    {
        var isStream = kind.StartsWith("streams", StringComparison.Ordinal);
        context.Response.ContentType = isStream ? "text/event-stream" : "application/json";
        switch (kind)
        {
            case "answers nothing":
                await SilenceAsync(context);
                return true;
            case "answers a head only":
                context.Response.ContentLength = 500;
                await context.Response.Body.FlushAsync(CancellationToken.None);
                await SilenceAsync(context);
                return true;
            case "resets":
                context.Abort();
                return true;
            case "answers an empty body":
                return true;
            case "answers no JSON":
                await context.Response.WriteAsync("<html>", CancellationToken.None);
                return true;
        }
        var half = isStream
            ? """data: {"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":""" + key.Split(':')[1] + ""","progress":1,"message":"step 1, card 4111 1111 1111 1111"} }""" + "\n\n"
            : """{"jsonrpc":"2.0","id":""";
        if (!isStream) context.Response.ContentLength = 500;
        await context.Response.Body.WriteAsync(Encoding.UTF8.GetBytes(half), CancellationToken.None);
        await context.Response.Body.FlushAsync(CancellationToken.None);
        if (kind.EndsWith("resets", StringComparison.Ordinal)) context.Abort();
        else await SilenceAsync(context);
        return true;
    }

    private static Task SilenceAsync(HttpContext context) => Task.Delay(Timeout.Infinite, context.RequestAborted);
}
