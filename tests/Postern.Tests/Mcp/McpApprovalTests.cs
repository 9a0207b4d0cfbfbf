using Postern.Core.Approvals;
using Postern.Core.Operations;
using Postern.Core.Recording;

namespace Postern.Tests.Mcp;

[Guarantee("G7")]
[Row("A01")]
public sealed class McpApprovalTests
{
    [Fact]
    public async Task An_approved_call_runs_once_when_it_is_repeated_and_the_next_repeat_asks_again()
    {
        await using var bed = await McpTestBed.StartAsync();
        var session = await bed.InitializeAsync();
        var held = await bed.CallAsync("refund", """{"order":9,"amount":900}""", session);
        var id = held.Envelope.GetProperty("request").GetProperty("url").GetString()!.Split('/')[^1];
        Assert.Equal(AnswerResult.Accepted, await bed.Desk.AnswerAsync(id, Approver(), approve: true, "fine", CancellationToken.None));

        var changed = await bed.CallAsync("refund", """{"order":9,"amount":901}""", session);
        var other = await bed.CallAsync("refund", """{"order":9,"amount":900}""", token: "bob");
        var repeats = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => bed.CallAsync("refund", """{ "amount": 900, "order": 9 }""", session)));

        Assert.Equal("hold.pending", changed.Envelope.GetProperty("code").GetString());
        Assert.Equal("hold.pending", other.Envelope.GetProperty("code").GetString());
        Assert.Single(repeats, answer => !answer.IsError);
        Assert.Single(bed.Server.CallsOf("tools/call"));
        Assert.Single(bed.Recorder.Clearings);
    }

    [Fact]
    public async Task A_changed_definition_takes_the_approval_with_it()
    {
        await using var bed = await McpTestBed.StartAsync();
        var held = await bed.CallAsync("refund", """{"amount":900}""");
        var id = held.Envelope.GetProperty("request").GetProperty("url").GetString()!.Split('/')[^1];
        await bed.Desk.AnswerAsync(id, Approver(), approve: true, "", CancellationToken.None);
        bed.Server.Tools = """[{"name":"refund","description":"pays twice","inputSchema":{"type":"object"}}]""";
        await bed.SendAsync("""{"jsonrpc":"2.0","id":1,"method":"tools/list"}""");
        Assert.Null((await bed.AcceptAsync([.. bed.Waiting()])).Complaint);

        var repeated = await bed.CallAsync("refund", """{"amount":900}""");

        Assert.Equal("hold.pending", repeated.Envelope.GetProperty("code").GetString());
        Assert.NotEqual(held.Envelope.GetProperty("request").GetProperty("url").GetString(), repeated.Envelope.GetProperty("request").GetProperty("url").GetString());
        Assert.Empty(bed.Server.CallsOf("tools/call"));
    }

    [Fact]
    public async Task A_no_is_told_and_nothing_runs()
    {
        await using var bed = await McpTestBed.StartAsync();
        var held = await bed.CallAsync("refund", """{"amount":900}""");
        await bed.Desk.AnswerAsync(held.Envelope.GetProperty("request").GetProperty("url").GetString()!.Split('/')[^1], Approver(), approve: false, "no", CancellationToken.None);

        var repeated = await bed.CallAsync("refund", """{"amount":900}""");

        Assert.Equal("hold.rejected", repeated.Envelope.GetProperty("code").GetString());
        Assert.Empty(bed.Server.CallsOf("tools/call"));
        Assert.Contains(Outcome.Denied, bed.Recorder.Endings.Select(ending => ending.Outcome));
    }

    private static Identity Approver() => new()
    {
        Issuer = "demo", Subject = "dora", Kind = IdentityKind.Person, Groups = ["on-call"], InteractiveSince = DateTimeOffset.UtcNow,
    };
}
