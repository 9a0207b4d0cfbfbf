using Postern.Benchmarks.Echo;
using Postern.Benchmarks.Measuring;
using Postern.Conformance.Postgres;
using Postern.Demo.Issuer;
using Postern.Tests;

namespace Postern.Benchmarks.Postgres;

/// <summary>Another build of Postern, or this one under other settings of the runtime.</summary>
/// <param name="Name">As tables call it.</param>
/// <param name="Library">Its <c>postern.dll</c>; empty for this build's.</param>
/// <param name="Environment">Variables of its process.</param>
internal sealed record PgOther(string Name, string Library, IReadOnlyDictionary<string, string> Environment);

/// <summary>The configuration files of the peers: what a careful operator would write for this one job.</summary>
internal static class PgPeerFiles
{
    public const string Audience = "https://postern.test";

    public const string Database = "bench";

    /// <summary>Writes what pgbouncer needs, readable for the user that it runs as.</summary>
    public static async Task<string> PgBouncerAsync(string folder, int port, Cluster cluster)
    {
        var users = Path.Combine(cluster.Folder, "users.txt");
        await File.WriteAllTextAsync(users, $"\"{Cluster.App}\" \"{cluster.Password}\"\n");
        var file = Path.Combine(cluster.Folder, "pgbouncer.ini");
        await File.WriteAllTextAsync(
            file,
            $"""
            [databases]
            {Database} = host=127.0.0.1 port={cluster.Port} dbname={Database}
            [pgbouncer]
            listen_addr = 127.0.0.1
            listen_port = {port}
            unix_socket_dir =
            auth_type = scram-sha-256
            auth_file = {users}
            pool_mode = session
            default_pool_size = 100
            max_client_conn = 400
            client_tls_sslmode = require
            client_tls_cert_file = {cluster.Folder}/server.pem
            client_tls_key_file = {cluster.Folder}/server.key
            server_tls_sslmode = verify-ca
            server_tls_ca_file = {cluster.Authority}
            ignore_startup_parameters = extra_float_digits
            log_connections = 0
            log_disconnections = 0
            """);
        return file;
    }

    /// <summary>Starts the gateway: a hundred rules, a masked column, a detector over every value.</summary>
    public static async Task<PgPeer> StartPosternAsync(string name, string folder, Cluster cluster, DemoIssuer issuer, bool isStrict, PgOther? other = null)
    {
        var durability = isStrict ? "strict" : "relaxed";
        await File.WriteAllTextAsync(Path.Combine(folder, "policy.yaml"), Policy);
        var port = FreePort.Take();
        var data = other?.Name ?? durability;
        var file = Path.Combine(folder, $"{data}.yaml");
        await File.WriteAllTextAsync(
            file,
            $$"""
            listen:
              url: "http://127.0.0.1:0"
              management: none
              postgres: { address: "127.0.0.1:{{port}}", certificate: {{cluster.Folder}}/server.pem, key: {{cluster.Folder}}/server.key }
            data: data-{{data}}
            issuers:
              demo: { authority: "{{issuer.Issuer}}", audience: "{{Audience}}" }
            connections:
              {{Database}}:
                protocol: postgres
                url: "postgresql://127.0.0.1:{{cluster.Port}}/{{Database}}"
                credential: { user: {{Cluster.App}}, password: {{cluster.Password}} }
                tls: { ca: {{cluster.Authority}} }
            policy: [policy.yaml]
            record: { durability: {{durability}} }
            """);
        var postern = other is { Library.Length: > 0 } ? other.Library : Path.Combine(Report.Root, "src", "Postern.Cli", "bin", "Release", "net10.0", "postern.dll");
        return new PgPeer(Peer.StartOn(name, port, "", other?.Environment, "dotnet", postern, "serve", "--config", file), Database, issuer.IssueToken("alice", client: "demo-agent"));
    }

    public static string Policy { get; } = $$"""
        version: 1
        rules:
          - id: support-works
            who: { groups: [support] }
            on: { connection: {{Database}}, statements: [select, insert, update], tables: ["public.*", "pg_catalog.*"] }
            then: allow
        {{string.Join('\n', Enumerable.Range(1, 99).Select(number => $$"""  - { id: others-{{number}}, who: { groups: [team-{{number}}] }, on: { connection: {{Database}}, statements: [select], tables: ["public.t{{number}}"] }, then: allow }"""))}}
        masks:
          - id: pii
            on: { connection: {{Database}} }
            columns: [public.bench_rows.email]
            detect: [credit-card]
            as: redact
        """;
}
