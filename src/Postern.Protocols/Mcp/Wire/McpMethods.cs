namespace Postern.Protocols.Mcp.Wire;

/// <summary>The methods of every published revision, and how one is read without allocating.</summary>
internal static class McpMethods
{
    public const string Initialize = "initialize";
    public const string Discover = "server/discover";
    public const string Ping = "ping";
    public const string ToolsList = "tools/list";
    public const string ToolsCall = "tools/call";
    public const string PromptsList = "prompts/list";
    public const string PromptsGet = "prompts/get";
    public const string ResourcesList = "resources/list";
    public const string TemplatesList = "resources/templates/list";
    public const string ResourcesRead = "resources/read";
    public const string Subscribe = "resources/subscribe";
    public const string Unsubscribe = "resources/unsubscribe";
    public const string Complete = "completion/complete";
    public const string SetLevel = "logging/setLevel";
    public const string Listen = "subscriptions/listen";

    public const string CreateMessage = "sampling/createMessage";
    public const string Elicit = "elicitation/create";
    public const string ListRoots = "roots/list";

    public const string Initialized = "notifications/initialized";
    public const string Cancelled = "notifications/cancelled";
    public const string Progress = "notifications/progress";
    public const string LogMessage = "notifications/message";
    public const string ToolsChanged = "notifications/tools/list_changed";
    public const string PromptsChanged = "notifications/prompts/list_changed";
    public const string ResourcesChanged = "notifications/resources/list_changed";
    public const string ResourceUpdated = "notifications/resources/updated";
    public const string RootsChanged = "notifications/roots/list_changed";
    public const string ElicitationComplete = "notifications/elicitation/complete";
    public const string ListenAcknowledged = "notifications/subscriptions/acknowledged";

    // The hot ones first.
    private static readonly string[] Known =
    [
        ToolsCall, ToolsList, Progress, LogMessage, Initialize, Initialized, Ping, Discover, PromptsList, PromptsGet, ResourcesList, TemplatesList,
        ResourcesRead, Subscribe, Unsubscribe, Complete, SetLevel, Listen, CreateMessage, Elicit, ListRoots, Cancelled, ToolsChanged, PromptsChanged,
        ResourcesChanged, ResourceUpdated, RootsChanged, ElicitationComplete, ListenAcknowledged,
    ];

    private static readonly byte[][] KnownUtf8 = [.. Known.Select(System.Text.Encoding.UTF8.GetBytes)];

    /// <summary>True for the requests that the specification gives clients in this era.</summary>
    public static bool IsSpecified(string method, McpEra era) => method switch
    {
        ToolsCall or ToolsList or PromptsList or PromptsGet or ResourcesList or TemplatesList or ResourcesRead or Complete => true,
        Initialize or Ping or SetLevel or Subscribe or Unsubscribe => era == McpEra.Sessions,
        Discover or Listen => era == McpEra.Stateless,
        _ => false,
    };

    /// <summary>
    /// True for the requests whose answer may be that the client comes back with more (2026-07-28, "Multi Round-Trip Requests");
    /// the same are worth waiting for when people must agree first.
    /// </summary>
    public static bool MayComeBack(string method) => method is ToolsCall or PromptsGet or ResourcesRead;

    /// <summary>True for the requests whose result may ask for input (2026-07-28): these three, and those of extensions.</summary>
    public static bool MayAskForInput(string method) => MayComeBack(method) || !IsSpecified(method, McpEra.Stateless);

    /// <summary>True for the notifications that servers send in this era; no other reaches a client.</summary>
    public static bool IsServerNotification(string method, McpEra era) => method switch
    {
        Progress or LogMessage or ToolsChanged or PromptsChanged or ResourcesChanged or ResourceUpdated or Cancelled => true,
        ElicitationComplete => era == McpEra.Sessions,
        ListenAcknowledged => era == McpEra.Stateless,
        _ => false,
    };

    /// <summary>The method's text; a known one is the shared constant. Compared on decoded characters.</summary>
    public static string Read(in System.Text.Json.Utf8JsonReader reader)
    {
        for (var i = 0; i < KnownUtf8.Length; i++)
        {
            if (reader.ValueTextEquals(KnownUtf8[i])) return Known[i];
        }
        return reader.GetString()!;
    }
}
