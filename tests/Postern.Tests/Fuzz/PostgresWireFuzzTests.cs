using System.Buffers.Binary;
using System.Text.Json;
using Postern.Core.Operations;
using Postern.Protocols.Postgres;
using Postern.Protocols.Postgres.Masking;
using Postern.Protocols.Postgres.Sql;
using Postern.Protocols.Postgres.Wire;
using Postern.Tests.Postgres.Wire;

namespace Postern.Tests.Fuzz;

/// <summary>Bytes of clients that speak PostgreSQL's protocol badly: cut into units and read the same in any pieces, or refused.</summary>
[Trait("Lane", "fuzz")]
public sealed class PostgresWireFuzzTests
{
    private static readonly byte[][] s_sessions =
    [
        [.. Messages.Query("select 1"), .. Messages.Query("update t set a = 1"), .. Messages.Sync],
        [.. Messages.Parse("", "select $1", 23), .. Messages.Bind("", "", "7"), .. Messages.Describe('P', ""), .. Messages.Execute(""), .. Messages.Sync, .. Messages.Query("")],
        [.. Messages.Parse("named", "select $1, $2"), .. Messages.Describe('S', "named"), .. Messages.Flush, .. Messages.Bind("p", "named", "value", null), .. Messages.Execute("p"), .. Messages.Close('P', "p"), .. Messages.Close('S', "named"), .. Messages.Sync],
        [.. Messages.Bind("p", "gone", "x"), .. Messages.Execute("p", 5), .. Messages.Sync, .. Messages.Of('F', new byte[8]), .. Messages.Of('d', [1, 2, 3]), .. Messages.Of('X')],
    ];

    [Fact]
    [Row("Q14"), Row("Q08")]
    public void Units_of_clients_are_the_same_in_any_pieces_and_nothing_in_them_runs_unread() =>
        FuzzRun.Run(nameof(Units_of_clients_are_the_same_in_any_pieces_and_nothing_in_them_runs_unread), s_sessions, bytes =>
        {
            var whole = Units(bytes, bytes.Length, out var refusal);
            var inPieces = Units(bytes, 1 + (bytes.Length % 7), out var refusalInPieces);
            // What was read before the refusal may differ by what came with it, never in what it says.
            Assert.Equal(refusal, refusalInPieces);
            Assert.Equal(whole.Select(Convert.ToHexString), inPieces.Select(Convert.ToHexString));
            Assert.True(bytes.AsSpan().StartsWith(whole.SelectMany(unit => unit).ToArray()));
            Read(whole);
        });

    [Fact]
    [Row("Q01")]
    public void First_packets_are_read_or_refused()
    {
        byte[][] packets =
        [
            [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f], [0, 0, 0, 16, 0x04, 0xd2, 0x16, 0x2e, 1, 2, 3, 4, 5, 6, 7, 8],
            [0, 0, 0, 8 + 40, 0, 3, 0, 0, .. Messages.Text("user"), .. Messages.Text("alice"), .. Messages.Text("database"), .. Messages.Text("orders"), .. Messages.Text("options"), 0],
        ];
        FuzzRun.Run(nameof(First_packets_are_read_or_refused), packets, bytes =>
        {
            if (bytes.Length < Startup.HeaderLength) return;
            try
            {
                var kind = Startup.KindOf(bytes, out var length, out _);
                Assert.InRange(length, Startup.HeaderLength, Startup.Longest);
                if (kind != StartupKind.Session) return;
                var parameters = Startup.Read(bytes.AsSpan(Startup.HeaderLength));
                // Two readers must not find two values.
                Assert.Equal(parameters.Length, parameters.Select(parameter => parameter.Key.ToUpperInvariant()).Distinct().Count());
                Assert.All(parameters, parameter => Assert.DoesNotContain(parameter.Key + parameter.Value, char.IsControl));
            }
            catch (WireException)
            {
                // Refused.
            }
        });
    }

    private static List<byte[]> Units(byte[] bytes, int size, out string? refusal)
    {
        var units = new List<byte[]>();
        refusal = null;
        using var intake = new ClientIntake(_ => { });
        intake.Attach(new Pieces(bytes, size));
        try
        {
            // In memory every read is over at once.
            while (intake.ReadAsync(onlySync: false).AsTask().GetAwaiter().GetResult())
            {
                Assert.Equal(intake.Unit.Length, intake.Messages.Sum(message => message.Length));
                units.Add(intake.Unit.ToArray());
                if (intake.Messages[^1].Type == (byte)'X') break;
            }
        }
        catch (WireException refused)
        {
            refusal = refused.Message;
        }
        return units;
    }

    /// <summary>Reads the units as a session does whose server takes everything.</summary>
    private static void Read(List<byte[]> units)
    {
        var names = new PreparedNames();
        var plan = new UnitPlan();
        var reader = new Protocols.Postgres.UnitReader(names, _ => new(new StatementReading.Understood([Statement()])), () => "1");
        foreach (var unit in units)
        {
            var messages = MessagesOf(unit);
            try
            {
                reader.ReadAsync(unit, messages, plan).AsTask().GetAwaiter().GetResult();
            }
            catch (WireException)
            {
                return;
            }
            if (plan.Complaint is not null)
            {
                reader.ForgetPortals();
                continue;
            }
            // Each Execute and each Query is a statement that is judged.
            Assert.Equal(messages.Count(message => message.Type is (byte)'E' or (byte)'Q'), plan.Statements.Count);
            Assert.Equal(messages.Count(message => message.Type == (byte)'E'), plan.Replies.Count(reply => reply.Kind == ReplyKind.Executed));
            Assert.All(plan.Additions, addition => Assert.InRange(addition.At, 0, unit.Length));
            using var shown = JsonDocument.Parse(UnitText.Write([.. plan.Statements]));
            Assert.Equal(JsonValueKind.Array, shown.RootElement.GetProperty("statements").ValueKind);
            Assert.All(UnitParts.Of([.. plan.Statements]), part => Assert.All(part.Variables, variable => JsonDocument.Parse(variable.Json).Dispose()));
            foreach (var reply in plan.Replies)
            {
                if (reply.Kind == ReplyKind.Parsed && !names.Set(reply.Name!, reply.Prepared!)) return;
            }
        }
    }

    // Not the code under test: lengths as the protocol's chapter has them.
    private static List<ClientMessage> MessagesOf(byte[] unit)
    {
        var messages = new List<ClientMessage>();
        for (var at = 0; at < unit.Length;)
        {
            var length = 1 + BinaryPrimitives.ReadInt32BigEndian(unit.AsSpan(at + 1));
            messages.Add(new ClientMessage(unit[at], at, length));
            at += length;
        }
        return messages;
    }

    private static SqlStatement Statement() => new() { Kind = "select", Parts = [new Part { Action = "postgres.select" }], ParameterCount = 1, MayReturnRows = true };

    private sealed class Pieces(byte[] bytes, int size) : MemoryStream(bytes)
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => new(Read(buffer.Span[..Math.Min(buffer.Length, Math.Max(size, 1))]));
    }
}
