using System.Collections.Immutable;
using System.Text;
using Postern.Core.Operations;
using Postern.Protocols.Postgres;
using Postern.Protocols.Postgres.Sql;
using Postern.Protocols.Postgres.Wire;
using Postern.Tests.Postgres.Wire;

namespace Postern.Tests.Postgres;

public sealed class UnitReaderTests
{
    private readonly PreparedNames _names = new();
    private readonly UnitPlan _plan = new();
    private readonly UnitReader _reader;
    private string _version = "1";

    public UnitReaderTests() => _reader = new UnitReader(_names, Read, () => _version);

    [Fact]
    public async Task All_that_runs_in_a_unit_is_judged_with_its_values_before_any_of_it_is_forwarded()
    {
        await ReadAsync(Messages.Parse("", "select $1", 23), Messages.Bind("", "", "7"), Messages.Describe('P', ""), Messages.Execute(""), Messages.Bind("", "", "8"), Messages.Execute(""), Messages.Sync);
        Assert.Null(_plan.Complaint);
        Assert.Empty(_plan.OnlyPrepared);
        Assert.Equal(["7", "8"], _plan.Statements.Select(statement => Encoding.UTF8.GetString(Assert.Single(statement.Values).Content.Span)));
        Assert.All(_plan.Statements, statement => Assert.Equal(23u, statement.Values[0].Type));
        Assert.True(_plan.EndsWithReady);
    }

    [Fact]
    public async Task What_is_only_prepared_is_considered_apart()
    {
        await ReadAsync(Messages.Parse("a", "select $1"), Messages.Describe('S', "a"), Messages.Sync);
        Assert.Empty(_plan.Statements);
        Assert.Equal("select", Assert.Single(_plan.OnlyPrepared).Statement.Kind);
        Assert.True(_plan.OnlyPrepared[0].Values.IsDefault);
    }

    [Fact]
    [Row("Q08")]
    public async Task A_name_stands_for_what_was_judged_in_this_session_or_for_nothing()
    {
        await ReadAsync(Messages.Bind("", "made_elsewhere"), Messages.Execute(""), Messages.Sync);
        Assert.Equal(SqlState.InvalidStatementName, _plan.Complaint?.Code);
        await ReadAsync(Messages.Describe('S', "made_elsewhere"), Messages.Sync);
        Assert.Equal(SqlState.InvalidStatementName, _plan.Complaint?.Code);
        await ReadAsync(Messages.Query("execute made_elsewhere"));
        Assert.Equal(SqlState.InvalidStatementName, _plan.Complaint?.Code);
    }

    [Fact]
    [Row("Q08")]
    public async Task A_name_is_known_only_once_the_server_has_taken_it()
    {
        await ReadAsync(Messages.Parse("a", "select 1"), Messages.Sync);
        await ReadAsync(Messages.Bind("", "a"), Messages.Execute(""), Messages.Sync);
        // The server never said ParseComplete: what it knows under the name is not known here.
        Assert.Equal(SqlState.InvalidStatementName, _plan.Complaint?.Code);
    }

    [Fact]
    [Row("Q08")]
    public async Task Within_a_unit_the_newest_meaning_of_a_name_counts_and_a_closed_one_has_none()
    {
        _names.Set("a", new Prepared("select 1"u8.ToArray(), Statement("select"), []) { Version = "1" });
        await ReadAsync(Messages.Parse("a", "delete from t"), Messages.Bind("", "a"), Messages.Execute(""), Messages.Sync);
        Assert.Equal("delete", Assert.Single(_plan.Statements).Statement.Kind);
        await ReadAsync(Messages.Close('S', "a"), Messages.Bind("", "a"), Messages.Execute(""), Messages.Sync);
        Assert.Equal(SqlState.InvalidStatementName, _plan.Complaint?.Code);
        await ReadAsync(Messages.Bind("", "a"), Messages.Execute(""), Messages.Sync);
        Assert.Equal(SqlState.InvalidStatementName, _plan.Complaint?.Code);
    }

    [Fact]
    [Row("Q08")]
    public async Task An_EXECUTE_of_SQL_is_judged_as_what_was_prepared()
    {
        _names.Set("gone", new Prepared("delete from t"u8.ToArray(), Statement("delete"), []) { Version = "1" });
        await ReadAsync(Messages.Query("execute gone"));
        Assert.Equal(["execute", "delete"], _plan.Statements.Select(statement => statement.Statement.Kind));
        await ReadAsync(Messages.Query("prepare p; execute p; deallocate p"));
        Assert.Equal(["prepare", "execute", "update", "deallocate"], _plan.Statements.Select(statement => statement.Statement.Kind));
        Assert.Equal(["p", "p"], _plan.Names.Select(name => name.Name));
    }

    [Fact]
    public async Task A_portal_is_executed_once_with_the_values_that_it_was_bound_with()
    {
        _names.Set("a", new Prepared("select $1"u8.ToArray(), Statement("select", parameters: 1), []) { Version = "1" });
        await ReadAsync(Messages.Bind("p", "a", "kept"), Messages.Flush);
        Assert.Empty(_plan.Statements);
        await ReadAsync(Messages.Execute("p"), Messages.Sync);
        Assert.Equal("kept", Encoding.UTF8.GetString(Assert.Single(Assert.Single(_plan.Statements).Values).Content.Span));
        await ReadAsync(Messages.Execute("p"), Messages.Sync);
        Assert.Equal(SqlState.InvalidCursorName, _plan.Complaint?.Code);
    }

    [Fact]
    public async Task Portals_end_with_their_transaction()
    {
        _names.Set("a", new Prepared("select 1"u8.ToArray(), Statement("select"), []) { Version = "1" });
        await ReadAsync(Messages.Bind("p", "a"), Messages.Flush);
        _reader.ForgetPortals();
        await ReadAsync(Messages.Execute("p"), Messages.Sync);
        Assert.Equal(SqlState.InvalidCursorName, _plan.Complaint?.Code);
    }

    [Fact]
    public async Task Rows_that_nobody_described_are_described_for_the_gateway_itself()
    {
        await ReadAsync(Messages.Parse("", "select 1"), Messages.Bind("", ""), Messages.Execute(""), Messages.Sync);
        Assert.Single(_plan.Additions);
        Assert.Contains(_plan.Replies, reply => reply is { Kind: ReplyKind.PortalDescribed, IsOwn: true });
        await ReadAsync(Messages.Parse("", "select 1"), Messages.Bind("", ""), Messages.Describe('P', ""), Messages.Execute(""), Messages.Sync);
        Assert.Empty(_plan.Additions);
    }

    [Fact]
    [Row("Q10")]
    public async Task What_is_not_carried_is_refused_with_its_name()
    {
        await ReadAsync(Messages.Of('F', Messages.Int32(1)));
        Assert.Equal(SqlState.NotSupported, _plan.Complaint?.Code);
        Assert.Contains("FunctionCall", _plan.Complaint!.Message, StringComparison.Ordinal);
        Assert.True(_plan.EndsWithReady);
        _names.Set("a", new Prepared("select 1"u8.ToArray(), Statement("select"), []) { Version = "1" });
        await ReadAsync(Messages.Bind("", "a"), Messages.Execute("", limit: 10), Messages.Sync);
        Assert.Equal(SqlState.NotSupported, _plan.Complaint?.Code);
        await ReadAsync(Messages.Query("copy t"));
        Assert.Equal(SqlState.NotSupported, _plan.Complaint?.Code);
    }

    [Fact]
    [Row("Q04")]
    public async Task A_prepared_statement_holds_one_command()
    {
        await ReadAsync(Messages.Parse("", "select 1; delete from t"), Messages.Sync);
        Assert.Equal(SqlState.SyntaxError, _plan.Complaint?.Code);
    }

    [Fact]
    public async Task What_is_not_understood_is_refused_and_noted_and_a_syntax_error_has_its_place()
    {
        await ReadAsync(Messages.Query("mystery"));
        Assert.Equal(SqlState.NotPermitted, _plan.Complaint?.Code);
        Assert.NotNull(_plan.Noted);
        await ReadAsync(Messages.Query("syntax"));
        Assert.Equal(SqlState.SyntaxError, _plan.Complaint?.Code);
        Assert.Equal(3, _plan.Complaint!.Position);
        Assert.Null(_plan.Noted);
    }

    [Theory]
    [InlineData("fetch")]
    [InlineData("move")]
    [Row("Q08")]
    public async Task What_a_Bind_made_is_no_cursor_that_a_text_may_run(string how)
    {
        _names.Set("a", new Prepared("delete from t where id = $1"u8.ToArray(), Statement("delete", parameters: 1), []) { Version = "1" });
        await ReadAsync(Messages.Bind("p", "a", "7"), Messages.Sync);
        Assert.Empty(_plan.Statements);
        await ReadAsync(Messages.Query($"{how} p"));
        Assert.Equal(SqlState.InvalidStatementName, _plan.Complaint?.Code);
    }

    [Fact]
    [Row("Q08")]
    public async Task A_portal_does_not_take_the_name_of_a_cursor_that_was_judged()
    {
        _names.Set("a", new Prepared("delete from t"u8.ToArray(), Statement("delete"), []) { Version = "1" });
        _names.Set(SqlStatement.CursorPrefix + "c", new Prepared("declare"u8.ToArray(), Statement("select"), []) { Version = "0" });
        await ReadAsync(Messages.Query("fetch c"));
        Assert.Equal(["fetch", "select"], _plan.Statements.Select(statement => statement.Statement.Kind));
        await ReadAsync(Messages.Bind("c", "a"), Messages.Sync);
        Assert.Equal(SqlState.InvalidCursorName, _plan.Complaint?.Code);
    }

    [Fact]
    [Row("Q08")]
    public async Task What_was_prepared_under_other_names_is_read_again()
    {
        var old = new Prepared("select 1"u8.ToArray(), Statement("delete"), []) { Version = "1" };
        _names.Set("a", old);
        _version = "2";
        await ReadAsync(Messages.Bind("", "a"), Messages.Execute(""), Messages.Sync);
        Assert.Equal("select", Assert.Single(_plan.Statements).Statement.Kind);
        Assert.Equal("2", _names.Find("a")!.Version);
        _names.Set("a", old);
        await ReadAsync(Messages.Query("execute a"));
        Assert.Equal(SqlState.InvalidStatementName, _plan.Complaint?.Code);
    }

    [Fact]
    [Row("Q04")]
    public async Task What_a_statement_names_is_not_what_one_before_it_in_the_same_transaction_dropped()
    {
        await ReadAsync(Messages.Parse("", "drop public.t"), Messages.Bind("", ""), Messages.Execute(""), Messages.Parse("", "delete public.t"), Messages.Bind("", ""), Messages.Execute(""), Messages.Sync);
        Assert.Equal(SqlState.NotPermitted, _plan.Complaint?.Code);
        await ReadAsync(Messages.Query("drop public.t"));
        _reader.Moved.Take(_plan.Moved);
        await ReadAsync(Messages.Query("select public.u"));
        Assert.Null(_plan.Complaint);
        await ReadAsync(Messages.Query("select hr.t"));
        Assert.Equal(SqlState.NotPermitted, _plan.Complaint?.Code);
        _reader.Moved.Clear();
        await ReadAsync(Messages.Query("select hr.t"));
        Assert.Null(_plan.Complaint);
    }

    [Fact]
    public void The_texts_of_prepared_statements_have_a_sum()
    {
        for (var i = 0; i < 16; i++) Assert.True(_names.Set($"s{i}", new Prepared(new byte[1 << 20], Statement("select"), []) { Version = "1" }));
        Assert.False(_names.Set("one_more", new Prepared(new byte[1], Statement("select"), []) { Version = "1" }));
        _names.Remove("s3");
        Assert.True(_names.Set("one_more", new Prepared(new byte[1], Statement("select"), []) { Version = "1" }));
    }

    private async Task ReadAsync(params byte[][] messages)
    {
        var (unit, at, list) = (messages.SelectMany(bytes => bytes).ToArray(), 0, new List<ClientMessage>());
        foreach (var message in messages)
        {
            list.Add(new ClientMessage(message[0], at, message.Length));
            at += message.Length;
        }
        await _reader.ReadAsync(unit, list, _plan);
        if (_plan.Complaint is not null) _reader.ForgetPortals();
    }

    // The real reader has tests of its own; here its answers are what matters, and they are made by its own types.
    private static ValueTask<StatementReading> Read(ReadOnlyMemory<byte> sql)
    {
        var text = Encoding.UTF8.GetString(sql.Span);
        if (text == "mystery") return new(new StatementReading.Undecidable("a mystery"));
        if (text == "syntax") return new(new StatementReading.Invalid("syntax error", 3));
        var statements = ImmutableArray.CreateBuilder<SqlStatement>();
        foreach (var one in text.Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            var words = one.Split(' ');
            statements.Add(words[0] switch
            {
                "prepare" => Statement("prepare", prepares: words[1]),
                "execute" => Statement("execute", executes: words[1]),
                "deallocate" => Statement("deallocate", deallocates: words[1]),
                "fetch" or "move" => Statement(words[0], executes: SqlStatement.CursorPrefix + words[1]),
                var kind when words.Length > 1 && words[1].Contains('.') => Statement(kind, table: words[1]),
                var kind => Statement(kind, parameters: one.Contains('$') ? 1 : 0),
            });
        }
        return new(new StatementReading.Understood(statements.ToImmutable()));
    }

    private static SqlStatement Statement(string kind, int parameters = 0, string? prepares = null, string? executes = null, string? deallocates = null, string? table = null) => new()
    {
        Kind = kind,
        Parts = [new Part { Action = "postgres." + kind, Facts = table is null ? [] : [Fact.Of(SqlVocabulary.Table, table)] }],
        ParameterCount = parameters,
        MayReturnRows = kind == "select",
        Prepares = prepares,
        Prepared = prepares is null ? null : Statement("update"),
        Executes = executes,
        Deallocates = deallocates,
    };
}
