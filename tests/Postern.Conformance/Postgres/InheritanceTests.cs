using Postern.Conformance.Postgres.Raw;
using Postern.Tests;

namespace Postern.Conformance.Postgres;

/// <summary>Partitions and tables that inherit, read by their own names; and the path by which names are found after a reset.</summary>
public sealed class InheritanceTests(SharedCluster shared)
{
    private const string Policy = """
        version: 1
        rules:
          - id: support-reads
            who:  { groups: [support] }
            on:   { connection: target, statements: [select, insert], tables: [public.people, public.people_a, public.people_a_1, public.retired, public.shown, public.notes] }
            then: allow
          - id: no-cards
            on:   { connection: target, columns: [public.people.card] }
            then: deny
          - id: ask-for-phones
            on:   { connection: target, columns: ["public.people.phone"] }
            then: guard
            hold: { approvers: { groups: [on-call], count: 1 }, expires: 10m }
        masks:
          - id: pii
            on:      { connection: target }
            columns: [public.people.email]
            as:      redact
        """;

    private const string Script = $"""
        CREATE TABLE people (id int, name text, email text, card text, phone text) PARTITION BY RANGE (id);
        CREATE TABLE people_a PARTITION OF people FOR VALUES FROM (0) TO (100) PARTITION BY RANGE (id);
        CREATE TABLE people_a_1 PARTITION OF people_a FOR VALUES FROM (0) TO (50);
        CREATE TABLE people_b PARTITION OF people FOR VALUES FROM (100) TO (200);
        CREATE TABLE person (email text);
        CREATE TABLE retired (since date) INHERITS (person);
        CREATE TABLE notes (text text);
        CREATE VIEW shown AS SELECT id, email FROM people_a_1;
        INSERT INTO people VALUES (1, 'Ada', '{PostgresBed.Secret}', '4111', '555'), (101, 'Bea', '{PostgresBed.Secret}', '4222', '556');
        INSERT INTO retired VALUES ('{PostgresBed.Secret}', '2020-01-01');
        GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA public TO {Cluster.App};
        """;

    private static CancellationToken Test => TestContext.Current.CancellationToken;

    [Fact]
    [Guarantee("G11")]
    [Row("M10")]
    public async Task What_masks_and_denials_say_of_a_table_they_say_of_its_parts()
    {
        await using var bed = await PostgresBed.StartAsync(shared, Policy.Replace("[public.people.email]", "[public.people.email, public.person.email]", StringComparison.Ordinal));
        await bed.TruthAsync(Script);
        await using var session = await RawSession.OpenAsync(bed.Port, bed.Gateway.Token("alice"));

        foreach (var table in (string[])["people", "people_a", "people_a_1", "shown"])
        {
            Assert.Equal("[masked:pii]", await OneAsync(session, $"select email from {table}{(table == "people" ? " where id = 1" : "")}"));
            Assert.Equal("42501", await OneAsync(session, $"select upper(email) from {table}"));
            Assert.Equal("42501", await OneAsync(session, $"insert into notes select email from {table}"));
        }
        Assert.Equal("[masked:pii]", await OneAsync(session, "select email from retired"));
        foreach (var table in (string[])["people", "people_a", "people_a_1"])
        {
            Assert.Equal("42501", await OneAsync(session, $"select card from {table}"));
            Assert.Equal("42501", await OneAsync(session, $"select name from {table} order by card"));
            Assert.Equal("42501", await OneAsync(session, $"select phone from {table}"));
            Assert.Equal("Ada", await OneAsync(session, $"select name from {table} where id = 1"));
        }
        // What gives does not reach further: nobody permitted this name.
        Assert.Equal("42501", await OneAsync(session, "select name from people_b"));
    }

    [Theory]
    [InlineData("reset all")]
    [InlineData("discard all")]
    [InlineData("reset search_path")]
    [InlineData("set search_path to default")]
    [Guarantee("G5")]
    [Row("Q06")]
    public async Task After_a_reset_names_are_found_where_they_were_found_before(string reset)
    {
        await using var bed = await PostgresBed.StartAsync(shared, Policy);
        await bed.TruthAsync(Script + $"create schema {Cluster.App} authorization {Cluster.App}; create schema shadow; create table shadow.notes (text text); grant usage on schema shadow to {Cluster.App}; grant select on shadow.notes to {Cluster.App}");
        await using var session = await RawSession.OpenAsync(bed.Port, bed.Gateway.Token("alice"));
        var before = await OneAsync(session, "select current_setting('search_path')");
        Assert.EndsWith("pg_temp", before, StringComparison.Ordinal);
        // Whatever the role's own path becomes meanwhile, the session keeps what its statements are judged under.
        await bed.TruthAsync($"alter role {Cluster.App} in database {bed.Database} set search_path = shadow");

        await session.SendAsync([.. RawSession.Parse("", reset), .. RawSession.Bind("", ""), .. RawSession.Execute(""), .. RawSession.Parse("", "select current_setting('search_path')"), .. RawSession.Bind("", ""), .. RawSession.Execute(""), .. RawSession.Sync]);
        var answer = await session.UntilReadyAsync();
        Assert.Equal(before, ValueOf(answer.Single(message => message.Type == 'D')));
        Assert.Equal(before, await OneAsync(session, "select current_setting('search_path')"));
    }

    /// <summary>The first value of the first row, or the code of the refusal.</summary>
    private static async Task<string> OneAsync(RawSession session, string sql)
    {
        var answer = await session.QueryAsync(sql);
        return answer.Find(message => message.Type == 'E')?.Field('C') ?? ValueOf(answer.First(message => message.Type == 'D'));
    }

    private static string ValueOf(RawMessage row) => row.Text[6..(6 + row.Body[5])];
}
