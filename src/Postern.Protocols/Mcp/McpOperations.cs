using System.Collections.Immutable;
using System.Runtime.InteropServices;
using System.Text.Json;
using Postern.Core.Approvals;
using Postern.Core.Masking;
using Postern.Core.Operations;
using Postern.Protocols.Mcp.Wire;

namespace Postern.Protocols.Mcp;

/// <summary>Where a message came from: the connection and the client's own run of work.</summary>
internal sealed record McpOrigin(Connection Connection, string? ClientRun, string? ClientName)
{
    /// <summary>The trace that the message, or else its request, names.</summary>
    public System.Diagnostics.ActivityContext Trace { get; init; }
}

/// <summary>What is known of the definition that a request names.</summary>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct McpPin(Digest? Definition, bool IsQuarantined);

/// <summary>Why no operation could be made of a message: a JSON-RPC error of the caller's own making.</summary>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct McpFault(int Status, int Code, string Message)
{
    public static McpFault InvalidParams(string message) => new(400, JsonRpcCodes.InvalidParams, message);

    public static McpFault InvalidRequest(string message) => new(400, JsonRpcCodes.InvalidRequest, message);
}

/// <summary>What is being asked? Messages in, operations out. Pure.</summary>
internal static class McpOperations
{
    private static readonly Func<Operation, Digest> DigestOf = McpDigest.Of;
    private static readonly ReadOnlyMemory<byte> EmptyMap = "{}"u8.ToArray();

    /// <summary>Makes the operation of a client's request or notification. False with a fault when what policy must know is missing.</summary>
    public static bool TryRead(McpOrigin origin, McpEra era, in JsonRpcMessage message, ReadOnlyMemory<byte> body, McpPin pin, DateTimeOffset now, out Operation operation, out McpFault fault) =>
        TryRead(origin, era, message, body, pin, null, [], now, out operation, out fault);

    /// <summary>The same for a client that comes back with what it was told to bring, or asks for what an earlier call left behind (<paramref name="more"/>).</summary>
    public static bool TryRead(McpOrigin origin, McpEra era, in JsonRpcMessage message, ReadOnlyMemory<byte> body, McpPin pin, Continuation? continues, ImmutableArray<Part> more, DateTimeOffset now, out Operation operation, out McpFault fault)
    {
        operation = null!;
        fault = default;
        if (!TryReadParts(era, message, body, out var parts, out fault)) return false;
        operation = new Operation
        {
            Id = OperationId.New(now),
            Connection = origin.Connection,
            Parts = more.IsEmpty ? parts : [.. parts, .. more],
            Request = body,
            RequestShape = McpShapes.Request,
            DigestOf = DigestOf,
            Definition = pin.Definition,
            IsQuarantined = pin.IsQuarantined,
            Continues = continues,
            OnlyListens = parts[0].Action == McpActions.Listen,
            ClientRun = origin.ClientRun,
            ClientName = origin.ClientName,
            Trace = origin.Trace,
        };
        return true;
    }

    /// <summary>The definition that a request names: the kind and the name, or nulls. A completion names the prompt that it completes.</summary>
    public static (string? Fact, string? Name) DefinitionOf(in JsonRpcMessage message, ReadOnlyMemory<byte> body) => message.Method switch
    {
        McpMethods.ToolsCall => (McpVocabulary.Tool, message.Name),
        McpMethods.PromptsGet => (McpVocabulary.Prompt, message.Name),
        McpMethods.Complete when ReferenceOf(message, body) is (McpVocabulary.Prompt, var name) => (McpVocabulary.Prompt, name),
        _ => default,
    };

    /// <summary>The operation whose decision says whether a list shows an item: the same as the call, its arguments unknown.</summary>
    public static Operation ForListing(McpOrigin origin, string fact, string name, McpPin pin, DateTimeOffset now) => new()
    {
        Id = OperationId.New(now),
        Connection = origin.Connection,
        Parts =
        [
            new Part
            {
                Action = fact switch { McpVocabulary.Tool => McpActions.CallTool, McpVocabulary.Prompt => McpActions.GetPrompt, _ => McpActions.ReadResource },
                Facts = [Fact.Of(fact, name)],
                Variables = [new Variable(McpVocabulary.Args, default, IsUnknown: true)],
            },
        ],
        Request = default,
        RequestShape = FrameShape.Text,
        DigestOf = DigestOf,
        Definition = pin.Definition,
        IsQuarantined = pin.IsQuarantined,
        ClientRun = origin.ClientRun,
        ClientName = origin.ClientName,
    };

    /// <summary>An operation without a message: a stream opened, resumed, or a session ended.</summary>
    public static Operation OfTransport(McpOrigin origin, string action, ImmutableArray<Part> more, DateTimeOffset now) => new()
    {
        Id = OperationId.New(now),
        Connection = origin.Connection,
        Parts = [new Part { Action = action, IsImplied = true }, .. more],
        Request = default,
        RequestShape = FrameShape.Text,
        DigestOf = DigestOf,
        OnlyListens = action is McpActions.OpenStream or McpActions.ResumeStream,
        ClientRun = origin.ClientRun,
        ClientName = origin.ClientName,
    };

    /// <summary>An operation of the gateway itself, from its closed list.</summary>
    public static Operation OfGateway(Connection connection, string action, ReadOnlyMemory<byte> body, OperationId? parent, DateTimeOffset now) => new()
    {
        Id = OperationId.New(now),
        Connection = connection,
        Parts = [new Part { Action = action, IsImplied = true }],
        Request = body,
        RequestShape = body.IsEmpty ? FrameShape.Text : McpShapes.Request,
        DigestOf = DigestOf,
        Parent = parent,
    };

    /// <summary>What a server asks of the client, as a child of the operation that provoked it.</summary>
    public static Operation OfServerAsk(McpOrigin origin, string ask, ReadOnlyMemory<byte> frame, ReadOnlyMemory<byte> parameters, OperationId parent, DateTimeOffset now) => new()
    {
        Id = OperationId.New(now),
        Connection = origin.Connection,
        Parts =
        [
            ask == McpMethods.Ping
                ? new Part { Action = McpActions.Ping, IsImplied = true }
                : new Part { Action = McpActions.ServerAsk, Facts = [Fact.Of(McpVocabulary.ServerAsk, ask)], Variables = [new Variable(McpVocabulary.Args, parameters.IsEmpty ? EmptyMap : parameters)] },
        ],
        Request = frame,
        RequestShape = McpShapes.ServerAsk,
        DigestOf = DigestOf,
        Parent = parent,
        ClientRun = origin.ClientRun,
        ClientName = origin.ClientName,
    };

    /// <summary>A notification of a server beyond the specification; decided, never forwarded, so it has no bytes.</summary>
    public static Operation OfExtensionNotice(McpOrigin origin, string method, OperationId parent, DateTimeOffset now) => new()
    {
        Id = OperationId.New(now),
        Connection = origin.Connection,
        Parts = [new Part { Action = McpActions.Extension, Facts = [Fact.Of(McpVocabulary.Extension, method)] }],
        Request = default,
        RequestShape = FrameShape.Text,
        DigestOf = DigestOf,
        Parent = parent,
        ClientRun = origin.ClientRun,
        ClientName = origin.ClientName,
    };

    private static bool TryReadParts(McpEra era, in JsonRpcMessage message, ReadOnlyMemory<byte> body, out ImmutableArray<Part> parts, out McpFault fault)
    {
        parts = default;
        fault = default;
        var isRequest = message.Kind == JsonRpcKind.Request;
        switch (message.Method)
        {
            case McpMethods.ToolsCall when isRequest:
                return TryReadNamed(McpActions.CallTool, McpVocabulary.Tool, message, body, out parts, out fault);
            case McpMethods.PromptsGet when isRequest:
                return TryReadNamed(McpActions.GetPrompt, McpVocabulary.Prompt, message, body, out parts, out fault);
            case McpMethods.ResourcesRead when isRequest:
                return TryReadUri(McpActions.ReadResource, message, out parts, out fault);
            case McpMethods.Subscribe when isRequest && era == McpEra.Sessions:
                return TryReadUri(McpActions.Subscribe, message, out parts, out fault);
            case McpMethods.Unsubscribe when isRequest && era == McpEra.Sessions:
                return TryReadUri(McpActions.Unsubscribe, message, out parts, out fault);
            case McpMethods.Complete when isRequest:
                return TryReadCompletion(message, body, out parts, out fault);
            case McpMethods.Listen when isRequest && era == McpEra.Stateless:
                return TryReadListen(message, body, out parts, out fault);
            case McpMethods.ToolsList when isRequest:
                return Implied(McpActions.ListTools, out parts);
            case McpMethods.PromptsList when isRequest:
                return Implied(McpActions.ListPrompts, out parts);
            case McpMethods.ResourcesList when isRequest:
                return Implied(McpActions.ListResources, out parts);
            case McpMethods.TemplatesList when isRequest:
                return Implied(McpActions.ListTemplates, out parts);
            case McpMethods.Initialize when isRequest && era == McpEra.Sessions:
                return Implied(McpActions.Initialize, out parts);
            case McpMethods.Ping when isRequest && era == McpEra.Sessions:
                return Implied(McpActions.Ping, out parts);
            case McpMethods.SetLevel when isRequest && era == McpEra.Sessions:
                return Implied(McpActions.SetLevel, out parts);
            case McpMethods.Discover when isRequest && era == McpEra.Stateless:
                return Implied(McpActions.Discover, out parts);
            case McpMethods.Initialized or McpMethods.Cancelled or McpMethods.Progress or McpMethods.RootsChanged when !isRequest && era == McpEra.Sessions:
                return Implied(McpActions.Notify, out parts);
            default:
                // Not in the specification, or a request sent as a notification: by name only, and never by a pattern.
                if (!isRequest && IsRequestMethod(message.Method!))
                {
                    fault = McpFault.InvalidRequest($"`{message.Method}` is a request and needs an `id`");
                    return false;
                }
                parts = [new Part { Action = McpActions.Extension, Facts = [Fact.Of(McpVocabulary.Extension, message.Method!)], Variables = ArgsOf(message, body) }];
                return true;
        }
    }

    private static bool IsRequestMethod(string method) => method is McpMethods.ToolsCall or McpMethods.PromptsGet or McpMethods.ResourcesRead or McpMethods.Subscribe
        or McpMethods.Unsubscribe or McpMethods.Complete or McpMethods.Listen or McpMethods.ToolsList or McpMethods.PromptsList or McpMethods.ResourcesList
        or McpMethods.TemplatesList or McpMethods.Initialize or McpMethods.Ping or McpMethods.SetLevel or McpMethods.Discover;

    private static bool Implied(string action, out ImmutableArray<Part> parts)
    {
        parts = [new Part { Action = action, IsImplied = true }];
        return true;
    }

    private static bool TryReadNamed(string action, string fact, in JsonRpcMessage message, ReadOnlyMemory<byte> body, out ImmutableArray<Part> parts, out McpFault fault)
    {
        parts = default;
        fault = default;
        if (message.Name is null)
        {
            fault = McpFault.InvalidParams("expected text at `params.name`");
            return false;
        }
        if (!message.Arguments.IsEmpty && body.Span[message.Arguments.Start] != (byte)'{')
        {
            fault = McpFault.InvalidParams("expected an object at `params.arguments`");
            return false;
        }
        parts = [new Part { Action = action, Facts = [Fact.Of(fact, message.Name)], Variables = ArgsOf(message, body) }];
        return true;
    }

    private static ImmutableArray<Variable> ArgsOf(in JsonRpcMessage message, ReadOnlyMemory<byte> body) =>
        [new Variable(McpVocabulary.Args, message.Arguments.IsEmpty || body.Span[message.Arguments.Start] != (byte)'{' ? EmptyMap : message.Arguments.Of(body))];

    private static McpFault Twofold(string fault) => McpFault.InvalidParams($"the URI has {fault}, so it could be read in more than one way; write it plainly");

    private static bool TryReadUri(string action, in JsonRpcMessage message, out ImmutableArray<Part> parts, out McpFault fault)
    {
        parts = default;
        fault = default;
        if (message.Uri is null)
        {
            fault = McpFault.InvalidParams("expected text at `params.uri`");
            return false;
        }
        if (ResourceUri.FaultOf(message.Uri) is { } twofold)
        {
            fault = Twofold(twofold);
            return false;
        }
        parts = [new Part { Action = action, Facts = [Fact.Of(McpVocabulary.Uri, message.Uri)] }];
        return true;
    }

    /// <summary>A completion discloses values, so it is judged by the prompt or resource that it completes.</summary>
    private static bool TryReadCompletion(in JsonRpcMessage message, ReadOnlyMemory<byte> body, out ImmutableArray<Part> parts, out McpFault fault)
    {
        fault = default;
        if (ReferenceOf(message, body) is (not null, not null) reference)
        {
            if (reference.Fact == McpVocabulary.Uri && ResourceUri.FaultOf(reference.Name!) is { } twofold)
            {
                parts = default;
                fault = Twofold(twofold);
                return false;
            }
            parts = [new Part { Action = McpActions.Complete, Facts = [Fact.Of(reference.Fact!, reference.Name!)] }];
            return true;
        }
        parts = default;
        fault = McpFault.InvalidParams("expected `params.ref` with `type` `ref/prompt` and `name`, or `ref/resource` and `uri`");
        return false;
    }

    /// <summary>What a completion completes: a prompt by name, or a resource template by URI.</summary>
    private static (string? Fact, string? Name) ReferenceOf(in JsonRpcMessage message, ReadOnlyMemory<byte> body)
    {
        using var parameters = ParseParams(message, body);
        if (parameters is null || !parameters.RootElement.TryGetProperty("ref", out var reference) || reference.ValueKind != JsonValueKind.Object) return default;
        if (!reference.TryGetProperty("type", out var type) || type.ValueKind != JsonValueKind.String) return default;
        var (member, fact) = type.GetString() switch
        {
            "ref/prompt" => ("name", McpVocabulary.Prompt),
            "ref/resource" => ("uri", McpVocabulary.Uri),
            _ => (null, null),
        };
        return member is not null && reference.TryGetProperty(member, out var name) && name.ValueKind == JsonValueKind.String ? (fact, name.GetString()) : default;
    }

    /// <summary>
    /// A subscription's filter is what is asked: each resource URI in it is judged; what is not understood is an extension.
    /// </summary>
    private static bool TryReadListen(in JsonRpcMessage message, ReadOnlyMemory<byte> body, out ImmutableArray<Part> parts, out McpFault fault)
    {
        parts = default;
        fault = default;
        var found = ImmutableArray.CreateBuilder<Part>();
        found.Add(new Part { Action = McpActions.Listen, IsImplied = true });
        using var parameters = ParseParams(message, body);
        if (parameters is not null)
        {
            foreach (var member in parameters.RootElement.EnumerateObject())
            {
                if (member.NameEquals("_meta")) continue;
                if (member.Value.ValueKind != JsonValueKind.Object || !member.NameEquals("notifications"))
                {
                    found.Add(Unknown(member.Name));
                    continue;
                }
                foreach (var wish in member.Value.EnumerateObject())
                {
                    if (wish.Value.ValueKind is JsonValueKind.True or JsonValueKind.False && wish.Name is "toolsListChanged" or "promptsListChanged" or "resourcesListChanged") continue;
                    if (!wish.NameEquals("resourceSubscriptions") || wish.Value.ValueKind != JsonValueKind.Array)
                    {
                        found.Add(Unknown(wish.Name));
                        continue;
                    }
                    foreach (var uri in wish.Value.EnumerateArray())
                    {
                        if (uri.ValueKind != JsonValueKind.String)
                        {
                            fault = McpFault.InvalidParams("expected text in `params.notifications.resourceSubscriptions`");
                            return false;
                        }
                        if (ResourceUri.FaultOf(uri.GetString()!) is { } twofold)
                        {
                            fault = Twofold(twofold);
                            return false;
                        }
                        found.Add(new Part { Action = McpActions.Subscribe, Facts = [Fact.Of(McpVocabulary.Uri, uri.GetString()!)] });
                    }
                }
            }
        }
        parts = found.ToImmutable();
        return true;

        static Part Unknown(string name) => new() { Action = McpActions.Extension, Facts = [Fact.Of(McpVocabulary.Extension, $"{McpMethods.Listen}#{name}")] };
    }

    // The whole body was read strictly before: this cannot meet bytes that are not JSON, duplicates or bad Unicode.
    private static JsonDocument? ParseParams(in JsonRpcMessage message, ReadOnlyMemory<byte> body) => message.Params.IsEmpty ? null : JsonDocument.Parse(message.Params.Of(body));
}
