using Postern.Core.Operations;
using Postern.Core.Pipeline;
using Postern.Core.Recording;
using Postern.Gateway.Recordings;
using Postern.Tests.Doubles;

namespace Postern.Tests.Pipeline;

/// <summary>Somebody ends a session: what of it runs, waits, or is on its way to its target is cut there; other sessions go on, and what comes next is another.</summary>
public sealed class SessionEndedTests : IDisposable
{
    private const string Look = """{"gesture":"look","exhibit":"hall/statue"}""";
    private const string Touch = """{"gesture":"touch","exhibit":"hall/statue"}""";

    private static readonly Identity Alice = Samples.Person("alice", "visitors");

    private readonly ToyGateway _gateway = new(PipelineTests.Policy);

    public void Dispose() => _gateway.Dispose();

    [Fact]
    [Guarantee("G10")]
    public async Task What_runs_is_cut_and_another_session_goes_on()
    {
        var go = new TaskCompletionSource();
        var reached = new SemaphoreSlim(0);
        _gateway.Guide.Before = async cancelled =>
        {
            reached.Release();
            await go.Task.WaitAsync(cancelled);
        };
        var alice = _gateway.AskAsync(Look, Alice);
        await reached.WaitAsync(TestContext.Current.CancellationToken);
        var session = _gateway.Recorder.Intents.Last().Session;
        var other = _gateway.AskAsync(Look, Samples.Person("zoe", "visitors"));
        await reached.WaitAsync(TestContext.Current.CancellationToken);

        Assert.Equal(1, await EndAsync(session));

        Assert.Equal(RefusalCode.NotPermitted, (await alice).Refused!.Code);
        Assert.Equal(Outcome.Unknown, Assert.Single(_gateway.Recorder.Endings).Outcome);
        go.SetResult();
        Assert.Null((await other).Refused);
        Assert.Null((await _gateway.AskAsync(Look, Alice)).Refused); // nothing was taken back
        Assert.NotEqual(session, _gateway.Recorder.Intents.Last().Session);
        Assert.Contains(_gateway.Recorder.Occurrences, note => note.Kind == "session.ended" && note.Facts.Contains(new("session", session)) && note.Facts.Contains(new("by", "demo:eve")));
    }

    [Fact]
    [Guarantee("G10")]
    public async Task What_is_being_written_down_when_it_ends_does_not_reach_its_target()
    {
        _gateway.Recorder.HoldCommits = true;
        var running = _gateway.AskAsync(Look, Alice);

        Assert.Equal(0, await EndAsync(_gateway.Recorder.Intents.Single().Session));
        _gateway.Recorder.HoldCommits = false;
        _gateway.Recorder.ReleaseOne();

        Assert.Equal(RefusalCode.NotPermitted, (await running).Refused!.Code);
        Assert.Empty(_gateway.Guide.Heard);
        Assert.Equal(Outcome.Failed, Assert.Single(_gateway.Recorder.Endings).Outcome);
    }

    [Fact]
    [Guarantee("G10")]
    public async Task Whoever_waits_for_people_is_sent_away()
    {
        var exchange = _gateway.Exchange(Touch, TimeSpan.FromMinutes(1));
        var running = _gateway.Pipeline.RunAsync(exchange, Alice, CancellationToken.None).AsTask();
        while (exchange.Signs.IsEmpty) await Task.Delay(1, TestContext.Current.CancellationToken);

        Assert.Equal(1, await EndAsync(_gateway.Recorder.Intents.Single().Session));

        await running;
        Assert.Equal(RefusalCode.NotPermitted, exchange.Refused!.Code);
        Assert.Empty(_gateway.Guide.Heard);
    }

    [Fact]
    public async Task What_cannot_be_recorded_ends_nothing()
    {
        _gateway.Recorder.FailNotes = true;
        await _gateway.AskAsync(Look, Alice);
        var session = _gateway.Recorder.Intents.Single().Session;

        await Assert.ThrowsAsync<RecordingException>(async () => await EndAsync(session));

        await _gateway.AskAsync(Look, Alice);
        Assert.Equal(session, _gateway.Recorder.Intents.Last().Session);
    }

    private ValueTask<int> EndAsync(string session) =>
        new SessionEnding(_gateway.Sessions, _gateway.Leash, _gateway.Recorder, _gateway.Clock).EndAsync(session, Samples.Person("eve", "auditors"), "looks wrong", default, CancellationToken.None);
}
