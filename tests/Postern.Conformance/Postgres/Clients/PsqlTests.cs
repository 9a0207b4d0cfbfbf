using Postern.Tests;

namespace Postern.Conformance.Postgres.Clients;

/// <summary>psql, unchanged, with the person's token as its password.</summary>
public sealed class PsqlTests(SharedCluster shared)
{
    private const string Redacted = "[masked:customer-pii]";

    [Fact]
    [Guarantee("G11")]
    public async Task It_reads_what_policy_allows_with_the_masked_columns_masked()
    {
        await using var bed = await PostgresBed.StartAsync(shared);

        var run = await bed.PsqlAsync("select id, name, email, card, city from customers order by id", "select 1; select 'two', 3");

        Assert.Equal("", run.Error);
        Assert.Equal(["1|Ada|" + Redacted + "|" + Redacted + "|London", "2|Grace|" + Redacted + "||New York", "1", "two|3"], Lines(run.Out));
    }

    [Theory]
    [InlineData("\\dt", "customers")]
    [InlineData("\\d customers", "card")]
    [InlineData("\\d+ orders", "numeric(10,2)")]
    [InlineData("\\dv", "contacts")]
    [InlineData("\\di", "customers_pkey")]
    [InlineData("\\dn", "public")]
    [InlineData("\\df", "")]
    [InlineData("\\dT", "")]
    [InlineData("\\du", "app")]
    [InlineData("\\l", "UTF8")]
    [InlineData("\\conninfo", "target")]
    public async Task Its_commands_that_look_around_work(string command, string expected)
    {
        await using var bed = await PostgresBed.StartAsync(shared);

        var run = await bed.PsqlAsync(command);

        Assert.True(run.ExitCode == 0, run.Error);
        Assert.Contains(expected, run.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_error_of_the_server_is_an_error_of_the_statement_and_the_session_goes_on()
    {
        await using var bed = await PostgresBed.StartAsync(shared);

        var run = await bed.PsqlAsync("select 1/0", "\\echo :LAST_ERROR_SQLSTATE", "selec 1", "\\echo :LAST_ERROR_SQLSTATE", "select 'alive'");

        Assert.Contains("division by zero", run.Error, StringComparison.Ordinal);
        Assert.Contains("syntax error", run.Error, StringComparison.Ordinal);
        Assert.Equal(["22012", "42601", "alive"], Lines(run.Out));
    }

    [Fact]
    public async Task A_refusal_says_why_in_its_own_fields_and_the_session_goes_on()
    {
        await using var bed = await PostgresBed.StartAsync(shared);

        var run = await bed.PsqlAsync("select amount from salaries", "\\echo :LAST_ERROR_SQLSTATE", "select 'alive'", "update orders set note = 'x'", "\\echo :LAST_ERROR_SQLSTATE");

        Assert.Equal(["42501", "alive", "42501"], Lines(run.Out));
        Assert.Contains("ERROR:", run.Error, StringComparison.Ordinal);
        Assert.Contains("DETAIL:", run.Error, StringComparison.Ordinal);
        Assert.Contains("HINT:", run.Error, StringComparison.Ordinal);
        Assert.Contains("say which rows are meant", run.Error, StringComparison.Ordinal);
        Assert.Contains("update with where", run.Error, StringComparison.Ordinal);
        Assert.Equal("0", await bed.TruthAsync("select count(*) from orders where note = 'x'"));
    }

    [Fact]
    public async Task Transactions_are_the_servers_own_and_a_refusal_in_one_does_not_end_it()
    {
        await using var bed = await PostgresBed.StartAsync(shared);

        var run = await bed.PsqlAsync(
            "begin", "insert into orders values (100, 1, 5, 'kept')", "delete from customers", "select count(*) from orders where id = 100", "commit",
            "begin", "insert into orders values (101, 1, 5, 'dropped')", "rollback",
            "begin", "insert into orders values (102, 1, 5, 'kept')", "savepoint s", "select 1/0", "rollback to s", "commit");

        Assert.Equal(["BEGIN", "INSERT 0 1", "1", "COMMIT", "BEGIN", "INSERT 0 1", "ROLLBACK", "BEGIN", "INSERT 0 1", "SAVEPOINT", "ROLLBACK", "COMMIT"], Lines(run.Out));
        Assert.Equal("100,102", await bed.TruthAsync("select string_agg(id::text, ',' order by id) from orders where id >= 100"));
    }

    [Fact]
    [Row("Q04")]
    public async Task Of_a_text_with_several_statements_nothing_runs_when_one_is_refused()
    {
        await using var bed = await PostgresBed.StartAsync(shared);

        var run = await bed.PsqlAsync("insert into orders values (200, 1, 5, 'x'); /* ; */ delete from customers -- ;", "insert into orders values (201, 1, 5, 'a;b'); update orders set note = 'c' where id = 201; select note from orders where id = 201");

        Assert.Contains("ERROR:", run.Error, StringComparison.Ordinal);
        Assert.Equal("c", Lines(run.Out)[^1]);
        Assert.Equal("201", await bed.TruthAsync("select string_agg(id::text, ',') from orders where id >= 200"));
    }

    [Theory]
    [InlineData("\\copy customers to '/dev/null'")]
    [InlineData("copy customers to stdout")]
    [InlineData("copy orders from program 'true'")]
    [Row("Q16")]
    public async Task Copy_is_refused_and_the_session_goes_on(string command)
    {
        await using var bed = await PostgresBed.StartAsync(shared);

        var run = await bed.PsqlAsync(command, "select 'alive'");

        Assert.Contains("ERROR:", run.Error, StringComparison.Ordinal);
        Assert.Equal("alive", Lines(run.Out)[^1]);
        Assert.DoesNotContain(PostgresBed.Email, run.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Prepared_statements_of_the_language_are_judged_by_what_they_hold()
    {
        await using var bed = await PostgresBed.StartAsync(shared);

        var run = await bed.PsqlAsync("prepare one (int) as select name, email from customers where id = $1", "execute one (1)", "prepare two as delete from customers", "execute two", "deallocate one", "execute one (1)", "select 'alive'");

        Assert.Contains("Ada|" + Redacted, run.Out, StringComparison.Ordinal);
        Assert.Equal("alive", Lines(run.Out)[^1]);
        Assert.Equal("2", await bed.TruthAsync("select count(*) from customers"));
    }

    [Fact]
    [Row("M10")]
    public async Task No_way_of_writing_a_masked_column_gives_its_value()
    {
        await using var bed = await PostgresBed.StartAsync(shared);
        string[] ways =
        [
            "select secret as e from customers", "select secret::text from customers", "select upper(secret) from customers", "select c.secret from (select * from customers) c",
            "with x as (select secret as y from customers) select y from x", "select row_to_json(c) from customers c", "select c from customers c", "select array_agg(secret) from customers",
            "select substr(secret, 1, 5) from customers", "select secret || '' from customers", "select reverse(secret) from customers", "select encode(secret::bytea, 'hex') from customers",
            "select coalesce(secret, 'x') from customers", "select case when true then secret end from customers", "select secret from customers union select city from customers", "select max(secret) from customers",
            "select query_to_xml('select secret from customers', true, false, '')", "select secret from contacts", "select * from contacts", "table contacts", "select (select secret from customers where id = 1)",
            "select to_jsonb(contacts) from contacts", "insert into orders select 900 + id, id, 1, secret from customers returning note", "insert into orders select 910 + id, id, 1, secret from contacts returning note", "select note from orders where id > 900", "select string_agg(secret, ',') from customers", "values ((select secret from customers where id = 1))",
            "select secret from customers order by 1 limit 1", "select first_value(secret) over () from customers", "select x.* from customers c cross join lateral (select c.secret) x", "select customers.* from customers",
            "select md5(secret) from customers", "select convert_to(secret, 'UTF8') from customers", "select secret::varchar(10) from customers", "select format('%s', secret) from customers",
            "insert into orders select 920, 1, 1, secret from customers where id = 1", "select note from orders where id >= 900", "update orders set note = c.secret from customers c where c.id = 1 and orders.id = 2", "select note from orders where id = 2",
            "select loud from contacts", "select 1 / (case when secret = 'quokka-seventy' then 0 else 1 end) from customers", "select secret::int from customers", "select * from customers natural join (select secret from customers) x",
            "prepare p as select secret from customers", "execute p", "explain analyze select secret from customers", "explain (verbose) select secret from customers where secret > 'a'", "select most_common_vals from pg_stats where tablename = 'customers'",
            "create temp table t as select secret from customers", "select secret into temp t2 from customers", "select * from t", "do $$ begin raise notice '%', (select secret from customers limit 1); end $$", "declare c cursor for select secret from customers", "fetch 1 from c",
        ];

        var run = await bed.PsqlAsync(ways);

        var told = run.Out + run.Error;
        foreach (var piece in (string[])[PostgresBed.Secret, PostgresBed.Secret.ToUpperInvariant(), "quokk", "QUOKK", "ytneves", Convert.ToHexStringLower(System.Text.Encoding.ASCII.GetBytes("quokka"))])
        {
            Assert.DoesNotContain(piece, told, StringComparison.Ordinal);
        }
        Assert.DoesNotContain(Convert.ToHexStringLower(System.Security.Cryptography.MD5.HashData(System.Text.Encoding.ASCII.GetBytes(PostgresBed.Secret))), told, StringComparison.Ordinal);
        var recording = await bed.StopAsync();
        Assert.Null(recording.Problem);
        Assert.DoesNotContain(PostgresBed.Secret, recording.Everything.Replace("'quokka-seventy'", "", StringComparison.Ordinal), StringComparison.Ordinal);
    }

    private static string[] Lines(string text) => text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
}
