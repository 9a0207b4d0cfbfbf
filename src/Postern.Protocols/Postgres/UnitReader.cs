using System.Runtime.CompilerServices;
using System.Text;
using Postern.Protocols.Postgres.Sql;
using Postern.Protocols.Postgres.Wire;

namespace Postern.Protocols.Postgres;

/// <summary>
/// What does this unit ask? Reads its messages in order against what names stand for in the session, into one plan. Nothing is
/// forwarded from here; what is not understood becomes a complaint.
/// </summary>
/// <param name="names">What the statements' names stand for.</param>
/// <param name="read">Reads a text against the session's catalogue.</param>
/// <param name="version">The version of the session's catalogue; what was read under another one is read again.</param>
internal sealed class UnitReader(PreparedNames names, Func<ReadOnlyMemory<byte>, ValueTask<StatementReading>> read, Func<string> version)
{
    /// <summary>Portals that wait to be executed beyond their unit.</summary>
    private const int MostPortals = 1_000;

    private readonly Dictionary<string, Portal> _portals = new(StringComparer.Ordinal);

    // Within the unit: what is prepared and bound in it, newest last.
    private readonly List<(string Name, Prepared? Prepared)> _newNames = [];

    /// <summary>Forgets the portals; they end with their transaction.</summary>
    public void ForgetPortals() => _portals.Clear();

    /// <summary>Names that statements of the open transaction gave another meaning.</summary>
    public MovedNames Moved { get; } = new();

    /// <summary>Reads the whole unit.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    public async ValueTask ReadAsync(ReadOnlyMemory<byte> unit, List<ClientMessage> messages, UnitPlan plan)
    {
        plan.Clear();
        _newNames.Clear();
        foreach (var message in messages)
        {
            switch ((char)message.Type)
            {
                case 'Q':
                    await QueryAsync(unit.Slice(message.Start + ClientMessage.HeaderLength, ClientMessage.Query(message.BodyOf(unit.Span)).Length), plan).ConfigureAwait(false);
                    plan.EndsWithReady = true;
                    plan.Replies.Add(new Reply(ReplyKind.Queried));
                    plan.Replies.Add(new Reply(ReplyKind.Ready));
                    break;
                case 'P':
                    await ParseAsync(unit, message, plan).ConfigureAwait(false);
                    break;
                case 'B':
                    await BindAsync(unit, message, plan).ConfigureAwait(false);
                    break;
                case 'D':
                    Describe(unit.Span, message, plan);
                    break;
                case 'E':
                    Execute(unit.Span, message, plan);
                    break;
                case 'C':
                    Close(unit.Span, message, plan);
                    break;
                case 'S':
                    plan.EndsWithReady = true;
                    plan.Replies.Add(new Reply(ReplyKind.Ready));
                    break;
                case 'H':
                    break;
                default:
                    var rule = MessageTable.OfClient(message.Type);
                    Complain(plan, SqlState.NotSupported, $"{rule.Name} is not carried: {rule.Why}", isNoted: true);
                    // A function call is answered as a whole, like a Query.
                    plan.EndsWithReady = message.Type == (byte)'F';
                    break;
            }
            if (plan.Complaint is not null)
            {
                plan.EndsWithReady |= messages[^1].Type is (byte)'S' or (byte)'Q';
                return;
            }
        }
        // A statement that runs here is judged with its values; one that is only prepared is judged without.
        if (plan.OnlyPrepared.Count > 0 && plan.Statements.Count > 0) LeaveOutWhatRuns(plan);
        // What is left of the portals is executed later, when these bytes are gone.
        foreach (var (name, portal) in _portals)
        {
            if (portal.Values.Length > 0) _portals[name] = portal.Copied();
        }
    }

    private static void LeaveOutWhatRuns(UnitPlan plan) => plan.OnlyPrepared.RemoveAll(only => plan.Statements.Exists(ran => ReferenceEquals(ran.Statement, only.Statement)));

    private async ValueTask QueryAsync(ReadOnlyMemory<byte> text, UnitPlan plan)
    {
        if (await UnderstoodAsync(text, plan).ConfigureAwait(false) is not { } understood) return;
        foreach (var statement in understood.Statements)
        {
            if (IsNotCarried(statement, plan)) return;
            plan.Statements.Add(new UnitStatement(text, statement, []));
            Follow(statement, text, plan, isQueried: true);
            if (plan.Complaint is not null) return;
        }
    }

    private async ValueTask ParseAsync(ReadOnlyMemory<byte> unit, ClientMessage message, UnitPlan plan)
    {
        var length = ClientMessage.Parse(message.BodyOf(unit.Span), out var nameBytes).Length;
        var name = NameOf(nameBytes);
        var text = unit.Slice(message.Start + ClientMessage.HeaderLength + nameBytes.Length + 1, length);
        if (await UnderstoodAsync(text, plan).ConfigureAwait(false) is not { } understood) return;
        if (understood.Statements.Length > 1)
        {
            Complain(plan, SqlState.SyntaxError, "cannot insert multiple commands into a prepared statement");
            return;
        }
        var statement = understood.Statements.IsEmpty ? null : understood.Statements[0];
        if (statement is not null && IsNotCarried(statement, plan)) return;
        var prepared = new Prepared(text.ToArray(), statement, Portal.TypesOf(message.BodyOf(unit.Span))) { Version = version() };
        _newNames.Add((name, prepared));
        plan.Replies.Add(new Reply(ReplyKind.Parsed, name, prepared));
        if (statement is not null) plan.OnlyPrepared.Add(new UnitStatement(prepared.Text, statement));
    }

    private ValueTask BindAsync(ReadOnlyMemory<byte> unit, ClientMessage message, UnitPlan plan)
    {
        if (FindBound(unit.Span, message, out var portal) is not { } prepared) Complain(plan, SqlState.InvalidStatementName, "there is no prepared statement of this name in this session");
        // To the server both are cursors: FETCH would run what is bound here, with values that nobody judged, as what was declared (attack Q08).
        else if (portal.Length > 0 && Find(SqlStatement.CursorPrefix + portal) is not null) Complain(plan, SqlState.InvalidCursorName, "a cursor of this name was declared in this session");
        else if (prepared.Version != version()) return BindRenewedAsync(prepared, portal, unit, message, plan);
        else Bind(prepared, portal, unit, message, plan);
        return default;
    }

    private async ValueTask BindRenewedAsync(Prepared prepared, string portal, ReadOnlyMemory<byte> unit, ClientMessage message, UnitPlan plan)
    {
        if (await RenewedAsync(prepared, plan).ConfigureAwait(false) is not { } renewed) return;
        // One of this unit is known only once the server has taken it.
        var name = NameOf(ClientMessage.Bind(message.BodyOf(unit.Span)).Statement);
        if (ReferenceEquals(names.Find(name), prepared)) names.Set(name, renewed);
        Bind(renewed, portal, unit, message, plan);
    }

    private void Bind(Prepared prepared, string portal, ReadOnlyMemory<byte> unit, in ClientMessage message, UnitPlan plan)
    {
        if (_portals.Count >= MostPortals)
        {
            Complain(plan, SqlState.LimitExceeded, $"more than {MostPortals} portals wait to be executed");
            return;
        }
        _portals[portal] = Portal.Read(prepared, unit, message);
        plan.Replies.Add(new Reply(ReplyKind.Bound));
    }

    /// <summary>
    /// The same text under what names mean now. The server, too, looks its names up anew once something changed; an old reading would be
    /// judged as what it no longer does.
    /// </summary>
    private async ValueTask<Prepared?> RenewedAsync(Prepared prepared, UnitPlan plan)
    {
        if (prepared.IsOfText)
        {
            Complain(plan, SqlState.InvalidStatementName, "what names mean has changed since this was prepared; prepare it again");
            return null;
        }
        if (await UnderstoodAsync(prepared.Text, plan).ConfigureAwait(false) is not { } understood) return null;
        return new Prepared(prepared.Text, understood.Statements.IsEmpty ? null : understood.Statements[0], prepared.Types) { Version = version() };
    }

    private void Describe(ReadOnlySpan<byte> unit, in ClientMessage message, UnitPlan plan)
    {
        var name = ClientMessage.Named(message.BodyOf(unit), out var isPortal);
        if (isPortal)
        {
            if (_portals.TryGetValue(NameOf(name), out var portal)) plan.Replies.Add(new Reply(ReplyKind.PortalDescribed, Portal: portal));
            else Complain(plan, SqlState.InvalidCursorName, "there is no portal of this name in this session");
        }
        else if (Find(name) is { } prepared)
        {
            plan.Replies.Add(new Reply(ReplyKind.StatementDescribed, Prepared: prepared));
        }
        else
        {
            Complain(plan, SqlState.InvalidStatementName, "there is no prepared statement of this name in this session");
        }
    }

    private void Execute(ReadOnlySpan<byte> unit, in ClientMessage message, UnitPlan plan)
    {
        var name = ClientMessage.Execute(message.BodyOf(unit), out var limit);
        if (limit != 0)
        {
            Complain(plan, SqlState.NotSupported, "an Execute with a row limit is not carried; fetch all rows at once, or write the limit into the statement", isNoted: true);
            return;
        }
        // Once executed it is over: a second Execute would be a second operation with nothing to judge it by.
        if (!_portals.Remove(NameOf(name), out var portal))
        {
            Complain(plan, SqlState.InvalidCursorName, "there is no portal of this name in this session that was not executed");
            return;
        }
        if (portal.Prepared.Statement is { } statement)
        {
            plan.Statements.Add(new UnitStatement(portal.Prepared.Text, statement, portal.Values));
            Follow(statement, portal.Prepared.Text, plan, isQueried: false);
            if (plan.Complaint is not null) return;
        }
        if (portal.Rows is null && !portal.HasNoRows && statement_MayReturnRows(portal) && !IsDescribed(portal, plan))
        {
            plan.Additions.Add((message.Start, DescribePortal(name)));
            plan.Replies.Add(new Reply(ReplyKind.PortalDescribed, Portal: portal, IsOwn: true));
        }
        plan.Replies.Add(new Reply(ReplyKind.Executed, Portal: portal));
        plan.Results.Add(IsDescribed(portal, plan) ? null : portal.Rows ??= RowPlan.Of(portal.Prepared, portal.Formats));

        static bool statement_MayReturnRows(Portal portal) => portal.Prepared.Statement?.MayReturnRows == true && !portal.Prepared.HasNoRows && portal.Prepared.Description is null;
    }

    private void Close(ReadOnlySpan<byte> unit, in ClientMessage message, UnitPlan plan)
    {
        var name = NameOf(ClientMessage.Named(message.BodyOf(unit), out var isPortal));
        if (isPortal)
        {
            _portals.Remove(name);
        }
        else
        {
            _newNames.Add((name, null));
            // Forgotten at once: should the server not get to it, the name is refused here all the same.
            names.Remove(name);
        }
        plan.Replies.Add(new Reply(ReplyKind.Closed));
    }

    /// <summary>Statements whose answers the message table refuses: they are not even asked.</summary>
    private static bool IsNotCarried(SqlStatement statement, UnitPlan plan)
    {
        var what = statement.Kind switch
        {
            var kind when kind.StartsWith("copy", StringComparison.Ordinal) => "COPY is not carried yet; use INSERT and SELECT",
            "listen" or "unlisten" => "notifications are not carried; they are a way between sessions that nobody judges",
            _ => null,
        };
        if (what is not null) Complain(plan, SqlState.NotSupported, what, isNoted: true);
        return what is not null;
    }

    /// <summary>Statements of SQL that deal with names of prepared statements.</summary>
    private void Follow(SqlStatement statement, ReadOnlyMemory<byte> text, UnitPlan plan, bool isQueried)
    {
        if (Moved.Concern(statement) || plan.Moved.Concern(statement))
        {
            ComplainOfMoved(plan);
            return;
        }
        plan.WritesCatalogue |= statement.WritesCatalogue;
        plan.Moved.Note(statement);
        var runs = statement;
        if (statement.Prepares is { } prepares)
        {
            var prepared = new Prepared(text.ToArray(), statement.Prepared, []) { Version = version(), IsOfText = true };
            _newNames.Add((prepares, prepared));
            plan.Names.Add((prepares, prepared));
        }
        if (statement.Deallocates is { } forgotten)
        {
            _newNames.Add((forgotten, null));
            plan.Names.Add((forgotten, null));
        }
        if (statement.Executes is { } executes)
        {
            if (Find(executes) is not { Statement: { } inner } known)
            {
                Complain(plan, SqlState.InvalidStatementName, "there is no prepared statement of this name in this session");
                return;
            }
            // A cursor goes on as it was opened; what was prepared is planned anew when names change.
            if (!executes.StartsWith(SqlStatement.CursorPrefix, StringComparison.Ordinal))
            {
                if (known.Version != version()) Complain(plan, SqlState.InvalidStatementName, "what names mean has changed since this was prepared; prepare it again");
                else if (Moved.Concern(inner) || plan.Moved.Concern(inner)) ComplainOfMoved(plan);
                if (plan.Complaint is not null) return;
            }
            runs = inner;
            plan.Statements.Add(new UnitStatement(known.Text, inner));
        }
        if (isQueried) plan.Queried.Add(runs);
    }

    private async ValueTask<StatementReading.Understood?> UnderstoodAsync(ReadOnlyMemory<byte> text, UnitPlan plan)
    {
        switch (await read(text).ConfigureAwait(false))
        {
            case StatementReading.Understood understood:
                return understood;
            case StatementReading.Invalid invalid:
                plan.Complaint = new Report(OwnMessages.Error, SqlState.SyntaxError, invalid.Message) { Position = invalid.Position };
                return null;
            case StatementReading.Undecidable undecidable:
                Complain(plan, SqlState.NotPermitted, $"what this statement does cannot be told: {undecidable.Reason}", isNoted: true);
                return null;
            default:
                Complain(plan, SqlState.NotPermitted, "what this statement does cannot be told", isNoted: true);
                return null;
        }
    }

    private Prepared? FindBound(ReadOnlySpan<byte> unit, in ClientMessage message, out string portal)
    {
        var bound = ClientMessage.Bind(message.BodyOf(unit));
        portal = NameOf(bound.Portal);
        return Find(bound.Statement);
    }

    private Prepared? Find(ReadOnlySpan<byte> name)
    {
        if (_newNames.Count == 0) return names.Find(name);
        return Find(NameOf(name));
    }

    private Prepared? Find(string name)
    {
        for (var i = _newNames.Count - 1; i >= 0; i--)
        {
            if (string.Equals(_newNames[i].Name, name, StringComparison.Ordinal)) return _newNames[i].Prepared;
        }
        return names.Find(name);
    }

    private static bool IsDescribed(Portal portal, UnitPlan plan)
    {
        foreach (var reply in plan.Replies)
        {
            if (reply.Kind == ReplyKind.PortalDescribed && ReferenceEquals(reply.Portal, portal)) return true;
        }
        return false;
    }

    private static byte[] DescribePortal(ReadOnlySpan<byte> name) => [(byte)'D', 0, 0, 0, (byte)(4 + 1 + name.Length + 1), (byte)'P', .. name, 0];

    private static void Complain(UnitPlan plan, string code, string message, bool isNoted = false)
    {
        plan.Complaint = new Report(OwnMessages.Error, code, message)
        {
            Detail = isNoted ? "Nothing of it was forwarded." : null,
            Hint = isNoted ? "Repeating it unchanged will not help." : null,
        };
        if (isNoted) plan.Noted = message;
    }

    private static void ComplainOfMoved(UnitPlan plan) =>
        Complain(plan, SqlState.NotPermitted, "what this statement does cannot be told: one before it in the same transaction renamed, dropped or replaced what it names; send COMMIT first", isNoted: true);

    private static string NameOf(ReadOnlySpan<byte> name) => name.IsEmpty ? "" : Encoding.UTF8.GetString(name);
}
