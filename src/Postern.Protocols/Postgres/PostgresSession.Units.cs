using System.Collections.Immutable;
using System.Globalization;
using System.Runtime.CompilerServices;
using Postern.Core.Masking;
using Postern.Core.Operations;
using Postern.Core.Pipeline;
using Postern.Core.Policy;
using Postern.Protocols.Postgres.Sql;
using Postern.Protocols.Postgres.Masking;
using Postern.Protocols.Postgres.Wire;

namespace Postern.Protocols.Postgres;

/// <summary>What a session does with its units.</summary>
internal sealed partial class PostgresSession
{
    private static readonly ImmutableArray<Part> _onlyStructure = [new Part { Action = "postgres.sync", IsImplied = true }];

    // Everything until Sync is thrown away, as after an error of the server.
    private bool _isSkipping;

    // Something went to the server since it last was ready; what it began by itself ends with the next Sync.
    private bool _isOpen;

    // What it began by itself must not take effect: the client was told of an error.
    private bool _mustUndo;

    // A statement changed what names mean, and its transaction is not over.
    private bool _hasChangedNames;

    // What later statements mean was changed in a way that nobody reports (a role); how many units were sent since.
    private bool _isChanged;
    private long _sinceChanged;

    // Of the unit that is worked on.
    private bool _isForwarded;
    private bool _isAnswered;

    private async ValueTask LoopAsync()
    {
        try
        {
            while (_end == (int)SessionEnd.None && !_replies!.IsOver && !_isClosed)
            {
                Volatile.Write(ref _idleSince, _services.Clock.GetTimestamp());
                if (!await _intake.ReadAsync(_isSkipping).ConfigureAwait(false)) return;
                Volatile.Write(ref _idleSince, 0);
                if (_intake.Messages[^1].Type == (byte)'X') return;
                _intake.ReadAhead();
                await ServeUnitAsync().ConfigureAwait(false);
            }
        }
        catch (WireException violation)
        {
            await _gateway.Notes.NoteAsync("request.refused", violation.Message, _admitted.Connection.Name, IdentityKey).ConfigureAwait(false);
            await CloseAsync(new Report(OwnMessages.Fatal, SqlState.ProtocolViolation, violation.Message)).ConfigureAwait(false);
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask ServeUnitAsync()
    {
        if (_isSkipping)
        {
            _isSkipping = false;
            await ResynchronizeAsync().ConfigureAwait(false);
            await SendOwnAsync(report: null, isReady: true).ConfigureAwait(false);
            return;
        }
        // What names mean may have changed by somebody else's statement meanwhile.
        _catalogue = await CatalogueAsync().ConfigureAwait(false);
        await _reader.ReadAsync(_intake.Unit, _intake.Messages, _plan).ConfigureAwait(false);
        if (_plan.Complaint is { } complaint)
        {
            if (_plan.Noted is { } why) await _gateway.Notes.NoteAsync("request.refused", why, _admitted.Connection.Name, IdentityKey).ConfigureAwait(false);
            await AnswerNoAsync(complaint).ConfigureAwait(false);
            return;
        }
        if (!_isOpen && _plan.Replies is [{ Kind: ReplyKind.Ready }] or [])
        {
            // Nothing is asked, and nothing is open at the server.
            await SendOwnAsync(report: null, isReady: _plan.EndsWithReady).ConfigureAwait(false);
            return;
        }
        _isForwarded = _isAnswered = _isCancelled = false;
        _waiting = null;
        await _services.Pipeline.RunAsync(new UnitExchange(this, OperationOfUnit()), _admitted.Identity, _gone.Token).ConfigureAwait(false);
        _waiting = null;
        if (_isForwarded) await SettleAsync().ConfigureAwait(false);
    }

    private Operation OperationOfUnit()
    {
        var now = _services.Clock.GetUtcNow();
        var unit = _plan.Statements;
        if (_plan.OnlyPrepared.Count > 0)
        {
            // What is only prepared runs nothing: it passes unless no values at all could make it permitted.
            var later = Build(_plan.OnlyPrepared, now);
            if (_services.Policies.Consider(_admitted.Identity, later, now) == Possibility.Never) return Build([.. _plan.Statements, .. _plan.OnlyPrepared], now);
        }
        return unit.Count > 0 ? Build(unit, now, _plan.Results) : new Operation
        {
            Id = OperationId.New(now),
            Connection = _admitted.Connection,
            Parts = _onlyStructure,
            Request = _intake.Unit,
            RequestShape = ReplyShapes.Unit,
            DigestOf = static operation => Digest.Of(operation.Request.Span),
            ClientRun = _run,
            ClientName = _admitted.Application,
        };
    }

    private Operation Build(List<UnitStatement> statements, DateTimeOffset now, List<RowPlan?>? results = null)
    {
        ImmutableArray<UnitStatement> unit = [.. statements];
        return PostgresOperations.Build(_admitted.Connection, unit, UnitText.Write(unit, results), UnitText.ShapeOf(unit), _run, _admitted.Application, continues: null, now, Look);
    }

    /// <summary>
    /// What the unit means besides its words. Once a role or a setting was changed that the server does not report, and which the end of a
    /// transaction may change back, no two units mean the same for sure: an approval is then for the next unit of this session alone (attack A01).
    /// </summary>
    private string Look => _isChanged ? string.Create(CultureInfo.InvariantCulture, $"{_replies!.Look}\0{_run}\0{_sinceChanged}") : _replies!.Look;

    /// <summary>Sends what was judged, and passes on what comes back.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    public async ValueTask ForwardAsync(Clearance clearance)
    {
        using var cut = clearance.Ended.UnsafeRegister(static state => ((PostgresSession)state!).BreakOff(), this);
        _isRunning = _isForwarded = _isOpen = true;
        try
        {
            // Not waited for before the answers are read: a server that answers much takes no more until somebody reads.
            var rest = _link!.SendAsync(clearance, _plan.Additions.Count == 0 ? _intake.Unit : WithAdditions()).AsTask();
            try
            {
                await _replies!.RelayAsync(_plan, clearance.Replies).ConfigureAwait(false);
                await rest.ConfigureAwait(false);
            }
            catch (MaskingException) when (!clearance.Ended.IsCancellationRequested)
            {
                // What cannot be masked is not passed on, and neither is what follows; the session itself is sound.
                await rest.ConfigureAwait(false);
                if (!_replies!.IsDone) await _link.CancelAsync().ConfigureAwait(false);
                if (!_plan.EndsWithReady) await _link.SyncAsync(undo: false).ConfigureAwait(false);
                if (!_plan.EndsWithReady || !_replies.IsDone) await _replies.DrainAsync().ConfigureAwait(false);
                _isOpen = false;
                _isAnswered = true;
                throw;
            }
            finally
            {
                await rest.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
        finally
        {
            _isRunning = false;
        }
    }

    /// <summary>Says no to the unit, and what state the transaction is in; after a forward that broke, ends the session.</summary>
    public async ValueTask RefuseAsync(Refusal refusal)
    {
        if (_isForwarded && !_isAnswered)
        {
            await CloseAsync(Refused.Report(refusal, OwnMessages.Fatal)).ConfigureAwait(false);
            return;
        }
        var report = _isCancelled ? new Report(OwnMessages.Error, SqlState.Cancelled, "canceling statement due to user request") : Refused.Report(refusal, OwnMessages.Error);
        if (_isAnswered)
        {
            _isSkipping = !_plan.EndsWithReady;
            await SendOwnAsync(report, _plan.EndsWithReady).ConfigureAwait(false);
            return;
        }
        await AnswerNoAsync(report).ConfigureAwait(false);
    }

    /// <summary>
    /// An error instead of what was asked, of which nothing was forwarded. A transaction that is open stays open: that is its true
    /// state. What the server began by itself since the last Sync is undone, as after an error of its own.
    /// </summary>
    private async ValueTask AnswerNoAsync(Report report)
    {
        _reader.ForgetPortals();
        _mustUndo = _isOpen;
        _isSkipping = !_plan.EndsWithReady;
        if (_plan.EndsWithReady) await ResynchronizeAsync().ConfigureAwait(false);
        await SendOwnAsync(report, _plan.EndsWithReady).ConfigureAwait(false);
    }

    /// <summary>Brings the server to the end of its unit, where there is one.</summary>
    private async ValueTask ResynchronizeAsync()
    {
        if (!_isOpen) return;
        await _link!.SyncAsync(undo: _mustUndo && _replies!.Status == (byte)'I').ConfigureAwait(false);
        await _replies!.DrainAsync().ConfigureAwait(false);
        _isOpen = _mustUndo = false;
        // With the transaction goes what was set in it alone.
        if (_isChanged) _sinceChanged++;
        _reader.ForgetPortals();
        if (_replies.Status == (byte)'I') _reader.Moved.Clear();
    }

    /// <summary>What is true after a unit that was forwarded.</summary>
    private async ValueTask SettleAsync()
    {
        // After rows that could not be masked nobody knows how far the server came.
        var hasSucceeded = !_replies!.HasFailed && !_isAnswered;
        if (!hasSucceeded) _reader.ForgetPortals();
        if (_isAnswered) ForgetParsed();
        _reader.Moved.Take(_plan.Moved);
        foreach (var step in _plan.Statements) _isChanged |= step.Statement.ChangesSession;
        if (_isChanged) _sinceChanged++;
        if (_plan.EndsWithReady)
        {
            _isOpen = _mustUndo = false;
            if (_replies.Status == (byte)'I') _reader.ForgetPortals();
        }
        else if (_replies.HasFailed)
        {
            _isSkipping = true;
        }
        foreach (var (name, prepared) in _plan.Names)
        {
            // Where it did not go well, what the name stands for is not known, and it is refused from here on.
            if (prepared is not null && hasSucceeded) _names.Set(name, prepared);
            else if (name.Length == 0) _names.Clear();
            else _names.Remove(name);
        }
        // Inside of a transaction nobody else sees it yet, the reader of the catalogue included.
        _hasChangedNames |= _plan.WritesCatalogue;
        if (!_hasChangedNames || _replies.Status != (byte)'I' || !_plan.EndsWithReady) return;
        _hasChangedNames = false;
        _reader.Moved.Clear();
        await RefreshAsync(isForced: true).ConfigureAwait(false);
    }

    /// <summary>What the unit prepared may stand at the server under names that mean something older here.</summary>
    private void ForgetParsed()
    {
        foreach (var reply in _plan.Replies)
        {
            if (reply.Kind == ReplyKind.Parsed) _names.Remove(reply.Name!);
        }
    }

    /// <summary>The clearance of the unit ended while it ran: the server is told to stop, and the session is over.</summary>
    private void BreakOff()
    {
        _ = _link!.CancelAsync().AsTask();
        _link.Abort();
    }

    private async ValueTask SendOwnAsync(Report? report, bool isReady)
    {
        _own.Clear();
        if (report is not null) OwnMessages.WriteReport(_own, report);
        if (isReady) OwnMessages.WriteReady(_own, _replies!.Status);
        if (_own.Written.IsEmpty) return;
        try
        {
            await _client.Stream.WriteAsync(_own.Written).ConfigureAwait(false);
        }
        catch (Exception fault) when (PostgresAdmission.IsClientsOwn(fault))
        {
            Abandon();
        }
    }

    private byte[] WithAdditions()
    {
        var unit = _intake.Unit.Span;
        var bytes = new List<byte>(unit.Length + 32 * _plan.Additions.Count);
        var from = 0;
        foreach (var (at, message) in _plan.Additions)
        {
            bytes.AddRange(unit[from..at]);
            bytes.AddRange(message);
            from = at;
        }
        bytes.AddRange(unit[from..]);
        return [.. bytes];
    }

    private async ValueTask<StatementReading> ReadTextAsync(ReadOnlyMemory<byte> text)
    {
        var reading = await _gateway.Statements.ReadAsync(text, _catalogue, IdentityKey, _gone.Token).ConfigureAwait(false);
        if (reading is not StatementReading.Undecidable { MayHelpToRefresh: true }) return reading;
        _catalogue = await RefreshAsync(isForced: false).ConfigureAwait(false);
        return await _gateway.Statements.ReadAsync(text, _catalogue, IdentityKey, _gone.Token).ConfigureAwait(false);
    }

    private ValueTask<Catalogue> CatalogueAsync() => _gateway.Catalogues.TryGet(_admitted.Connection) is { } current ? new(current) : RefreshAsync(isForced: false);

    private async ValueTask<Catalogue> RefreshAsync(bool isForced)
    {
        try
        {
            return await _gateway.Catalogues.RefreshAsync(_admitted.Connection, isForced).ConfigureAwait(false);
        }
        catch (UpstreamException)
        {
            // What is not known stays unknown, and is refused.
            return _catalogue;
        }
    }
}
