using System.Buffers;
using System.Text;
using System.Text.Json.Nodes;
using Postern.Core.Masking;
using Postern.Protocols.Mcp;
using Postern.Tests.Masking;

namespace Postern.Tests.Mcp;

/// <summary>Every type of message that a server can send, in both eras, with canaries wherever the schemas have room for one.</summary>
[Guarantee("G11")]
public sealed class McpMaskCoverageTests
{
    private const string Canary = "eve.canary@example.com";
    private const string Number = "4111111111111111";

    private const string Policy = """
        version: 1
        rules:
          - { id: all, who: { groups: [support] }, on: { connection: shop, everything: true }, then: allow }
          - { id: asks, who: { groups: [support] }, on: { connection: shop, server_asks: [sampling, elicitation, roots] }, then: allow }
          - { id: tasks, who: { groups: [support] }, on: { connection: shop, extensions: [tasks/get, tasks/list, tasks/cancel, tasks/result, "tasks/get#unknown", "tasks/list#unknown", "tasks/cancel#unknown", "tasks/result#unknown"] }, then: allow }
        masks:
          - { id: pii, detect: [credit-card, email], as: redact }
        """;

    private static readonly Dictionary<string, (string Method, string Parameters, string? Name)> s_requests = new(StringComparer.Ordinal)
    {
        ["CallToolResult"] = ("tools/call", "\"name\":\"list_orders\"", "list_orders"),
        ["CompatibilityCallToolResult"] = ("tools/call", "\"name\":\"list_orders\"", "list_orders"),
        ["CreateTaskResult"] = ("tools/call", "\"name\":\"list_orders\"", "list_orders"),
        ["InputRequiredResult"] = ("tools/call", "\"name\":\"list_orders\"", "list_orders"),
        ["JSONRPCErrorResponse"] = ("tools/call", "\"name\":\"list_orders\"", "list_orders"),
        ["GetPromptResult"] = ("prompts/get", "\"name\":\"p\"", "p"),
        ["ReadResourceResult"] = ("resources/read", "\"uri\":\"a://b\"", "a://b"),
        ["CompleteResult"] = ("completion/complete", "\"ref\":{\"type\":\"ref/resource\",\"uri\":\"a://b\"},\"argument\":{\"name\":\"a\",\"value\":\"b\"}", null),
        ["ListToolsResult"] = ("tools/list", "", null),
        ["ListPromptsResult"] = ("prompts/list", "", null),
        ["ListResourcesResult"] = ("resources/list", "", null),
        ["ListResourceTemplatesResult"] = ("resources/templates/list", "", null),
        ["EmptyResult"] = ("ping", "", null),
        ["InitializeResult"] = ("initialize", "\"protocolVersion\":\"2025-11-25\",\"capabilities\":{},\"clientInfo\":{\"name\":\"t\",\"version\":\"1\"}", null),
        ["DiscoverResult"] = ("server/discover", "", null),
        ["SubscriptionsListenResult"] = ("subscriptions/listen", "\"notifications\":{}", null),
        ["GetTaskResult"] = ("tasks/get", "\"taskId\":\"t\"", "t"),
        ["GetTaskPayloadResult"] = ("tasks/result", "\"taskId\":\"t\"", "t"),
        ["CancelTaskResult"] = ("tasks/cancel", "\"taskId\":\"t\"", "t"),
        ["ListTasksResult"] = ("tasks/list", "", null),
    };

    // Types that one era alone has; whatever else is sent there must not pass at all.
    private static readonly string[] s_onlySessions = ["EmptyResult", "InitializeResult"];
    private static readonly string[] s_onlyStateless = ["DiscoverResult", "SubscriptionsListenResult", "InputRequiredResult"];

    [Fact]
    [Row("M02"), Row("M08")]
    public void No_place_of_any_message_lets_a_canary_through()
    {
        var masker = MaskTest.Values(MaskKind.Redact, Detectors.Email, Detectors.CreditCard);
        var output = new ArrayBufferWriter<byte>();
        var (masked, blocked) = (0, 0);
        foreach (var (type, message) in McpMessageTypes.All)
        {
            var shape = McpMessageTypes.ShapeOf(type);
            foreach (var (place, planted) in McpMessageTypes.EachPlace(message, Canary, Number))
            {
                // The id of an answer is the caller's own: another one is dropped before masks.
                if (place.StartsWith("\nid", StringComparison.Ordinal) && !ReferenceEquals(shape, McpShapes.ServerAsk)) continue;
                output.ResetWrittenCount();
                try
                {
                    masker.Apply(Encoding.UTF8.GetBytes(planted), shape, output);
                    masked++;
                }
                catch (MaskingException)
                {
                    blocked++;
                    continue;
                }
                var released = Encoding.UTF8.GetString(output.WrittenSpan);
                Assert.False(released.Contains(Canary, StringComparison.Ordinal) || released.Contains(Number, StringComparison.Ordinal), $"{type}{place.Replace('\n', '.')}");
            }
        }
        Assert.True(masked > 500 && blocked > 50 && blocked < masked / 2, $"{masked} masked, {blocked} blocked");
    }

    [Fact]
    [Row("M02"), Row("P27"), Row("P23")]
    public async Task Every_type_of_message_passes_through_both_eras_without_its_canaries()
    {
        var next = new Sent("", "");
        await using var bed = await McpTestBed.StartAsync(Policy, server => server.Override = async (http, received) =>
        {
            if (received.Method == "prompts/list" && (next.Message.Length == 0 || received.Body.Contains("\"postern\"", StringComparison.Ordinal)))
            {
                await FakeMcpServer.SseAsync(http, $$$"""{"jsonrpc":"2.0","id":{{{received.Json.GetProperty("id").GetRawText()}}},"result":{"resultType":"complete","ttlMs":1,"cacheScope":"private","prompts":[{"name":"p"}]}}""");
                return true;
            }
            if (received.Body.Contains("\"postern\"", StringComparison.Ordinal) || received.HttpMethod != "POST" || received.Method is null || next.Message.Length == 0) return false;
            if (!received.Json.TryGetProperty("id", out var id)) return false;
            var own = JsonNode.Parse(id.GetRawText());
            string Of(string message)
            {
                var node = JsonNode.Parse(message)!;
                if (node["method"] is null) node["id"] = own!.DeepClone();
                return node.ToJsonString();
            }
            await FakeMcpServer.SseAsync(http, next.Message.Contains("\"method\":\"notifications/", StringComparison.Ordinal)
                ? [Of(next.Message), Of("""{"jsonrpc":"2.0","result":{"resultType":"complete","content":[]}}""")]
                : [Of(next.Message)]);
            return true;
        });
        await bed.SendAsync("""{"jsonrpc":"2.0","id":1,"method":"prompts/list"}"""); // what was never listed cannot be asked for
        var (passed, types) = (0, new HashSet<string>(StringComparer.Ordinal));
        foreach (var (type, message) in McpMessageTypes.All)
        {
            if (type.EndsWith("Request", StringComparison.Ordinal)) continue;
            var isNotification = type.EndsWith("Notification", StringComparison.Ordinal);
            var (method, parameters, name) = s_requests[isNotification ? "CallToolResult" : type];
            var comma = parameters.Length > 0 ? "," : "";
            foreach (var isStateless in new[] { false, true })
            {
                if ((isStateless ? s_onlySessions : s_onlyStateless).Contains(type)) continue;
                next = new Sent(type, McpMessageTypes.Planted(message, Canary, isNameToken: type.StartsWith("List", StringComparison.Ordinal))
                    .Replace($"\"url\":\"{Canary}\"", $"\"url\":\"https://sign-in.example/?as={Canary}\"", StringComparison.Ordinal));
                var answer = isStateless
                    ? await bed.SendModernAsync(method, parameters, name)
                    : await bed.SendAsync("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"" + method + "\",\"params\":{" + parameters + comma + "\"_meta\":{\"progressToken\":\"plain\"}}}");
                Assert.True(answer.Body.Length > 0 && !answer.Body.Contains(Canary, StringComparison.Ordinal), $"{type}: {answer.Body}");
                if (!answer.Body.Contains("[masked:pii", StringComparison.Ordinal)) continue;
                types.Add(type);
                passed++;
            }
        }
        Assert.DoesNotContain(bed.Recorder.Log, line => line.Contains(Canary, StringComparison.Ordinal));
        // Lists may be empty after filters; whatever has room for text passed at least once, masked.
        string[] without = [.. McpMessageTypes.All.Select(each => each.Type).Distinct().Where(type => !type.EndsWith("Request", StringComparison.Ordinal)).Except(types)];
        Assert.True(passed > 60, $"{passed} passed");
        // The rest reaches those alone whom it is for (ServerNoticeTests); here nobody subscribed, was asked, or named an extension.
        Assert.Equal("CancelledNotification,ElicitationCompleteNotification,ResourceUpdatedNotification,SubscriptionsAcknowledgedNotification,TaskStatusNotification", string.Join(",", without.Order(StringComparer.Ordinal)));
    }

    private sealed record Sent(string Type, string Message);

    [Theory]
    [InlineData("CreateMessageRequest")]
    [InlineData("ElicitRequest")]
    [InlineData("ListRootsRequest")]
    public async Task What_a_server_asks_is_masked_on_its_way_to_the_client(string type)
    {
        foreach (var (_, message) in McpMessageTypes.All.Where(each => each.Type == type))
        {
            if (message["params"] is null) continue;
            var answered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            var ask = McpMessageTypes.Planted(message, Canary, isNameToken: false).Replace("\"id\":1", "\"id\":\"ask-1\"", StringComparison.Ordinal)
                .Replace($"\"url\":\"{Canary}\"", $"\"url\":\"https://sign-in.example/?as={Canary}\"", StringComparison.Ordinal); // no other link is passed on
            await using var bed = await McpTestBed.StartAsync(Policy, server => server.Override = async (http, received) =>
            {
                if (received.Method != "tools/call") return false;
                await FakeMcpServer.SseAsync(http, ask);
                await answered.Task;
                await FakeMcpServer.SseAsync(http, """{"jsonrpc":"2.0","id":5,"result":{"content":[]}}""");
                return true;
            });
            var session = await bed.InitializeAsync();
            using var request = new HttpRequestMessage(HttpMethod.Post, bed.Url)
            {
                Content = new StringContent("""{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"list_orders"}}""", Encoding.UTF8, "application/json"),
            };
            request.Headers.TryAddWithoutValidation("Authorization", "Bearer alice");
            request.Headers.TryAddWithoutValidation("Mcp-Session-Id", session);
            using var response = await bed.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
            using var lines = new StreamReader(await response.Content.ReadAsStreamAsync());

            var asked = await lines.ReadLineAsync();

            answered.SetResult();
            Assert.Contains("\"id\":\"ask-1\"", asked, StringComparison.Ordinal);
            Assert.Contains("[masked:pii", asked, StringComparison.Ordinal);
            Assert.DoesNotContain(Canary, asked, StringComparison.Ordinal);
            Assert.DoesNotContain(bed.Recorder.Intents, intent => Encoding.UTF8.GetString(intent.Request.Value.Span).Contains(Canary, StringComparison.Ordinal));
        }
    }
}
