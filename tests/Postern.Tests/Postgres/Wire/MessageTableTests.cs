using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using Postern.Protocols.Postgres.Wire;
using Postern.Tests.Gateway;

namespace Postern.Tests.Postgres.Wire;

public sealed class MessageTableTests
{
    // PostgreSQL documentation, chapter "Message Formats", protocol 3.0: what is marked (F) and (B). `p` stands for all password messages,
    // `R` for all requests of authentication.
    private const string FromClients = "BCdcfDEHFPpQSX";
    private const string FromServers = "RK23CdcGHWDIEVvnNAt1sZTS";

    [Fact]
    public void Every_type_of_the_protocol_stands_in_the_table_once_and_no_other_does()
    {
        Assert.Equal(FromClients.Order(), MessageTable.FromClients.Select(row => row.Type).Order());
        Assert.Equal(FromServers.Order(), MessageTable.FromServers.Select(row => row.Type).Order());
    }

    [Fact]
    public void Each_of_the_256_type_bytes_is_known_or_ends_the_connection()
    {
        for (var type = 0; type < 256; type++)
        {
            Assert.Equal(!FromClients.Contains((char)type), MessageTable.OfClient((byte)type).Handling == Handling.Unknown);
            Assert.Equal(!FromServers.Contains((char)type), MessageTable.OfServer((byte)type).Handling == Handling.Unknown);
            byte[] header = [(byte)type, 0, 0, 0, 4];
            if (FromClients.Contains((char)type)) Assert.Equal(5, ClientMessage.LengthOf(header));
            else Assert.Throws<WireException>(() => ClientMessage.LengthOf(header));
        }
    }

    [Fact]
    public void The_table_stands_in_the_documents() => Repository.AssertGenerated(Repository.PathOf("docs", "postgres-messages.md"), Text());

    [Fact]
    public void What_is_judged_or_masked_has_a_bound()
    {
        Assert.All(MessageTable.FromClients, row => Assert.InRange(row.Rule.Longest, 4, MessageTable.LongestUnit));
        Assert.All(MessageTable.FromServers.Where(row => row.Rule.Handling is Handling.Masked or Handling.DataFree), row => Assert.InRange(row.Rule.Longest, 4, MessageTable.LongestReply));
    }

    [Fact]
    [Row("Q10")]
    public void Calls_copies_and_replication_are_carried_in_no_direction()
    {
        Assert.All("Fdcf", type => Assert.Equal(Handling.Refused, MessageTable.OfClient((byte)type).Handling));
        Assert.All("GHWdcVs", type => Assert.Equal(Handling.Refused, MessageTable.OfServer((byte)type).Handling));
    }

    [Theory]
    [Row("Q14")]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(-1)]
    [InlineData(int.MinValue)]
    [InlineData(int.MaxValue)]
    [InlineData(MessageTable.LongestUnit + 1)]
    public void An_impossible_length_ends_the_connection_before_memory_is_taken(int length)
    {
        foreach (var type in FromClients)
        {
            byte[] header = [(byte)type, .. Messages.Int32(length)];
            Assert.Throws<WireException>(() => ClientMessage.LengthOf(header));
        }
    }

    [Fact]
    [Row("Q14")]
    public void A_message_that_is_shorter_or_longer_than_what_stands_in_it_is_none()
    {
        Action<byte[]>[] readers =
        [
            body => ClientMessage.Query(body),
            body => ClientMessage.Parse(body, out _),
            body => ClientMessage.Bind(body),
            body => ClientMessage.Execute(body, out _),
            body => ClientMessage.Named(body, out _),
        ];
        byte[][] bodies =
        [
            Messages.Query("select 1")[5..],
            Messages.Parse("a", "select $1", 23)[5..],
            Messages.Bind("p", "s", "1", null, "three")[5..],
            Messages.Execute("p")[5..],
            Messages.Describe('S', "s")[5..],
        ];
        for (var i = 0; i < readers.Length; i++)
        {
            var (read, body) = (readers[i], bodies[i]);
            read(body);
            for (var length = 0; length < body.Length; length++) Assert.Throws<WireException>(() => read(body[..length]));
            Assert.Throws<WireException>(() => read([.. body, 0]));
            Assert.Throws<WireException>(() => read([.. body, 7]));
        }
    }

    [Fact]
    [Row("Q14")]
    public void A_zero_byte_inside_a_statement_and_bytes_that_are_no_UTF8_are_refused()
    {
        Assert.Throws<WireException>(() => ClientMessage.Query([.. "select 1"u8, 0, .. "; drop table t"u8, 0]));
        Assert.Throws<WireException>(() => ClientMessage.Query([0xC3, 0x28, 0]));
    }

    [Fact]
    [Row("Q08")]
    public void A_name_that_the_server_would_cut_to_another_is_refused()
    {
        var longest = new string('n', 63);
        ClientMessage.Parse(Messages.Parse(longest, "select 1").AsSpan(5), out var name);
        Assert.Equal(63, name.Length);
        Assert.Throws<WireException>(() => ClientMessage.Parse(Messages.Parse(longest + "a", "select 1").AsSpan(5), out _));
        Assert.Throws<WireException>(() => ClientMessage.Bind(Messages.Bind("", longest + "b").AsSpan(5)));
    }

    [Fact]
    public void Random_bytes_are_a_message_or_none_and_nothing_else()
    {
        var random = new Random(20261121);
        var bytes = new byte[200];
        for (var round = 0; round < 20_000; round++)
        {
            random.NextBytes(bytes);
            if (round % 2 == 0) bytes.AsSpan(0, 4).Clear();
            var body = bytes.AsSpan(0, random.Next(bytes.Length)).ToArray();
            Try(() => ClientMessage.Query(body));
            Try(() => ClientMessage.Parse(body, out _));
            Try(() => ClientMessage.Bind(body));
            Try(() => ClientMessage.Execute(body, out _));
            Try(() => ClientMessage.Named(body, out _));
            Try(() => Startup.Read(body));
            if (body.Length >= 8) Try(() => Startup.KindOf(body, out _, out _));
        }

        static void Try(Action read)
        {
            try
            {
                read();
            }
            catch (WireException)
            {
                // A refusal is an answer.
            }
        }
    }

    private static string Text()
    {
        var text = new StringBuilder("# Messages of PostgreSQL's protocol\n\nEvery type of both directions, and what becomes of it. Made from `MessageTable.cs` by a test; a type that is not here closes the connection.\n");
        Rows("From clients", MessageTable.FromClients);
        Rows("From servers", MessageTable.FromServers);
        text.Append("\n`judged`: part of what a policy decides before any of it is forwarded. `masked`: passes after masks. `datafree`: checked to hold nothing that anybody chose. `own`: ends at the gateway, which speaks for itself. `refused`: not carried. `dropped`: read and thrown away.\n");
        return text.ToString();

        void Rows(string title, ImmutableArray<(char Type, MessageRule Rule)> rows)
        {
            text.Append(CultureInfo.InvariantCulture, $"\n## {title}\n\n| type | message | | why |\n| --- | --- | --- | --- |\n");
            foreach (var (type, rule) in rows) text.Append(CultureInfo.InvariantCulture, $"| `{type}` | {rule.Name} | {rule.Handling.ToString().ToLowerInvariant()} | {rule.Why} |\n");
        }
    }
}
