using System.Text;
using Postern.Core.Operations;
using Postern.Core.Policy;
using Postern.Core.Policy.Testing;
using Postern.Protocols.Postgres;
using Postern.Protocols.Postgres.Sql;
using Postern.Tests.Gateway;

namespace Postern.Tests.Postgres.Sql;

/// <summary>Policies that speak of SQL, and their own tests, without a database.</summary>
public sealed class SqlPolicyTests
{
    private static readonly PolicyEnvironment Environment = new()
    {
        Vocabularies = [SqlVocabulary.Instance],
        Connections = [new Connection("orders-db", "postgres", "db:5432", ["prod"])],
        Issuers = ["corp"],
        HashKey = new byte[32],
    };

    private const string Rules = """
        version: 1
        rules:
          - { id: read, who: anyone, on: { connection: orders-db, statements: [select], tables: [public.orders, "shop.*"], columns: ["public.orders.*", "shop.*.*"] }, then: allow }
          - { id: write, who: anyone, on: { connection: orders-db, statements: [insert, update], tables: [public.orders] }, when: sql.kind == 'insert' || sql.has_where, then: allow }
          - { id: small, who: anyone, on: { connection: orders-db, statements: [delete], tables: [public.orders] }, when: has(params.p1) && params.p1 < 100, then: allow }
          - { id: totals, who: anyone, on: { connection: orders-db, functions: [public.total_of] }, then: allow }
          - { id: all-of-admins, who: { groups: [admins] }, on: { connection: orders-db, everything: true }, then: allow }
          - { id: opaque-for-sre, who: { groups: [sre] }, on: { connection: orders-db, statements: [opaque, set_role, copy_program, set], tables: ["**"] }, then: allow }
          - { id: files-for-sre, who: { groups: [sre] }, on: { connection: orders-db, functions: [pg_catalog.pg_read_file] }, then: allow }
          - { id: never-drop, then: deny, on: { statements: [drop, truncate] } }
          - { id: no-cards, then: deny, on: { columns: [public.customers.card] } }
        definitions:
          orders-db:
            columns: [public.orders.id, public.orders.total, public.customers.id, public.customers.card, shop.items.id]
            functions: [public.total_of]
        tests:

        """;

    [Theory]
    [InlineData("select id from orders", "allow", "read")]
    [InlineData("select o.id from orders o join shop.items i on i.id = o.id", "allow", "read")]
    [InlineData("select id from customers", "deny", null)]
    [InlineData("select o.id from orders o join customers c on c.id = o.id", "deny", null)]
    [InlineData("select 1", "allow", null)]
    [InlineData("begin; select 1; commit", "allow", null)]
    [InlineData("set statement_timeout = 5", "allow", null)]
    [InlineData("show server_version", "allow", null)]
    [InlineData("insert into orders (id) values (1)", "allow", "write")]
    [InlineData("update orders set total = 1", "deny", null)]
    [InlineData("update orders set total = 1 where id = 5", "allow", null)]
    [InlineData("with x as (update orders set total = 1 returning *) select * from x", "deny", null)]
    [InlineData("select id from orders; update orders set total = 1", "deny", null)]
    [InlineData("insert into orders (id) select id from customers", "deny", null)]
    [InlineData("select public.total_of(1)", "allow", "totals")]
    [InlineData("select total_of(id) from customers", "deny", null)]
    [InlineData("select pg_read_file('x')", "deny", null)]
    [InlineData("do $$ begin end $$", "deny", null)]
    [InlineData("set role x", "deny", null)]
    [InlineData("drop table orders", "deny", "never-drop")]
    [InlineData("truncate orders", "deny", "never-drop")]
    [InlineData("select most_common_vals from pg_stats", "deny", null)]
    [InlineData("select typname from pg_type", "allow", null)]
    [InlineData("explain select id from orders", "deny", null)]
    [InlineData("explain analyze delete from orders", "deny", null)]
    [Row("Q01"), Row("Q02"), Row("Q03"), Row("Q04"), Row("Q19")]
    public void A_policy_decides_what_a_text_does(string sql, string decision, string? rule) => Decides("[guests]", sql, "", decision, rule);

    [Theory]
    [InlineData("select id from customers", "allow", "all-of-admins")]
    [InlineData("select card from customers", "deny", "no-cards")]
    [InlineData("select count(*) from customers where card = '4'", "deny", "no-cards")]
    [InlineData("select c from customers c", "deny", "no-cards")]
    [InlineData("delete from customers", "allow", "all-of-admins")]
    [InlineData("explain delete from customers", "allow", "all-of-admins")]
    [InlineData("select total_of(1)", "allow", null)]
    [InlineData("select pg_read_file('x')", "deny", null)]
    [InlineData("do $$ begin end $$", "deny", "no-cards")]
    [InlineData("create function f() returns int language sql as 'select 1'", "deny", "no-cards")]
    [InlineData("set role x", "deny", "no-cards")]
    [InlineData("set session_replication_role = replica", "deny", "no-cards")]
    [InlineData("copy customers (id) to program 'x'", "deny", "no-cards")]
    [InlineData("grant select on orders to public", "deny", "no-cards")]
    [InlineData("drop table orders", "deny", "never-drop")]
    [Row("Q02"), Row("Q03"), Row("Q07"), Row("Q16")]
    public void Everything_is_not_what_must_be_named(string sql, string decision, string? rule) => Decides("[admins]", sql, "", decision, rule);

    [Theory]
    [InlineData("select pg_read_file('x')", "allow", "files-for-sre")]
    [InlineData("select pg_read_binary_file('x')", "deny", null)]
    [InlineData("notify x", "deny", "no-cards")]
    public void What_is_named_is_permitted(string sql, string decision, string? rule) => Decides("[sre]", sql, "", decision, rule);

    [Theory]
    [InlineData("[5]", "allow", null)]
    [InlineData("[500]", "deny", null)]
    [InlineData("[\"5\"]", "deny", null)]
    [InlineData("[null]", "deny", null)]
    public void Bound_values_are_judged(string values, string decision, string? rule) => Decides("[guests]", "delete from orders where id = $1", ", params: " + values, decision, rule);

    [Fact]
    public void What_cannot_be_decided_is_said_in_the_test()
    {
        var run = Run("[guests]", "select id from nowhere", "", "deny", null);

        Assert.Contains("`nowhere`", run.Results[0].Detail, StringComparison.Ordinal);
        Assert.False(run.IsPassed);
    }

    [Theory]
    [InlineData("statements: [selct], tables: [\"**\"]", "selct")]
    [InlineData("statements: [select]", "tables")]
    [InlineData("tables: [public.orders]", "statements")]
    public void Words_that_do_not_exist_and_keys_that_miss_are_errors(string entry, string named)
    {
        var run = PolicyTests.Run([new PolicyFile("p.yaml", $"version: 1\nrules:\n  - {{ id: a, who: anyone, on: {{ connection: orders-db, {entry} }}, then: allow }}\n")], Environment, DateTimeOffset.UnixEpoch);

        Assert.Contains(run.Problems, problem => problem.Severity == ProblemSeverity.Error && problem.ToString()!.Contains(named, StringComparison.Ordinal));
    }

    [Fact]
    public void The_policy_of_the_page_loads_and_its_tests_pass()
    {
        var page = File.ReadAllText(Repository.PathOf("docs", "sql-policy.md"));
        var blocks = page.Split("```yaml\n").Skip(1).Select(block => block[..block.IndexOf("```", StringComparison.Ordinal)]);
        var run = PolicyTests.Run([new PolicyFile("page.yaml", "version: 1\n" + string.Concat(blocks))], Environment, DateTimeOffset.UnixEpoch);

        Assert.True(run.IsPassed, string.Join("\n", run.Problems.Select(problem => problem.ToString()).Concat(run.Results.Select(result => result.ToString()))));
        Assert.Equal(2, run.Results.Length);
    }

    private static void Decides(string groups, string sql, string more, string decision, string? rule)
    {
        var run = Run(groups, sql, more, decision, rule);

        Assert.Empty(run.Problems.Where(problem => problem.Severity == ProblemSeverity.Error));
        Assert.All(run.Results, result => Assert.True(result.Passed, result.ToString()));
    }

    private static PolicyTestRun Run(string groups, string sql, string more, string decision, string? rule)
    {
        var test = new StringBuilder(Rules).Append("  - { name: t, as: { groups: ").Append(groups).Append(" }, ask: { connection: orders-db, sql: \"").Append(sql).Append('"').Append(more)
            .Append(" }, expect: { decision: ").Append(decision).Append(rule is null ? "" : $", rule: {rule}").Append(" } }\n").ToString();
        return PolicyTests.Run([new PolicyFile("p.yaml", test)], Environment, DateTimeOffset.UnixEpoch);
    }
}
