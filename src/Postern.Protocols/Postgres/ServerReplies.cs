using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using Postern.Core.Masking;
using Postern.Core.Pipeline;
using Postern.Protocols.Postgres.Sql;
using Postern.Protocols.Postgres.Wire;
using Postern.Upstreams.Postgres;

namespace Postern.Protocols.Postgres;

/// <summary>
/// The server's answers to one unit after another: each message is held against what must come next, and goes through the reply gate
/// in batches of what one read brought. A server that answers otherwise is cut (attack M13).
/// </summary>
internal sealed class ServerReplies(PostgresLink link, PreparedNames names) : IDisposable
{
    private const int FirstBuffer = 16 * 1024;
    private const int LargestBatch = 64 * 1024;

    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(FirstBuffer);
    private int _start;
    private int _scanned;
    private int _end;
    private bool _isReading;

    private readonly SessionLook _look = new(link.Settings);

    // Of the unit that is answered.
    private UnitPlan _plan = null!;
    private int _step;
    private int _result;
    private bool _isTyped;
    private RowPlan? _rows;
    private RowPlan? _batchRows;
    private int _counted;

    /// <summary>The state of the transaction as the server last said it: <c>I</c>, <c>T</c> or <c>E</c>.</summary>
    public byte Status { get; private set; } = (byte)'I';

    /// <summary>How the server said that it reads texts of values in this session; another text for other settings.</summary>
    public string Look => _look.ToString();

    /// <summary>True when the unit ended with an error of the server.</summary>
    public bool HasFailed { get; private set; }

    /// <summary>True when all that answers the unit has been read.</summary>
    public bool IsDone { get; private set; }

    /// <summary>True when the server said that the session is over.</summary>
    public bool IsOver { get; private set; }

    private enum Fate
    {
        Pass,
        Drop,
        Last,
    }

    /// <summary>Passes on everything that answers the unit.</summary>
    /// <exception cref="UpstreamException">The server broke off, or answers what it was not asked.</exception>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    public async ValueTask RelayAsync(UnitPlan plan, ReplyGate gate)
    {
        Begin(plan);
        if (plan.Replies.Count == 0) return;
        while (true)
        {
            while (Next() is var length && length > 0)
            {
                var before = _batchRows;
                var fate = Read(length);
                if (fate == Fate.Drop || (before is not null && !ReferenceEquals(before, _batchRows)))
                {
                    // What was gathered goes first, under the masks that it was gathered for.
                    if (_scanned > _start) await gate.ReleaseAsync(Batch(before)).ConfigureAwait(false);
                    _start = _scanned;
                    if (fate == Fate.Drop) _start += length;
                }
                if (fate != Fate.Drop && _buffer[_scanned] is (byte)'D' or (byte)'d') _counted++;
                _scanned += length;
                if (fate != Fate.Last) continue;
                IsDone = true;
                var last = Batch(_batchRows);
                _start = _scanned;
                await gate.ReleaseLastAsync(last).ConfigureAwait(false);
                return;
            }
            if (_scanned > _start)
            {
                await gate.ReleaseAsync(Batch(_batchRows)).ConfigureAwait(false);
                _start = _scanned;
                _batchRows = null;
            }
            Took(await link.ReadAsync(Room(), isMidMessage: _end > 0).ConfigureAwait(false));
        }
    }

    /// <summary>Reads until the server is ready, and throws everything away.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    public async ValueTask DrainAsync()
    {
        while (true)
        {
            while (Next() is var length && length > 0)
            {
                var type = _buffer[_scanned];
                if (MessageTable.OfServer(type).Handling is Handling.Unknown or Handling.Refused) throw Invalid("a message that has no place here");
                if (type == (byte)'Z') SetStatus(Body(length));
                if (type == (byte)'S') Setting(Body(length));
                _scanned += length;
                _start = _scanned;
                if (type == (byte)'Z') return;
            }
            Took(await link.ReadAsync(Room(), isMidMessage: _end > 0).ConfigureAwait(false));
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        // A read that was given up may still write into the buffer: it never goes back to the pool then.
        if (!_isReading) ArrayPool<byte>.Shared.Return(_buffer, clearArray: true);
        _buffer = [];
    }

    private void Begin(UnitPlan plan)
    {
        _plan = plan;
        _step = _result = 0;
        _isTyped = false;
        _rows = _batchRows = null;
        _counted = 0;
        HasFailed = IsDone = false;
    }

    private ReplyFrame Batch(RowPlan? rows)
    {
        var counted = _counted;
        _counted = 0;
        return new ReplyFrame(_buffer.AsMemory(_start, _scanned - _start), rows?.Shape ?? ReplyShapes.Plain, Rows: counted);
    }

    private ReadOnlySpan<byte> Body(int length) => _buffer.AsSpan(_scanned + ClientMessage.HeaderLength, length - ClientMessage.HeaderLength);

    /// <summary>Bytes of the next message when it is whole, else 0.</summary>
    private int Next()
    {
        var rest = _buffer.AsSpan(_scanned, _end - _scanned);
        if (rest.Length < ClientMessage.HeaderLength) return 0;
        var length = LengthOf(rest);
        return length <= rest.Length ? length : 0;
    }

    private static int LengthOf(ReadOnlySpan<byte> bytes)
    {
        var rule = MessageTable.OfServer(bytes[0]);
        var length = BinaryPrimitives.ReadInt32BigEndian(bytes[1..]);
        if (rule.Handling is Handling.Unknown or Handling.Refused) throw Invalid($"a message that is not carried: {rule.Name}");
        if (length < 4 || length > rule.Longest) throw Invalid($"a {rule.Name} of {length} bytes, more than is carried or fewer than can be");
        return 1 + length;
    }

    /// <summary>Makes room behind a message that has begun, if there is one, which then stands first.</summary>
    private Memory<byte> Room()
    {
        var partial = _end - _scanned;
        var wanted = partial >= ClientMessage.HeaderLength ? LengthOf(_buffer.AsSpan(_scanned)) : ClientMessage.HeaderLength;
        // A read that filled the buffer has more behind it; one that was large once is not kept for ever.
        if (_end == _buffer.Length && _buffer.Length < LargestBatch) wanted = Math.Max(wanted, _buffer.Length * 2);
        if (wanted > _buffer.Length || (partial == 0 && _buffer.Length > 2 * LargestBatch))
        {
            var other = ArrayPool<byte>.Shared.Rent(Math.Max(wanted, FirstBuffer));
            Buffer.BlockCopy(_buffer, _scanned, other, 0, partial);
            ArrayPool<byte>.Shared.Return(_buffer, clearArray: true);
            _buffer = other;
        }
        else if (_scanned > 0 && partial > 0)
        {
            Buffer.BlockCopy(_buffer, _scanned, _buffer, 0, partial);
        }
        (_start, _scanned, _end) = (0, 0, partial);
        _isReading = true;
        return _buffer.AsMemory(_end);
    }

    private void Took(int count)
    {
        _isReading = false;
        if (count == 0) throw new UpstreamException(RefusalCode.UpstreamUnavailable, "the server closed the session");
        _end += count;
    }

    private Fate Read(int length)
    {
        try
        {
            return Judge(_buffer[_scanned], Body(length));
        }
        catch (WireException malformed)
        {
            throw new UpstreamException(RefusalCode.UpstreamInvalid, $"the server sent {malformed.Message}", malformed);
        }
    }

    private Fate Judge(byte type, ReadOnlySpan<byte> body)
    {
        switch ((char)type)
        {
            case 'N':
                return Fate.Pass;
            case 'S':
                return Setting(body) ? Fate.Pass : Fate.Drop;
            case 'A' or 'K':
                return Fate.Drop;
            case 'E':
                return Fail(body);
        }
        if (_step >= _plan.Replies.Count) throw Unexpected(type);
        var expected = _plan.Replies[_step];
        switch ((char)type, expected.Kind)
        {
            case ('1', ReplyKind.Parsed):
                Empty(body);
                if (!names.Set(expected.Name!, expected.Prepared!)) throw Invalid("more prepared statements than a session may hold");
                return Advance();
            case ('2', ReplyKind.Bound) or ('3', ReplyKind.Closed):
                Empty(body);
                return Advance();
            case ('t', ReplyKind.StatementDescribed) when !_isTyped:
                _isTyped = true;
                SetTypes(expected.Prepared!, body);
                return Fate.Pass;
            case ('T', ReplyKind.StatementDescribed) when _isTyped:
                _isTyped = false;
                // Read now, so that what is wrong with it is found before anything is executed.
                RowPlan.Of(body, expected.Prepared!.Statement);
                (expected.Prepared.Description, expected.Prepared.InText, expected.Prepared.InBinary) = (body.ToArray(), null, null);
                return Advance();
            case ('n', ReplyKind.StatementDescribed) when _isTyped:
                Empty(body);
                _isTyped = false;
                expected.Prepared!.HasNoRows = true;
                return Advance();
            case ('T', ReplyKind.PortalDescribed):
                expected.Portal!.Rows = RowPlan.Of(body, expected.Portal.Prepared.Statement);
                return AdvanceOwn(expected.IsOwn);
            case ('n', ReplyKind.PortalDescribed):
                Empty(body);
                expected.Portal!.HasNoRows = true;
                return AdvanceOwn(expected.IsOwn);
            case ('T', ReplyKind.Queried) when _rows is null && _result < _plan.Queried.Count:
                _rows = RowPlan.Of(body, _plan.Queried[_result]);
                _batchRows = _rows;
                return Fate.Pass;
            case ('D', ReplyKind.Queried or ReplyKind.Executed):
                Row(expected, body);
                return Fate.Pass;
            case ('C', ReplyKind.Executed):
                Tag(body);
                return Advance();
            case ('I', ReplyKind.Executed):
                Empty(body);
                return Advance();
            case ('C', ReplyKind.Queried) when _result < _plan.Queried.Count:
                Tag(body);
                _result++;
                _rows = null;
                return Fate.Pass;
            case ('I', ReplyKind.Queried) when _result == 0 && _plan.Queried.Count == 0:
                Empty(body);
                return Fate.Pass;
            case ('Z', ReplyKind.Queried):
                // All results must have come, or an error, which skips to the last step.
                if (_result != _plan.Queried.Count) throw Unexpected(type);
                _step++;
                SetStatus(body);
                return Advance();
            case ('Z', ReplyKind.Ready):
                SetStatus(body);
                return Advance();
            default:
                throw Unexpected(type);
        }
    }

    // Thrown away or not, it is in force.
    private bool Setting(ReadOnlySpan<byte> body)
    {
        var passes = ServerSettings.Passes(body);
        _look.Note(body);
        return passes;
    }

    private Fate Fail(ReadOnlySpan<byte> body)
    {
        HasFailed = true;
        IsOver |= ServerSettings.IsFatal(body);
        _rows = null;
        _isTyped = false;
        // From here the server skips to Sync.
        _step = _plan.EndsWithReady ? _plan.Replies.Count - 1 : _plan.Replies.Count;
        return IsOver || !_plan.EndsWithReady ? Fate.Last : Fate.Pass;
    }

    private void Row(in Reply expected, ReadOnlySpan<byte> body)
    {
        if (expected.Kind == ReplyKind.Executed)
        {
            var portal = expected.Portal!;
            _rows = portal.Rows ??= RowPlan.Of(portal.Prepared, portal.Formats);
        }
        if (_rows is null) throw Invalid("rows that it did not describe");
        if (body.Length < 2 || BinaryPrimitives.ReadUInt16BigEndian(body) != _rows.Columns) throw Invalid("a row with another number of values than it described");
        _batchRows = _rows;
    }

    private Fate Advance() => ++_step == _plan.Replies.Count ? Fate.Last : Fate.Pass;

    private Fate AdvanceOwn(bool isOwn)
    {
        var fate = Advance();
        return isOwn ? Fate.Drop : fate;
    }

    private void SetStatus(ReadOnlySpan<byte> body)
    {
        if (body is not [(byte)'I' or (byte)'T' or (byte)'E']) throw Invalid("a state of the transaction that does not exist");
        Status = body[0];
    }

    private static void SetTypes(Prepared prepared, ReadOnlySpan<byte> body)
    {
        if (body.Length < 2 || body.Length != 2 + 4 * BinaryPrimitives.ReadUInt16BigEndian(body)) throw Invalid("a ParameterDescription that does not hold what it says");
        var types = new uint[(body.Length - 2) / 4];
        for (var i = 0; i < types.Length; i++) types[i] = BinaryPrimitives.ReadUInt32BigEndian(body[(2 + 4 * i)..]);
        prepared.Types = types;
    }

    private static void Empty(ReadOnlySpan<byte> body)
    {
        if (!body.IsEmpty) throw Invalid("a message that must be empty and is not");
    }

    // Words and counts: nothing that anybody could have chosen.
    private static void Tag(ReadOnlySpan<byte> body)
    {
        if (body is not [.., 0] || body[..^1].ContainsAnyExcept(ServerSettings.TagCharacters)) throw Invalid("a CommandComplete that is none");
    }

    private static UpstreamException Unexpected(byte type) => Invalid($"a {MessageTable.OfServer(type).Name} where it has no place");

    private static UpstreamException Invalid(string what) => new(RefusalCode.UpstreamInvalid, $"the server sent {what}");
}
