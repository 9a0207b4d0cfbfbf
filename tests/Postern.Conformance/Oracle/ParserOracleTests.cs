using System.Buffers;
using System.Text;
using System.Text.Json;
using Postern.Conformance.Peers;
using Postern.Core.Json;
using Postern.Protocols.Mcp.Wire;
using Postern.Tests;
using Postern.Tests.Fuzz;

namespace Postern.Conformance.Oracle;

/// <summary>
/// One reading (G6): of every body that the gateway would forward, Node's parser and Python's, in three ways of treating keys, read the method, the
/// id, the tool and the arguments that the gateway judged. What any of them reads otherwise must have been refused.
/// </summary>
public sealed class ParserOracleTests
{
    private const int Variants = 6_000;

    // Envelopes in which the rest of the corpus is placed, and what two parsers are known to read differently.
    private static readonly string[] s_bodies =
    [
        """{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"refund","arguments":{"order":9,"amount":900}}}""",
        """{"jsonrpc":"2.0","id":"a\u00e9","method":"tools/call","params":{"name":"r\u0065fund","arguments":{"\u0061":"\ud83d\ude00","__proto__":{"a":1},"":null}}}""",
        """{"jsonrpc":"2.0","id":9007199254740993,"method":"tools/call","params":{"name":"refund","arguments":{"n":9007199254740993,"m":-0,"x":1e400,"y":0.1000000000000000055511151231257827}}}""",
        """{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"safe","name":"evil","arguments":{}}}""",
        """{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"safe","n\u0061me":"evil","arguments":{}}}""",
        """{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"safe","Name":"evil","arguments":{}}}""",
        """{"jsonrpc":"2.0","id":1,"method":"tools/call","Method":"resources/read","params":{"name":"safe"}}""",
        """{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"safe","arguments":{"a":1},"argument\u017f":{"a":2}}}""",
        """{"jsonrpc":"2.0","id":1,"id":2,"method":"tools/call","params":{"name":"safe"}}""",
        """{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"safe"},"params":{"name":"evil"}}""",
        """{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"safe","arguments":{"a":1,"a":2}}}""",
        """{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"safe","arguments":{"a":"\ud800"}}}""",
        """{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"safe\u0000evil","arguments":{"a\u0000b":1}}}""",
        """{"jsonrpc":"2.0","id":1.0,"method":"tools/call","params":{"name":"safe"}}""",
        """{"jsonrpc":"2.0","id":1e0,"method":"tools/call","params":{"name":"safe"}}""",
        """{"jsonrpc":"2.0","id":null,"method":"tools/call","params":{"name":"safe"}}""",
        """{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"safe","arguments":{"a":NaN}}}""",
        """{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"safe","arguments":{"a":01}}}""",
        """{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"safe"}} {"id":2}""",
        """{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"safe",}}""",
        """{"jsonrpc":"2.0","id":1,"method":"tools/call",/**/"params":{"name":"safe"}}""",
        """[{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"evil"}}]""",
        """{"jsonrpc":"2.0","id":3,"method":"resources/read","params":{"uri":"file:///a/b"}}""",
        """{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1,"reason":"gone"}}""",
    ];

    private static readonly string[] s_rich =
    [
        """{"jsonrpc":"2.0","id":12345678901234567890,"method":"tools/call","params":{"name":"plan","arguments":{"title":"A long title, with words that may change and stay words: one two three four five six seven eight nine ten","steps":[{"do":"first","with":{"a":1.50,"b":[true,false,null,-3e-7]}},{"do":"second","with":{"text":"line\nline\t\"quoted\" \\ \/ \u20ac \ud83d\ude00"}}],"notes":"more words that hold nothing of note, so that a change in them changes little, again and again and again"}}}""",
        """{"jsonrpc":"2.0","id":"7","method":"prompts/get","params":{"name":"greeting","arguments":{"who":"somebody with a rather long name of many letters that may change without harm to the whole of it"},"_meta":{"progressToken":"some token of some length"}}}""",
    ];

    [Fact]
    [Guarantee("G6")]
    [Row("N05"), Row("N06"), Row("N09"), Row("P09")]
    public async Task Every_parser_reads_of_a_forwarded_body_what_the_gateway_judged()
    {
        await using var node = Child.Start(Checkout.NodeExecutable, [Path.Combine(Checkout.Root, "tests", "specs", "oracle", "oracle.mjs")]);
        await using var python = Child.Start("python3", [Path.Combine(Checkout.Root, "tests", "specs", "oracle", "oracle.py")]);
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(5));
        var (forwarded, refused, readOtherwise) = (0, 0, 0);
        foreach (var body in Corpus())
        {
            var question = Question(body, out var judged);
            if (judged is null) refused++;
            else forwarded++;
            foreach (var (child, name) in new[] { (node, "node"), (python, "python") })
            {
                await child.WriteLineAsync(question);
                var line = await child.ReadLineAsync(patience.Token);
                Assert.True(line is not null, $"{name} ended: {child.Errors}");
                using var readings = JsonDocument.Parse(line);
                foreach (var reading in readings.RootElement.EnumerateObject())
                {
                    var disagreement = Disagreement(reading.Value, judged);
                    if (judged is null) readOtherwise += reading.Value.TryGetProperty("error", out _) ? 0 : 1;
                    else Assert.True(disagreement is null, $"{reading.Name} reads {disagreement} of {Encoding.UTF8.GetString(body)} ({Convert.ToBase64String(body)})");
                }
            }
        }
        // The corpus holds both, and much that some parser would have read although the gateway refused it.
        Assert.True(forwarded > 4_000 && refused > 10_000 && readOtherwise > 3_000, $"{forwarded} forwarded, {refused} refused, {readOtherwise} read all the same");
        TestContext.Current.SendDiagnosticMessage($"{forwarded} bodies forwarded and read alike, {refused} refused, of which parsers would have read {readOtherwise}");
    }

    /// <summary>What the gateway judges of a body; null when it refuses it.</summary>
    private static Judged? Judge(byte[] body)
    {
        // As at the endpoint, in its order (McpIntake).
        if (StrictJson.Check(body, JsonRpcReader.MaxDepth) is not null) return null;
        var message = JsonRpcReader.Read(body);
        if (message.Kind is not (JsonRpcKind.Request or JsonRpcKind.Notification)) return null;
        ReadOnlyMemory<byte>? canonical = null;
        if (!message.Arguments.IsEmpty)
        {
            var output = new ArrayBufferWriter<byte>();
            CanonicalJson.Write(message.Arguments.Of(body.AsSpan()), output);
            canonical = output.WrittenMemory;
        }
        var id = message.Id.IsEmpty ? "null" : Encoding.UTF8.GetString(message.Id.Of(body.AsSpan()));
        return new Judged(message.Method!, message.Name, id, canonical);
    }

    private static string Question(byte[] body, out Judged? judged)
    {
        judged = Judge(body);
        return JsonSerializer.Serialize(new
        {
            body = Convert.ToBase64String(body),
            id = judged?.Id ?? "null",
            canonical = judged?.Arguments is { } arguments ? Convert.ToBase64String(arguments.Span) : null,
        });
    }

    private static string? Disagreement(JsonElement reading, Judged? judged)
    {
        if (judged is null) return null;
        if (reading.TryGetProperty("error", out var error)) return $"an error ({error})";
        if (reading.GetProperty("method").GetString() != judged.Method) return "another method";
        if (reading.GetProperty("tool").GetString() != judged.Tool) return "another tool";
        if (!reading.GetProperty("sameId").GetBoolean()) return "another id";
        return reading.GetProperty("sameArguments").GetBoolean() ? null : "other arguments";
    }

    private static IEnumerable<byte[]> Corpus()
    {
        var bodies = s_bodies.Select(Encoding.UTF8.GetBytes).ToList();
        foreach (var body in bodies) yield return body;
        // Documents on which parsers differ, as an argument and as the whole message.
        foreach (var file in Directory.EnumerateFiles(Path.Combine(Checkout.Root, "tests", "specs", "json"), "*.json").Order(StringComparer.Ordinal))
        {
            var document = File.ReadAllBytes(file);
            yield return document;
            yield return [.. """{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"refund","arguments":{"x":"""u8, .. document, .. "}}}"u8];
        }
        var depth = new[] { 10, 59, 60, 61, 62, 63, 64, 100, 900 };
        foreach (var levels in depth)
            yield return [.. """{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"refund","arguments":{"x":"""u8, .. Encoding.ASCII.GetBytes(new string('[', levels) + new string(']', levels)), .. "}}}"u8];
        var hostile = new Mutator(bodies, new Random(20260728));
        for (var i = 0; i < Variants; i++) yield return hostile.Next();
        // Variants of what is sound stay sound more often.
        var sound = new Mutator([.. bodies.Where(body => Judge(body) is not null), .. s_rich.Select(Encoding.UTF8.GetBytes)], new Random(20251125));
        for (var i = 0; i < 3 * Variants; i++) yield return sound.Next();
    }

    private sealed record Judged(string Method, string? Tool, string Id, ReadOnlyMemory<byte>? Arguments);
}
