using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using Postern.Benchmarks.Measuring;
using Postern.Benchmarks.Steps;
using Postern.Core.Masking;
using Postern.Core.Operations;
using Postern.Core.Policy;
using Postern.Protocols.Postgres;
using Postern.Protocols.Postgres.Masking;
using Postern.Protocols.Postgres.Sql;
using Postern.Protocols.Postgres.Wire;
using UnitReader = Postern.Protocols.Postgres.UnitReader;

namespace Postern.Benchmarks.Postgres;

/// <summary>What each step of one prepared query of pgbench costs by itself, without sockets, TLS and the journal: the bytes that it allocates are the same on every machine.</summary>
internal static class PgUnitRun
{
    private const uint Int4 = 23;

    private static readonly Connection s_connection = new(PgPeerFiles.Database, PostgresOperations.ProtocolName, "postgresql://127.0.0.1/bench", []);

    public static async Task RunAsync()
    {
        var policy = Compile();
        var text = "SELECT abalance FROM pgbench_accounts WHERE aid = $1;"u8.ToArray();
        var catalogue = OfflineCatalogue.Of([], ["public.pgbench_accounts.aid", "public.pgbench_accounts.abalance"], []);
        using var texts = new StatementTexts(new SqlWorkerOptions { Program = Path.Combine(Measuring.Report.Root, "src", "Postern.Cli", "bin", "Release", "net10.0", "Postern.SqlWorker") });
        if (await texts.ReadAsync(text, catalogue, CancellationToken.None) is not StatementReading.Understood { Statements: [var statement] }) throw new InvalidOperationException("the sample must be understood");
        var names = new PreparedNames();
        names.Set("P_0", new Prepared(text, statement, [Int4]) { Version = catalogue.Version });
        var reader = new UnitReader(names, read => texts.ReadAsync(read, catalogue, CancellationToken.None), () => catalogue.Version);
        var plan = new UnitPlan();
        byte[] unit = [.. Message('B', [0, .. "P_0"u8, 0, 0, 0, 0, 1, 0, 0, 0, 5, .. "12345"u8, 0, 0]), .. Message('D', [(byte)'P', 0]), .. Message('E', new byte[5]), .. Message('S', [])];
        List<ClientMessage> messages = [new((byte)'B', 0, 25), new((byte)'D', 25, 7), new((byte)'E', 32, 10), new((byte)'S', 42, 5)];
        byte[] description = [0, 1, .. "abalance"u8, 0, 0, 0, 0x40, 0, 0, 1, 0, 0, 0, 23, 0, 4, 0xff, 0xff, 0xff, 0xff, 0, 0];
        byte[] reply = [.. Message('2', []), .. Message('T', description), .. Message('D', [0, 1, 0, 0, 0, 3, .. "-42"u8]), .. Message('C', [.. "SELECT 1"u8, 0]), .. Message('Z', [(byte)'I'])];
        var output = new ArrayBufferWriter<byte>(64 * 1024);
        var now = DateTimeOffset.UnixEpoch;
        Read();
        var operation = Build();
        if (policy.Decide(Samples.Alice, operation, now) is not Decision.Allow) throw new InvalidOperationException("the sample must be allowed");
        var masks = policy.MasksFor(Samples.Alice, operation);

        var machine = Machine.Describe();
        List<MicroResult> results =
        [
            Micro.Run("read the unit: Bind, Describe, Execute, Sync", Read),
            Micro.Run("make the operation of it", () => Build()),
            Micro.Run("decide under 100 rules, find the masks", () =>
            {
                policy.Decide(Samples.Alice, operation, now);
                policy.MasksFor(Samples.Alice, operation);
            }),
            Micro.Run("mask the request for the record", () => Mask(masks.Record, operation.Request.Span, operation.RequestShape)),
            Micro.Run("read the description, mask the reply", () => Mask(masks.Caller, reply, RowPlan.Of(description, statement).Shape)),
        ];
        foreach (var line in MicroTable.Of(machine, "step of a prepared query", results)) Console.Out.WriteLine(line);

        void Read() => reader.ReadAsync(unit, messages, plan).AsTask().GetAwaiter().GetResult();

        Operation Build()
        {
            System.Collections.Immutable.ImmutableArray<UnitStatement> statements = [.. plan.Statements];
            return PostgresOperations.Build(s_connection, statements, UnitText.Write(statements), UnitText.ShapeOf(statements), "run", "pgbench", continues: null, now);
        }

        void Mask(Masker masker, ReadOnlySpan<byte> frame, FrameShape shape)
        {
            output.ResetWrittenCount();
            masker.Apply(frame, shape, output, mustWrite: false);
        }
    }

    private static byte[] Message(char type, byte[] body) => [(byte)type, 0, 0, 0, (byte)(body.Length + 4), .. body];

    private static PolicySet Compile()
    {
        var environment = new PolicyEnvironment { Vocabularies = [SqlVocabulary.Instance], Connections = [s_connection], Issuers = ["demo"], HashKey = SHA256.HashData("bench"u8) };
        var loaded = PolicyLoader.Load([new PolicyFile("bench.yaml", PgPeerFiles.Policy)], environment, 1);
        return loaded.Set ?? throw new InvalidOperationException(string.Join("; ", loaded.Problems));
    }
}
