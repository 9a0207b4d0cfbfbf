using System.Text;
using Postern.Tests;
using static Postern.Conformance.Postgres.Raw.RawSession;

namespace Postern.Conformance.Postgres.Raw;

/// <summary>A server that puts what is to be masked wherever the protocol has a place for it, or answers what it was not asked.</summary>
public sealed class HostileServerTests(SharedCluster shared)
{
    /// <summary>What the detectors know; the column's own secret is planted beside it where a column is told.</summary>
    private const string Canary = "canary.bird@example.com";

    /// <summary>Every type that a server can send, with the canary in every place of it that holds bytes of the server's choice.</summary>
    private static readonly Dictionary<string, byte[]> Planted = new(StringComparer.Ordinal)
    {
        ["DataRow in text"] = [.. Description("note", 25, 0), .. Row(Canary), .. Tag("SELECT 1")],
        ["DataRow in binary"] = [.. Description("note", 25, 1), .. Row(Canary), .. Tag("SELECT 1")],
        ["DataRow of a type that is not text"] = [.. Description("note", 17, 1), .. Row(Canary), .. Tag("SELECT 1")],
        ["DataRow of a type that nobody knows"] = [.. Description("note", 99_999, 0), .. Row(Canary), .. Tag("SELECT 1")],
        ["RowDescription, the name"] = [.. Description(Canary, 25, 0), .. Row("x"), .. Tag("SELECT 1")],
        ["ErrorResponse"] = Report('E', "ERROR", "22000"),
        ["ErrorResponse, fatal"] = Report('E', "FATAL", "57P01"),
        ["NoticeResponse"] = [.. Report('N', "NOTICE", "00000"), .. Description("note", 25, 0), .. Tag("SELECT 0")],
        ["NotificationResponse"] = [.. Message('A', Number(1), Text("channel"), Text(Canary)), .. Description("note", 25, 0), .. Tag("SELECT 0")],
        ["ParameterStatus, application_name"] = [.. Message('S', Text("application_name"), Text(Canary)), .. Description("note", 25, 0), .. Tag("SELECT 0")],
        ["ParameterStatus, TimeZone"] = [.. Message('S', Text("TimeZone"), Text(Canary)), .. Description("note", 25, 0), .. Tag("SELECT 0")],
        ["ParameterStatus, a name that nobody knows"] = [.. Message('S', Text(Canary), Text(Canary)), .. Description("note", 25, 0), .. Tag("SELECT 0")],
        ["CommandComplete"] = [.. Description("note", 25, 0), .. Tag(Canary)],
        ["CopyOutResponse and CopyData"] = [.. Message('H', [0, 0, 1, 0, 0]), .. Message('d', Text(Canary)), .. Message('c'), .. Tag("COPY 1")],
        ["CopyInResponse"] = Message('G', [0, 0, 0]),
        ["CopyBothResponse"] = Message('W', [0, 0, 0]),
        ["FunctionCallResponse"] = Message('V', Number(Canary.Length), Encoding.ASCII.GetBytes(Canary)),
        ["BackendKeyData"] = [.. Message('K', Encoding.ASCII.GetBytes(Canary[..8])), .. Description("note", 25, 0), .. Tag("SELECT 0")],
        ["AuthenticationRequest"] = Message('R', Number(3), Text(Canary)),
        ["NegotiateProtocolVersion"] = Message('v', Number(0), Number(1), Text(Canary)),
        ["PortalSuspended"] = [.. Description("note", 25, 0), .. Row("x"), .. Message('s')],
        ["EmptyQueryResponse with content"] = Message('I', Text(Canary)),
        ["NoData with content"] = Message('n', Text(Canary)),
        ["ParseComplete with content"] = Message('1', Text(Canary)),
        ["ParameterDescription with content"] = Message('t', [0, 1], Text(Canary)),
        ["ReadyForQuery with content"] = Message('Z', Text(Canary)),
        ["a type that nobody knows"] = Message('y', Text(Canary)),
        ["a row before its description"] = [.. Row(Canary), .. Description("note", 25, 0), .. Tag("SELECT 1")],
        ["a second description within the rows"] = [.. Description("note", 25, 0), .. Row("x"), .. Description("note", 23, 0), .. Row(Canary), .. Tag("SELECT 1")],
        ["a row with more values than described"] = [.. Description("note", 25, 0), .. Message('D', [0, 2], Value("x"), Value(Canary)), .. Tag("SELECT 1")],
        ["a row with fewer values than described"] = [.. Description("note", 25, 0), .. Message('D', [0, 0], Text(Canary)), .. Tag("SELECT 1")],
        ["a value longer than its row"] = [.. Description("note", 25, 0), .. Message('D', [0, 1], Number(1_000), Text(Canary)), .. Tag("SELECT 1")],
        ["a value of a length below -1"] = [.. Description("note", 25, 0), .. Message('D', [0, 1], Number(-2), Text(Canary)), .. Tag("SELECT 1")],
        ["bytes behind the last value"] = [.. Description("note", 25, 0), .. Message('D', [0, 1], Value("x"), Text(Canary)), .. Tag("SELECT 1")],
        ["more results than statements"] = [.. Description("note", 25, 0), .. Row("x"), .. Tag("SELECT 1"), .. Description("note", 25, 0), .. Row(Canary), .. Tag("SELECT 1")],
        ["a masked column under a name and a place of its own"] = [.. Description("note", 25, 0), .. Row(PostgresBed.Email), .. Tag("SELECT 1")],
    };

    public static TheoryData<string> Places => [.. Planted.Keys];

    [Theory]
    [MemberData(nameof(Places))]
    [Row("M11")]
    [Row("M12")]
    [Row("M13")]
    [Guarantee("G11")]
    public async Task What_is_to_be_masked_arrives_from_no_place_of_any_message(string place)
    {
        var cluster = await shared.StartedAsync();
        await using var middle = new Middle(cluster);
        await using var bed = await PostgresBed.StartAsync(shared, port: middle.Port);
        await using var session = await OpenAsync(bed.Port, bed.Gateway.Token("alice"));
        byte[] ready = [(byte)'Z', 0, 0, 0, 5, (byte)'I'];
        middle.Answer = _ => [[.. Planted[place], .. ready]];

        var answer = await session.QueryAsync("select note from orders where id = 1");

        foreach (var message in answer)
        {
            // Not as it stands, not in hex as bytea writes it, not half of it.
            Assert.DoesNotContain("canary.bird", message.Text, StringComparison.OrdinalIgnoreCase);
            Assert.DoesNotContain(Convert.ToHexStringLower("canary.bird"u8), message.Text, StringComparison.OrdinalIgnoreCase);
            Assert.DoesNotContain(Canary[..8], message.Text, StringComparison.Ordinal);
            Assert.DoesNotContain(PostgresBed.Email, message.Text, StringComparison.Ordinal);
        }
        var recording = await bed.StopAsync();
        Assert.Null(recording.Problem);
        Assert.DoesNotContain("canary.bird", recording.Everything, StringComparison.Ordinal);
        Assert.All(recording.Operations, operation => Assert.Single(operation.Endings));
    }

    [Fact]
    [Row("M13")]
    public async Task Messages_of_any_length_a_server_claims_take_no_memory()
    {
        var cluster = await shared.StartedAsync();
        await using var middle = new Middle(cluster);
        await using var bed = await PostgresBed.StartAsync(shared, port: middle.Port);
        // What is there already, or is not collected yet, is other tests' too; what is taken from here on would be two gigabytes for a single such message.
        var before = GC.GetTotalAllocatedBytes();
        foreach (var length in (int[])[0, 3, -1, int.MinValue, int.MaxValue, 17 * 1024 * 1024])
        {
            await using var session = await OpenAsync(bed.Port, bed.Gateway.Token("alice"));
            middle.Answer = _ => [[(byte)'D', .. Number(length), 0, 1], Ready];
            var answer = await session.QueryAsync("select note from orders where id = 1");
            Assert.DoesNotContain(answer, message => message.Type == 'D');
            middle.Answer = whole => [whole];
        }
        Assert.InRange(GC.GetTotalAllocatedBytes() - before, 0, 2_000_000_000);
    }

    [Fact]
    [Guarantee("G12")]
    public async Task Whoever_stands_in_between_with_another_certificate_gets_no_proof_of_the_password()
    {
        var cluster = await shared.StartedAsync();
        // Signed by the right authority, for the right name: only the binding of SCRAM to the channel tells.
        await using var elsewhere = await Cluster.StartAsync([], TestContext.Current.CancellationToken);
        using var other = System.Security.Cryptography.X509Certificates.X509Certificate2.CreateFromPemFile(Path.Combine(elsewhere.Folder, "server.pem"), Path.Combine(elsewhere.Folder, "server.key"));
        await using var middle = new Middle(cluster, other);
        await using var bed = await PostgresBed.StartAsync(shared, port: middle.Port, authority: elsewhere.Authority);

        await Assert.ThrowsAsync<InvalidOperationException>(() => OpenAsync(bed.Port, bed.Gateway.Token("alice")));

        Assert.Contains("SCRAM channel binding", cluster.Log, StringComparison.OrdinalIgnoreCase);
    }

    private static byte[] Ready => [(byte)'Z', 0, 0, 0, 5, (byte)'I'];

    /// <summary>One column of no table.</summary>
    private static byte[] Description(string name, int type, byte format) => Message('T', [0, 1], Text(name), Number(0), [0, 0], Number(type), [255, 255], Number(-1), [0, format]);

    private static byte[] Row(string value) => Message('D', [0, 1], Value(value));

    private static byte[] Value(string value) => [.. Number(Encoding.UTF8.GetByteCount(value)), .. Encoding.UTF8.GetBytes(value)];

    private static byte[] Tag(string tag) => Message('C', Text(tag));

    private static byte[] Report(char type, string severity, string code) => Message(
        type, [.. new[] { $"S{severity}", $"V{severity}", $"C{code}", $"M{Canary}", $"D{Canary}", $"H{Canary}", $"W{Canary}", $"q{Canary}", $"s{Canary}", $"t{Canary}", $"c{Canary}", $"d{Canary}", $"n{Canary}", $"F{Canary}", $"L{Canary}", $"R{Canary}" }.SelectMany(Text)], [0]);
}
