using System.Globalization;
using Microsoft.Extensions.Logging;
using Postern.Conformance.Gateways;
using Postern.Gateway.Configuration;

namespace Postern.Conformance.Postgres;

/// <summary>A gateway in front of a database of the real server, and what clients need to reach it.</summary>
internal sealed class PostgresBed : IAsyncDisposable
{
    /// <summary>Support reads customers, masked, and works with orders; deleting needs on-call; nobody updates without saying what; salaries are nobody's business.</summary>
    public const string Policy = """
        version: 1
        rules:
          - id: support-reads
            who:  { groups: [support] }
            on:   { connection: target, statements: [select], tables: [public.customers, public.orders, public.contacts, public.kinds, "public.pgbench_*"] }
            then: allow
          - id: support-writes-orders
            who:  { groups: [support] }
            on:   { connection: target, statements: [insert, update], tables: [public.orders, public.kinds, "public.pgbench_*"] }
            then: allow
          - id: support-corrects-customers
            who:  { groups: [support] }
            on:   { connection: target, statements: [update], tables: [public.customers] }
            then: allow
          - id: support-looks-around
            who:  { groups: [support] }
            on:   { connection: target, statements: [select], tables: ["pg_catalog.*", "information_schema.*"] }
            then: allow
          - id: support-sleeps
            who:  { groups: [support] }
            on:   { connection: target, functions: [pg_catalog.pg_sleep] }
            then: allow
          - id: deletes-need-on-call
            who:  { groups: [support] }
            on:   { connection: target, statements: [delete], tables: [public.orders] }
            then: hold
            hold: { approvers: { groups: [on-call], count: 1 }, expires: 10m, valid: 10m }
          - id: no-blind-updates
            on:   { connection: target, statements: [update] }
            when: "!sql.has_where"
            then: deny
            message: say which rows are meant
            alternatives: [update with where]
        masks:
          - id: customer-pii
            on:      { connection: target }
            columns: [public.customers.email, public.customers.card, public.customers.secret]
            detect:  [email, credit-card]
            as:      redact
        """;

    /// <summary>The address of customer 1, which no client may ever see.</summary>
    public const string Email = "ada.lovelace@example.com";

    /// <summary>What no detector knows: only the mask of its column keeps it.</summary>
    public const string Secret = "quokka-seventy";

    /// <summary>The card of customer 1.</summary>
    public const string Card = "4111 1111 1111 1111";

    private const string Script = $"""
        CREATE TABLE customers (id int PRIMARY KEY, name text NOT NULL, email text, card text, city text, secret text);
        INSERT INTO customers VALUES (1, 'Ada', '{Email}', '{Card}', 'London', '{Secret}'), (2, 'Grace', 'grace@example.com', NULL, 'New York', 'wombat-eighty');
        CREATE TABLE orders (id int PRIMARY KEY, customer int REFERENCES customers, amount numeric(10,2), note text);
        INSERT INTO orders SELECT i, 1 + i % 2, i * 10, 'order ' || i FROM generate_series(1, 20) i;
        CREATE TABLE salaries (person text, amount int);
        CREATE VIEW contacts AS SELECT id, name, email, secret, upper(secret) AS loud FROM customers;
        CREATE TABLE kinds (id int PRIMARY KEY, b bool, i2 int2, i8 int8, f4 float4, f8 float8, n numeric, t text, v varchar(20), d date, ts timestamp, tz timestamptz, u uuid, by bytea, j jsonb, a int[], ta text[], iv interval);
        GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {Cluster.App};
        """;

    private PostgresBed(Cluster cluster, TestGateway gateway, string database, int port)
    {
        Cluster = cluster;
        Gateway = gateway;
        Database = database;
        Port = port;
    }

    /// <summary>The server.</summary>
    public Cluster Cluster { get; }

    /// <summary>The gateway.</summary>
    public TestGateway Gateway { get; }

    /// <summary>The database behind it.</summary>
    public string Database { get; }

    /// <summary>Where PostgreSQL's clients connect.</summary>
    public int Port { get; }

    private static CancellationToken Test => TestContext.Current.CancellationToken;

    /// <summary>Starts a gateway in front of a new database.</summary>
    /// <param name="shared">The server.</param>
    /// <param name="policy">The one policy file.</param>
    /// <param name="wait">How long statements wait for people.</param>
    /// <param name="port">Where the gateway finds the server, if something stands in between.</param>
    /// <param name="authority">The authority that the gateway trusts, if not the server's own.</param>
    /// <param name="logs">Where the gateway's log goes.</param>
    /// <param name="sessions">How long sessions may be idle.</param>
    /// <param name="more">What else is in the database.</param>
    public static async Task<PostgresBed> StartAsync(SharedCluster shared, string policy = Policy, TimeSpan wait = default, int? port = null, string? authority = null, ILoggerFactory? logs = null, Protocols.SessionLimits? sessions = null, string more = "")
    {
        var cluster = await shared.StartedAsync();
        var database = shared.NewName("shop");
        await cluster.CreateDatabaseAsync(database, Script + "\n" + more, Test);
        var connection = new ConnectionOptions
        {
            Name = TestGateway.Connection,
            Protocol = "postgres",
            Url = $"postgresql://127.0.0.1:{port ?? cluster.Port}/{database}",
            Postgres = new PostgresTargetOptions(Cluster.App, cluster.Password) { Roots = authority ?? cluster.Authority },
        };
        var listener = new PostgresListenOptions { Address = "127.0.0.1:0", Tls = new TlsOptions(Path.Combine(cluster.Folder, "server.pem"), Path.Combine(cluster.Folder, "server.key")) };
        var gateway = await TestGateway.StartAsync(connection, policy, Test, wait: wait, postgres: listener, logs: logs, sessions: sessions);
        return new PostgresBed(cluster, gateway, database, int.Parse(gateway.PostgresAddress!.Split(':')[^1], CultureInfo.InvariantCulture));
    }

    /// <summary>The environment of libpq's programs, for a person.</summary>
    public Dictionary<string, string?> Environment(string person = "alice", string? token = null) => new(StringComparer.Ordinal)
    {
        ["PGHOST"] = "127.0.0.1", ["PGPORT"] = $"{Port}", ["PGDATABASE"] = TestGateway.Connection, ["PGUSER"] = person, ["PGPASSWORD"] = token ?? Gateway.Token(person),
        ["PGSSLMODE"] = "verify-full", ["PGSSLROOTCERT"] = Cluster.Authority, ["PGCONNECT_TIMEOUT"] = "30", ["PSQLRC"] = "/dev/null", ["PAGER"] = "",
    };

    /// <summary>The same for Npgsql.</summary>
    public string Connection(string person = "alice", string more = "Pooling=false", string? token = null) =>
        $"Host=127.0.0.1;Port={Port};Database={TestGateway.Connection};Username={person};Password={token ?? Gateway.Token(person)};SSL Mode=VerifyFull;Root Certificate={Cluster.Authority};Timeout=30;Command Timeout=60;{more}";

    /// <summary>Runs psql with these commands, one after another, to its end.</summary>
    public Task<PosternRun> PsqlAsync(params string[] commands) => PsqlAsync("alice", commands);

    /// <summary>The same for somebody else.</summary>
    public Task<PosternRun> PsqlAsync(string person, string[] commands) =>
        PosternProcess.RunAsync(Path.Combine(Cluster.Programs, "psql"), ["-X", "-A", "-t", "-w", .. commands.SelectMany(command => (string[])["-c", command])], Environment(person));

    /// <summary>What is in the database, seen past the gateway.</summary>
    public async Task<string> TruthAsync(string sql) => (await Cluster.RunAsync(Database, sql, Test)).Trim();

    /// <summary>The recording, after a stop.</summary>
    public async Task<Recording> StopAsync()
    {
        await Gateway.StopAsync();
        return Recordings.Read(Gateway.Data);
    }

    public async ValueTask DisposeAsync()
    {
        await Gateway.DisposeAsync();
        await Cluster.RunAsync("postgres", $"DROP DATABASE IF EXISTS {Database} WITH (FORCE)", CancellationToken.None);
    }
}
