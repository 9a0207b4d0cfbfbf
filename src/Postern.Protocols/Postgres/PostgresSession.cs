using Postern.Core.Approvals;
using Postern.Core.Masking;
using Postern.Core.Operations;
using Postern.Core.Pipeline;
using Postern.Protocols.Postgres.Sql;
using Postern.Protocols.Postgres.Wire;
using Postern.Upstreams.Postgres;

namespace Postern.Protocols.Postgres;

/// <summary>
/// One client's session, from its identity to its last byte. Its units are worked on one after another, as the protocol demands;
/// what may come in between (a cancel, an end) only sets marks and wakes.
/// </summary>
internal sealed partial class PostgresSession : IReplySink, IDisposable
{
    private readonly PostgresGateway _gateway;
    private readonly ProtocolServices _services;
    private readonly RawClient _client;
    private readonly Admitted _admitted;
    private readonly CancellationTokenSource _gone = new();
    private readonly ClientIntake _intake;
    private readonly PreparedNames _names = new();
    private readonly UnitReader _reader;
    private readonly UnitPlan _plan = new();
    private readonly PooledFrame _own = new(1024);
    private readonly long _key;
    private readonly string _run;
    private PostgresLink? _link;
    private ServerReplies? _replies;
    private Catalogue _catalogue = null!;
    private volatile Waiting? _waiting;
    private volatile bool _isRunning;
    private volatile bool _isCancelled;
    private volatile bool _hasLeft;
    private int _end;
    private long _idleSince;
    private long _unreadSince;
    private bool _isClosed;

    public PostgresSession(PostgresGateway gateway, RawClient client, Admitted admitted)
    {
        _gateway = gateway;
        _services = gateway.Services;
        _client = client;
        _admitted = admitted;
        _intake = new ClientIntake(OnLeft);
        _reader = new UnitReader(_names, ReadTextAsync, () => _catalogue.Version);
        _key = gateway.Cancels.Add(this);
        _run = OperationId.New(_services.Clock.GetUtcNow()).ToString();
    }

    /// <summary>How long this client is kept waiting for people.</summary>
    public TimeSpan Patience => _services.StatementWait < _services.LongestWait ? _services.StatementWait : _services.LongestWait;

    /// <summary>Since when it waits for its client; null while it works.</summary>
    public long? IdleSince => Volatile.Read(ref _idleSince) is var since && since != 0 ? since : null;

    /// <summary>Since when its client takes nothing of what it is sent; null while it reads.</summary>
    public long? UnreadSince => Volatile.Read(ref _unreadSince) is var since && since != 0 ? since : null;

    /// <summary>True inside a transaction.</summary>
    public bool IsInTransaction => _replies?.Status is (byte)'T' or (byte)'E';

    /// <summary>Whose it is.</summary>
    public string IdentityKey => _admitted.Identity.Key;

    /// <summary>Runs the session to its end.</summary>
    public async Task RunAsync()
    {
        _intake.Attach(_client.Stream);
        _gateway.Idle.Add(this);
        using var stopping = _services.Stopping.UnsafeRegister(static state => ((PostgresSession)state!).End(SessionEnd.Stopping), this);
        try
        {
            var connect = PostgresOperations.Connect(_admitted.Connection, _run, _admitted.Application, _services.Clock.GetUtcNow());
            await _services.Pipeline.RunAsync(new ConnectExchange(this, connect), _admitted.Identity, _gone.Token).ConfigureAwait(false);
        }
        finally
        {
            _gateway.Idle.Remove(this);
            _gateway.Cancels.Remove(_key);
            _services.Pipeline.EndRun(_admitted.Identity, _admitted.Connection, _run);
        }
    }

    /// <summary>What the session is under its clearance: the server's side is opened, and units are served until one side ends.</summary>
    public async ValueTask ServeAsync(Clearance clearance)
    {
        // A rule for every connection reaches names that nobody configured, too.
        if (_admitted.Connection.Target.Length == 0) throw new UpstreamException(RefusalCode.UpstreamUnavailable, "the connection has no target") { NothingWasSent = true };
        _catalogue = await _gateway.Catalogues.GetAsync(_admitted.Connection).ConfigureAwait(false);
        var settings = _admitted.Settings.Add(new(PostgresLink.Path, _gateway.Catalogues.PathOf(_admitted.Connection)));
        _link = await _services.Postgres!.OpenAsync(clearance, settings, clearance.Ended).ConfigureAwait(false);
        try
        {
            _replies = new ServerReplies(_link, _names);
            await GreetAsync(clearance).ConfigureAwait(false);
            using var cut = clearance.Ended.UnsafeRegister(static state => ((PostgresSession)state!).End(SessionEnd.Cut), this);
            await LoopAsync().ConfigureAwait(false);
            if (!_gone.IsCancellationRequested) clearance.Ended.ThrowIfCancellationRequested();
            if (SessionEnds.ReportOf((SessionEnd)_end) is { } report) await CloseAsync(report).ConfigureAwait(false);
        }
        finally
        {
            await _link.DisposeAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Ends the session as soon as its current unit is over; one that waits for its client ends at once. The first reason counts.</summary>
    public void End(SessionEnd why)
    {
        if (Interlocked.CompareExchange(ref _end, (int)why, (int)SessionEnd.None) == (int)SessionEnd.None) _client.StopReading();
    }

    /// <summary>A request with this session's key came in: what runs is cancelled at the server, what waits for people is given up.</summary>
    public async ValueTask CancelAsync()
    {
        await _gateway.Notes.NoteAsync("session.cancel", "a client asked to cancel what its session does", _admitted.Connection.Name, IdentityKey).ConfigureAwait(false);
        if (_waiting is { } waiting)
        {
            _isCancelled = true;
            waiting.Leave();
        }
        else if (_isRunning && _link is { } link)
        {
            await link.CancelAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Tells the client where people are asked, once, and keeps it waiting.</summary>
    public async ValueTask TellOfWaitingAsync(Refusal refusal, Waiting waiting)
    {
        if (_waiting is not null) return;
        _waiting = waiting;
        if (_hasLeft) waiting.Leave();
        _own.Clear();
        OwnMessages.WriteReport(_own, Refused.Waiting(refusal));
        await _client.Stream.WriteAsync(_own.Written).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public ValueTask WriteAsync(Masked<ReadOnlyMemory<byte>> content, object? tag, CancellationToken cancellationToken) => WriteAsync(content, cancellationToken);

    /// <summary>Puts a released frame on the client's wire.</summary>
    public ValueTask WriteAsync(Masked<ReadOnlyMemory<byte>> content, CancellationToken cancellationToken)
    {
        var write = _client.Stream.WriteAsync(content.Value, cancellationToken);
        return write.IsCompletedSuccessfully ? write : WaitForReaderAsync(write);
    }

    /// <summary>Says why, and that it is the end.</summary>
    public async ValueTask CloseAsync(Report report)
    {
        if (_isClosed) return;
        _isClosed = true;
        _own.Clear();
        OwnMessages.WriteReport(_own, report);
        // A client that does not read cannot keep us.
        using var patience = new CancellationTokenSource(_services.Sessions.SignIn, _services.Clock);
        try
        {
            await _client.Stream.WriteAsync(_own.Written, patience.Token).ConfigureAwait(false);
        }
        catch (Exception fault) when (PostgresAdmission.IsClientsOwn(fault) || fault is OperationCanceledException)
        {
            // Nobody is there to be told.
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _intake.Dispose();
        _replies?.Dispose();
        _own.Dispose();
        _gone.Dispose();
    }

    /// <summary>What a client expects after its password: it is in, how the server is set, how it can cancel, and that it may go on.</summary>
    private async ValueTask GreetAsync(Clearance clearance)
    {
        _own.Clear();
        OwnMessages.WriteAuthenticated(_own);
        await _client.Stream.WriteAsync(_own.Written).ConfigureAwait(false);
        _own.Clear();
        foreach (var (name, value) in _link!.Settings)
        {
            if (ServerSettings.Passes(name, value)) OwnMessages.WriteSetting(_own, name, value);
        }
        await clearance.Replies.ReleaseLastAsync(new ReplyFrame(_own.Written, ReplyShapes.Plain)).ConfigureAwait(false);
        _own.Clear();
        OwnMessages.WriteKey(_own, _key);
        OwnMessages.WriteReady(_own, _replies!.Status);
        await _client.Stream.WriteAsync(_own.Written).ConfigureAwait(false);
    }

    private async ValueTask WaitForReaderAsync(ValueTask write)
    {
        Volatile.Write(ref _unreadSince, _services.Clock.GetTimestamp());
        try
        {
            await write.ConfigureAwait(false);
        }
        finally
        {
            Volatile.Write(ref _unreadSince, 0);
        }
    }

    private void OnLeft(bool isClosed)
    {
        _hasLeft = true;
        if (isClosed && _end == (int)SessionEnd.None) Abandon();
        else _waiting?.Leave();
    }

    /// <summary>Ends the session as if its client had gone: what runs is cancelled at the server.</summary>
    public void Abandon() => _gone.CancelQuietly();
}
