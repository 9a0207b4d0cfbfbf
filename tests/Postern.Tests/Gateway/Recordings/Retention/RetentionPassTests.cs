using Postern.Core.Operations;
using Postern.Core.Pipeline;
using Postern.Core.Policy;
using Postern.Core.Recording;
using Postern.Core.Sessions;
using Postern.Gateway.Api;
using Postern.Gateway.Policies;
using Postern.Gateway.Recordings.Retention;
using Postern.Tests.Doubles;
using Postern.Tests.Recording;

namespace Postern.Tests.Gateway.Recordings.Retention;

/// <summary>What is past its time expires, on a clock that can be believed and on no other (row U11).</summary>
[Row("U11")]
public sealed class RetentionPassTests : IAsyncLifetime
{
    private readonly TemporaryFolder _folder = new();
    private readonly SteppedClock _clock = new();
    private SessionEraserTests.Parts _parts = null!;

    public async ValueTask InitializeAsync() => _parts = await SessionEraserTests.Parts.OpenAsync(_folder.Path, _clock);

    public async ValueTask DisposeAsync()
    {
        await _parts.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task A_session_expires_when_its_connections_time_is_over_and_not_before()
    {
        var pass = Pass(new KeepTimes(new Dictionary<string, TimeSpan> { ["shop"] = TimeSpan.FromDays(90) }, TimeSpan.FromDays(10)));
        await RecordAsync("S1", "shop");
        await RecordAsync("S2", "other");

        _clock.Advance(TimeSpan.FromDays(9));
        Assert.Equal(0, await pass.RunAsync(CancellationToken.None));
        _clock.Advance(TimeSpan.FromDays(2));
        Assert.Equal(1, await pass.RunAsync(CancellationToken.None));
        Assert.Equal((false, true), (IsErased("S1"), IsErased("S2")));
        _clock.Advance(TimeSpan.FromDays(80));
        Assert.Equal(1, await pass.RunAsync(CancellationToken.None));

        Assert.True(IsErased("S1"));
        Assert.Equal(["S2", "S1"], Tombstones().Select(tombstone => tombstone.Facts.Single(fact => fact.Name == "session").Value));
        Assert.Contains(new RecordedPair("reason", "kept for 10 days"), Tombstones()[0].Facts);
        Assert.True(_parts.Keys.FindErasure("S1")!.IsExpiry);
    }

    [Fact]
    public async Task What_expires_is_an_operation_on_the_one_path()
    {
        await RecordAsync("S1", "shop");
        _clock.Advance(TimeSpan.FromDays(2));
        await Pass(new KeepTimes(new Dictionary<string, TimeSpan>(), TimeSpan.FromDays(1))).RunAsync(CancellationToken.None);

        var own = Assert.Single(Records().OfType<RecordedIntent>(), intent => intent.Connection.Name == "gateway");

        Assert.Equal(("gateway.sessions.expire", "allow", "gateway"), (own.Parts[0].Action, own.Decision.Kind, own.Identity.Kind));
    }

    [Fact]
    public async Task Nothing_expires_where_nothing_says_so()
    {
        await RecordAsync("S1", "shop");
        _clock.Advance(TimeSpan.FromDays(9_999));

        Assert.Equal(0, await Pass(new KeepTimes(new Dictionary<string, TimeSpan>(), null)).RunAsync(CancellationToken.None));
        Assert.Equal(0, await Pass(new KeepTimes(new Dictionary<string, TimeSpan> { ["other"] = TimeSpan.FromDays(1) }, null)).RunAsync(CancellationToken.None));
    }

    [Fact]
    public async Task A_clock_that_is_set_forward_destroys_nothing()
    {
        var pass = Pass(Ten);
        await RecordAsync("S1", "shop");
        _clock.Shift(TimeSpan.FromDays(3_650));

        Assert.Equal(0, await pass.RunAsync(CancellationToken.None));

        Assert.Contains("the clock moved", pass.Complaint, StringComparison.Ordinal);
        Assert.False(IsErased("S1"));
        _clock.Shift(-TimeSpan.FromDays(3_650));
        Assert.Equal(0, await pass.RunAsync(CancellationToken.None));
        Assert.Null(pass.Complaint);
    }

    [Fact]
    public async Task A_clock_that_went_backwards_over_a_restart_destroys_nothing()
    {
        await RecordAsync("S1", "shop");
        _clock.Advance(TimeSpan.FromDays(20));
        await RecordAsync("S2", "shop");
        _clock.Shift(-TimeSpan.FromDays(5));
        var pass = Pass(Ten);

        Assert.Equal(0, await pass.RunAsync(CancellationToken.None));

        Assert.Contains("nothing expires until it is past that", pass.Complaint, StringComparison.Ordinal);
        _clock.Advance(TimeSpan.FromDays(6));
        Assert.Equal(1, await pass.RunAsync(CancellationToken.None));
    }

    [Fact]
    public async Task What_is_under_legal_hold_does_not_expire()
    {
        await RecordAsync("S1", "shop");
        await _parts.Eraser.HoldAsync("S1", "corp:carol", "case 12", CancellationToken.None);
        _clock.Advance(TimeSpan.FromDays(20));

        Assert.Equal(0, await Pass(Ten).RunAsync(CancellationToken.None));
        await _parts.Eraser.ReleaseAsync("S1", "corp:carol", "over");
        Assert.Equal(1, await Pass(Ten).RunAsync(CancellationToken.None));
    }

    [Fact]
    public async Task What_is_still_under_way_does_not_expire()
    {
        var account = await _parts.Recorder.BeginAsync(IntentOf("S1", "shop"), CancellationToken.None);
        _clock.Advance(TimeSpan.FromDays(20));

        Assert.Equal(0, await Pass(Ten).RunAsync(CancellationToken.None));
        await account.EndAsync(Given.Done() with { At = _clock.GetUtcNow() });
        await _parts.SettleAsync();
        Assert.Equal(0, await Pass(Ten).RunAsync(CancellationToken.None));
        _clock.Advance(TimeSpan.FromDays(11));
        Assert.Equal(1, await Pass(Ten).RunAsync(CancellationToken.None));
    }

    [Fact]
    public async Task What_is_kept_is_looked_at_without_reading_any_operation()
    {
        var pass = Pass(new KeepTimes(new Dictionary<string, TimeSpan> { ["shop"] = TimeSpan.FromDays(10) }, null));
        for (var i = 0; i < 5; i++) await RecordAsync($"S{i}", "kept-for-ever");
        _clock.Advance(TimeSpan.FromDays(9));
        await RecordAsync("S8", "shop");
        _clock.Advance(TimeSpan.FromDays(9));
        await _parts.SettleAsync();
        Assert.Equal(0, await pass.RunAsync(CancellationToken.None));

        // Whoever asks for operations now has none to ask: the pass must not notice.
        await UnderAsync("alter table operations rename to elsewhere");
        Assert.Equal(0, await pass.RunAsync(CancellationToken.None));
        await Assert.ThrowsAsync<Microsoft.Data.Sqlite.SqliteException>(async () => await _parts.Index.FindErasableAsync("S1", CancellationToken.None));
        await UnderAsync("alter table elsewhere rename to operations");
        _clock.Advance(TimeSpan.FromDays(2));

        Assert.Equal(1, await pass.RunAsync(CancellationToken.None));
        Assert.True(IsErased("S8"));
    }

    /// <summary>Does something to the index beneath whoever has it open.</summary>
    private async Task UnderAsync(string statement)
    {
        await using var file = new Microsoft.Data.Sqlite.SqliteConnection($"Data Source={Path.Combine(_folder.Path, "recordings.db")};Pooling=False");
        await file.OpenAsync(TestContext.Current.CancellationToken);
        await using var command = file.CreateCommand();
        command.CommandText = statement;
        await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
    }

    /// <summary>A policy of no rules: what the gateway does by itself needs none.</summary>
    private sealed class OwnPolicies : IPolicySource
    {
        public PolicySet Current { get; } = PolicyLoader.Load(
            [new PolicyFile("none.yaml", "version: 1\nrules: []")],
            new PolicyEnvironment { Vocabularies = [GatewayVocabulary.Instance], Connections = [GatewayVocabulary.Itself("http://127.0.0.1")], Issuers = ["corp"], Definitions = NoDefinitions.Instance, HashKey = new byte[32] }, 1).Set!;
    }

    private static KeepTimes Ten => new(new Dictionary<string, TimeSpan>(), TimeSpan.FromDays(10));

    private RetentionPass Pass(KeepTimes keep)
    {
        var pipeline = new OperationPipeline(new OwnPolicies(), _parts.Recorder, null!, new SessionBook(_clock), new Leash(TimeProvider.System), "http://127.0.0.1", _clock);
        return new RetentionPass(_parts.Keys, _parts.Index, _parts.Eraser, new OwnOperations(pipeline, "http://127.0.0.1", _clock), keep, _clock);
    }

    private Intent IntentOf(string session, string connection) =>
        Given.Intent(at: _clock.GetUtcNow()) with { Session = session, Connection = new Connection(connection, "toy", "http://127.0.0.1:9/shop", []) };

    private async Task RecordAsync(string session, string connection)
    {
        await (await _parts.Recorder.BeginAsync(IntentOf(session, connection), CancellationToken.None)).EndAsync(Given.Done() with { At = _clock.GetUtcNow() });
        await _parts.SettleAsync();
    }

    private bool IsErased(string session) => _parts.Keys.FindErasure(session) is not null;

    private IEnumerable<RecordedPayload> Records() => new JournalReader(Path.Combine(_folder.Path, "journal"), _parts.Keys).Read(JournalPosition.Begin).Select(record => record.Payload);

    private List<RecordedOccurrence> Tombstones() => [.. Records().OfType<RecordedOccurrence>().Where(occurrence => occurrence.Kind == SessionEraser.ExpiredKind)];
}
