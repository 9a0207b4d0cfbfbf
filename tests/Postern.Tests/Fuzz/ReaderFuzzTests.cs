using System.Buffers;
using System.Collections.Immutable;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Postern.Core.Approvals;
using Postern.Core.Json;
using Postern.Core.Masking;
using Postern.Core.Operations;
using Postern.Core.Policy;
using Postern.Gateway.Configuration;
using Postern.Gateway.Identities;
using Postern.Protocols;
using Postern.Protocols.Mcp;
using Postern.Protocols.HttpData.Wire;
using Postern.Protocols.Mcp.Wire;
using Postern.Tests.Gateway;
using Postern.Upstreams.Stdio;

namespace Postern.Tests.Fuzz;

/// <summary>
/// Every reader of foreign bytes, on variants of sound input: it answers or refuses, and never throws anything else; and
/// what it accepts, a second reading accepts alike. Two seconds a target here, minutes in the lane (POSTERN_FUZZ_SECONDS).
/// </summary>
[Trait("Lane", "fuzz")]
public sealed class ReaderFuzzTests
{
    private static readonly Connection Shop = new("shop", "mcp", "http://127.0.0.1:1/mcp", ["prod"]);
    private static readonly McpOrigin Origin = new(Shop, null, null);

    private static readonly byte[][] Messages =
    [
        .. new[]
        {
            """{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"refund","arguments":{"order":9,"amount":900,"note":"a\u00e9\ud83d\ude00"},"_meta":{"progressToken":"t"}}}""",
            """{"jsonrpc":"2.0","id":"a","method":"tools/list","params":{"cursor":"x","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}""",
            """{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1,"reason":"gone"}}""",
            """{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"card 4111 1111 1111 1111, ada@example.com"}],"structuredContent":{"customer":{"email":"ada@example.com","card":"4111111111111111"}}}}""",
            """{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"no","data":{"email":"ada@example.com"}}}""",
            """{"jsonrpc":"2.0","id":3,"method":"resources/read","params":{"uri":"file:///a/b"}}""",
            """[{"jsonrpc":"2.0","id":1,"method":"ping"}]""",
        }.Select(Encoding.UTF8.GetBytes),
    ];

    [Fact]
    [Row("N09")]
    [Row("N06")]
    public void The_message_reader_refuses_or_reads_what_any_strict_parser_reads() => Fuzz(Messages, bytes =>
    {
        // Total on any bytes; its word counts only together with the strict check, as at the endpoint.
        var message = JsonRpcReader.Read(bytes);
        if (message.Fault is not null || StrictJson.Check(bytes, JsonRpcReader.MaxDepth) is not null) return;
        using var document = Strict(bytes);
        Assert.Equal(JsonValueKind.Object, document.RootElement.ValueKind);
        if (message.Method is not null) Assert.Equal(document.RootElement.GetProperty("method").GetString(), message.Method);
        if (message.Kind is JsonRpcKind.Request or JsonRpcKind.Notification)
        {
            foreach (var era in new[] { McpEra.Sessions, McpEra.Stateless })
            {
                if (McpOperations.TryRead(Origin, era, message, bytes, default, DateTimeOffset.UnixEpoch, out var operation, out _)) _ = operation.Digest;
            }
        }
    });

    [Fact]
    [Row("P11")]
    public void A_state_is_taken_out_of_a_message_or_replaced_by_the_targets_own_and_nothing_else_changes()
    {
        var services = new ProtocolServices
        {
            Continuations = new ContinuationSeal(new byte[ContinuationSeal.KeyBytes], TimeProvider.System), Clock = TimeProvider.System, PublicUrl = "", AuthorizationServers = [], Logs = null!,
            Pipeline = null!, Authenticator = null!, Connections = null!, Policies = null!, Recorder = null!, Upstreams = null!, Definitions = null!,
        };
        var states = new RequestStates(services);
        var messages = new List<byte[]>();
        foreach (var inner in new[] { "", "\"requestState\":\"t\\u00e4\"," })
        {
            var plain = Encoding.UTF8.GetBytes($$"""{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{ {{inner}} "name":"refund","arguments":{"requestState":"not this"} , "inputResponses" : {"a":{} } } }""");
            var message = JsonRpcReader.Read(plain);
            Assert.True(McpOperations.TryRead(Origin, McpEra.Stateless, message, plain, default, DateTimeOffset.UtcNow, out var operation, out _));
            var state = states.SealWaiting(Doubles.Samples.Person(), operation, Gateway.Approvals.HoldViewTests.Sample(), legs: 1);
            foreach (var shape in new[] { "\"requestState\":\"STATE\",REST", "REST,\"requestState\" : \"STATE\"", "REST\t,\n \"requestState\":\"STATE\" ", " \"requestState\":\"STATE\"" })
            {
                var parameters = shape.Replace("STATE", state, StringComparison.Ordinal).Replace("REST", "\"name\":\"refund\",\"arguments\":{\"requestState\":1}", StringComparison.Ordinal);
                messages.Add(Encoding.UTF8.GetBytes($$"""{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{ {{parameters}} } }"""));
            }
        }
        var opened = 0;
        Fuzz([.. messages], bytes =>
        {
            var message = JsonRpcReader.Read(bytes);
            if (message.Kind is not (JsonRpcKind.Request or JsonRpcKind.Notification) || message.RequestState.IsEmpty || StrictJson.Check(bytes, JsonRpcReader.MaxDepth) is not null) return;
            if (states.Open(message, bytes) is not { } returned) return;
            opened++;
            Assert.Null(StrictJson.Check(returned.Body.Span, JsonRpcReader.MaxDepth));
            var (before, after) = (JsonNode.Parse(bytes)!, JsonNode.Parse(returned.Body.Span)!);
            before["params"]!.AsObject().Remove("requestState");
            if (after["params"]!.AsObject().Remove("requestState", out var state)) Assert.Equal("t\u00e4", state!.GetValue<string>());
            // as texts: comparing the values of numbers stumbles over `1e99999999999`
            Assert.Equal(before.ToJsonString(), after.ToJsonString());
        });
        Assert.True(opened > 0, "no variant was opened: nothing was tested");
    }

    [Fact]
    [Row("N05")]
    [Row("N09")]
    public void The_strict_check_accepts_nothing_that_a_strict_parser_refuses() => Fuzz(Messages, bytes =>
    {
        if (StrictJson.Check(bytes) is not null) return;
        using var document = Strict(bytes);
        var canonical = new ArrayBufferWriter<byte>();
        CanonicalJson.Write(bytes, canonical);
        var again = new ArrayBufferWriter<byte>();
        CanonicalJson.Write(canonical.WrittenSpan, again);
        Assert.True(canonical.WrittenSpan.SequenceEqual(again.WrittenSpan), "the canonical form of a canonical form differs");
    });

    [Fact]
    [Row("P28")]
    public void The_event_reader_reads_the_same_in_any_chunking()
    {
        byte[][] streams =
        [
            .. Messages.Select(message => Encoding.UTF8.GetBytes($"id: 7\nevent: message\ndata: {Encoding.UTF8.GetString(message)}\n\n")),
            Encoding.UTF8.GetBytes("\ufeffretry: 200\r\n: comment\r\rid: 1\r\ndata:\r\n\r\ndata: a\ndata: b\n\n"),
        ];
        var random = new Random(1);
        Fuzz(streams, bytes => Assert.Equal(Events(bytes, _ => bytes.Length), Events(bytes, _ => random.Next(1, 7))));
    }

    [Fact]
    [Row("M01")]
    public void The_masker_refuses_or_writes_what_a_strict_parser_reads()
    {
        Assert.True(JsonPath.TryParse("$..email", out var path, out _));
        var masker = Masker.Compile([new MaskRule("fuzz", [path!], ["credit-card", "email", "api-key"], MaskKind.Redact)], "0123456789abcdef0123456789abcdef"u8);
        var output = new ArrayBufferWriter<byte>();
        Fuzz(Messages, bytes =>
        {
            output.ResetWrittenCount();
            try
            {
                masker.Apply(bytes, McpShapes.Reply, output);
            }
            catch (MaskingException)
            {
                return;
            }
            if (StrictJson.Check(bytes) is null) Assert.Null(StrictJson.Check(output.WrittenSpan));
        });
    }

    [Fact]
    [Row("T04")]
    public void Policies_load_or_name_their_problems() => Fuzz(Files("policy"), bytes =>
    {
        var loaded = Load(Encoding.UTF8.GetString(bytes));
        Assert.True(loaded.Set is not null || !loaded.Problems.IsEmpty, "neither a policy nor a problem");
    });

    [Fact]
    [Row("T04")]
    public void Configurations_load_or_name_their_problems() => Fuzz(Files("configuration"), bytes =>
    {
        var loaded = ConfigurationLoader.Parse("postern.yaml", Encoding.UTF8.GetString(bytes), [], ["mcp"]);
        Assert.True(loaded.Options is not null || loaded.Problems.Any(), "neither options nor a problem");
    });

    [Fact]
    [Row("J23")]
    public void Tokens_are_read_or_refused_with_a_reason()
    {
        byte[][] tokens =
        [
            .. new[] { """{"alg":"RS256","typ":"at+jwt","kid":"1"}""", """{"alg":"none"}""", """{"alg":"RS256","crit":["x"],"b64":false}""" }
                .Select(header => Encoding.ASCII.GetBytes($"{Base64Url(header)}.{Base64Url("""{"iss":"http://a","sub":"b","aud":["c"],"exp":1893456000,"groups":["g"]}""")}.{Base64Url("signature")}")),
        ];
        Fuzz(tokens, bytes =>
        {
            var read = TokenText.TryRead(Encoding.Latin1.GetString(bytes), out var reason);
            Assert.True(read is not null || reason is { Reason.Length: > 0 }, "refused without a reason");
        });
    }

    [Fact]
    [Row("P32")]
    [Row("P09")]
    public void A_spliced_line_reads_as_the_same_message_under_another_id() => Fuzz(Messages, bytes =>
    {
        var envelope = McpLine.Read(bytes);
        if (envelope.Kind == LineKind.Invalid || StrictJson.Check(bytes, JsonRpcReader.MaxDepth) is not null) return;
        var line = Splice.Line(bytes, envelope.Id, "12345"u8, envelope.ProgressToken, "12345"u8);
        Assert.Equal(line.Length - 1, line.AsSpan().IndexOf((byte)'\n'));
        Assert.DoesNotContain((byte)'\r', line);
        var again = McpLine.Read(line.AsSpan(..^1));
        Assert.Equal((envelope.Kind, envelope.Method, envelope.ErrorCode), (again.Kind, again.Method, again.ErrorCode));
        using var document = Strict(line);
        if (!envelope.Id.IsEmpty) Assert.Equal(12345, document.RootElement.GetProperty("id").GetInt32());
        // And back again: the very bytes, but for the line breaks between tokens.
        var back = Splice.Line(line.AsSpan(..^1), again.Id, envelope.Id.Of(bytes), again.ProgressToken, envelope.ProgressToken.Of(bytes));
        Assert.Equal(Encoding.Latin1.GetString(bytes).Replace('\n', ' ').Replace('\r', ' '), Encoding.Latin1.GetString(back.AsSpan(..^1)));
    });

    private static void Fuzz(IReadOnlyList<byte[]> samples, Action<byte[]> target, [CallerMemberName] string name = "") => FuzzRun.Run(name, samples, target);

    private static List<string> Events(byte[] bytes, Func<int, int> chunk)
    {
        using var reader = new SseReader(8 * 1024);
        var events = new List<string>();
        for (var at = 0; at < bytes.Length;)
        {
            var length = Math.Min(chunk(at), bytes.Length - at);
            ReadOnlySpan<byte> input = bytes.AsSpan(at, length);
            while (reader.TryRead(ref input, out var sse))
            {
                events.Add($"{sse.Id}|{sse.Name}|{sse.RetryMilliseconds}|{sse.IsComment}|{sse.HasData}|{Convert.ToHexString(sse.Data.Span)}");
            }
            at += length;
        }
        events.Add(reader.Fault ?? "whole");
        return events;
    }

    private static PolicyLoadResult Load(string text) => PolicyLoader.Load(
        [new PolicyFile("policy.yaml", text)],
        new PolicyEnvironment { Vocabularies = [new McpProtocol().Vocabulary], Connections = [Shop], Issuers = ["demo"], HashKey = new byte[32] },
        1);

    private static JsonDocument Strict(byte[] bytes) => JsonDocument.Parse(bytes, new JsonDocumentOptions { AllowDuplicateProperties = false, MaxDepth = 64 });

    private static byte[][] Files(string folder) =>
        [.. Directory.EnumerateFiles(Repository.PathOf("tests", "specs", folder), "*.yaml", SearchOption.AllDirectories).Select(File.ReadAllBytes)];

    private static string Base64Url(string text) => Convert.ToBase64String(Encoding.UTF8.GetBytes(text)).TrimEnd('=').Replace('+', '-').Replace('/', '_');
}
