using System.Globalization;
using System.Text;
using Postern.Core.Masking;

namespace Postern.Tests.Mcp;

/// <summary>
/// A secret of every detector, cut at every byte, by everything that can cut it on its way: HTTP chunks, reads of the socket, and both under
/// an event stream with a message for each. What the client gets holds none of them.
/// </summary>
[Row("M01")]
[Guarantee("G11")]
public sealed class McpMaskSplitTests
{
    private const string Policy = McpTestBed.Rules + """

        masks:
          - { id: all, on: { connection: shop }, detect: [api-key, connection-string, credit-card, email, iban, ip-address, jwt, password, phone, private-key, us-ssn], as: redact }
        """;

    private const string Call = """{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"list_orders"}}""";

    /// <summary>What each detector finds; between words, so that nothing else decides.</summary>
    private static readonly Dictionary<string, string> Secrets = new(StringComparer.Ordinal)
    {
        [Detectors.ApiKey] = "ghp_" + "0123456789abcdefghijABCDEFGHIJ012345",
        [Detectors.ConnectionString] = "postgres://app:s3cr3t-of-db@db:5432/shop",
        [Detectors.CreditCard] = "4111 1111 1111 1111",
        [Detectors.Email] = "eve.canary@example.com",
        [Detectors.Iban] = "DE89370400440532013000",
        [Detectors.IpAddress] = "192.168.1.254",
        [Detectors.Jwt] = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
        [Detectors.Password] = "password=hunter2-of-eve",
        [Detectors.Phone] = "+41 44 668 18 00",
        [Detectors.PrivateKey] = "-----BEGIN PRIVATE " + "KEY-----\\nMIIBVAIBADANBgkqhkiG9w0BAQEFAASCAT4wggE6AgEAAkEA\\n-----END PRIVATE " + "KEY-----",
        [Detectors.UsSsn] = "078-05-1120",
    };

    /// <summary>The part of each that must never be seen.</summary>
    private static readonly string[] Canaries =
        ["0123456789abcdefghijABCDEFGHIJ012345", "s3cr3t-of-db", "4111 1111 1111 1111", "eve.canary", "0532013000", "192.168.1.254", "c2lnbmF0dXJl", "hunter2-of-eve", "668 18 00", "MIIBVAIBADANBg", "078-05-1120"];

    [Fact]
    public void There_is_a_secret_for_every_detector() => Assert.Equal(Detectors.Names.Order(StringComparer.Ordinal), Secrets.Keys.Order(StringComparer.Ordinal));

    [Theory]
    [InlineData("chunks", false)]
    [InlineData("chunks", true)]
    [InlineData("reads", false)]
    [InlineData("reads", true)]
    public async Task A_secret_of_any_detector_cut_at_any_byte_is_masked(string cut, bool isStream)
    {
        var body = isStream ? Events() : Result();
        var at = 0;
        await using var wire = new FaultyWire(async (stream, _) =>
        {
            stream.Socket.NoDelay = true;
            var isChunked = cut == "chunks";
            var framing = isChunked ? "Transfer-Encoding: chunked" : string.Create(CultureInfo.InvariantCulture, $"Content-Length: {Encoding.UTF8.GetByteCount(body)}");
            await FaultyWire.WriteAsync(stream, $"HTTP/1.1 200 OK\r\nContent-Type: {(isStream ? "text/event-stream" : "application/json")}\r\n{framing}\r\n\r\n");
            foreach (var piece in PiecesOf(body, at))
            {
                await FaultyWire.WriteAsync(stream, isChunked ? string.Create(CultureInfo.InvariantCulture, $"{piece.Length:x}\r\n{piece}\r\n") : piece);
                await Task.Yield();
            }
            if (isChunked) await FaultyWire.WriteAsync(stream, "0\r\n\r\n");
        });
        await using var bed = await McpTestBed.StartAsync(Policy, front: wire.Stand);

        var longest = Secrets.Values.Max(secret => secret.Length);
        for (at = 0; at <= longest; at++)
        {
            var answer = await bed.SendAsync(Call);

            Assert.All(Canaries, canary => Assert.DoesNotContain(canary, answer.Body, StringComparison.Ordinal));
            Assert.Equal(Secrets.Count, answer.Body.Split("[masked:all]").Length - 1);
        }
        Assert.Equal(longest + 1, wire.Calls);
    }

    private static string Result() => $$$"""{"jsonrpc":"2.0","id":5,"result":{"content":[{{{string.Join(',', Secrets.Values.Select(secret => $$"""{"type":"text","text":"to {{secret}} and on"}"""))}}}]}}""";

    private static string Events() =>
        string.Concat(Secrets.Values.Select(secret => $$$"""data: {"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"to {{{secret}}} and on"}}{{{"\n\n"}}}"""))
        + """data: {"jsonrpc":"2.0","id":5,"result":{"content":[]}}""" + "\n\n";

    /// <summary>Cut in every secret at once, after this many bytes of it; 0 stands for every byte alone.</summary>
    private static IEnumerable<string> PiecesOf(string body, int at)
    {
        if (at == 0) return body.Select(each => each.ToString());
        var cuts = Secrets.Values.Where(secret => at <= secret.Length).Select(secret => body.IndexOf(secret, StringComparison.Ordinal) + at).Order().ToList();
        return cuts.Prepend(0).Zip(cuts.Append(body.Length), (from, to) => body[from..to]);
    }
}
