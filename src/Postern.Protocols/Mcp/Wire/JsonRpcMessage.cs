using System.Runtime.InteropServices;

namespace Postern.Protocols.Mcp.Wire;

/// <summary>What a JSON-RPC 2.0 message is.</summary>
internal enum JsonRpcKind
{
    /// <summary>It is none; see <see cref="JsonRpcMessage.Fault"/>.</summary>
    Invalid,

    /// <summary>A method and an id.</summary>
    Request,

    /// <summary>A method without an id.</summary>
    Notification,

    /// <summary>An id and a result.</summary>
    Result,

    /// <summary>An error, usually with an id.</summary>
    Error,
}

/// <summary>What stands at <c>id</c>.</summary>
internal enum JsonRpcIdKind
{
    /// <summary>There is none.</summary>
    Absent,

    /// <summary>Text.</summary>
    Text,

    /// <summary>An integer, written without fraction and exponent.</summary>
    Integer,

    /// <summary><c>null</c>.</summary>
    Null,

    /// <summary>Anything else.</summary>
    Other,
}

/// <summary>A run of bytes in a message.</summary>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct ByteRange(int Start, int Length)
{
    public bool IsEmpty => Length == 0;

    public ReadOnlySpan<byte> Of(ReadOnlySpan<byte> message) => message.Slice(Start, Length);

    public ReadOnlyMemory<byte> Of(ReadOnlyMemory<byte> message) => message.Slice(Start, Length);
}

/// <summary>The envelope of one message and where its pieces stand; the bytes themselves are never rewritten.</summary>
internal struct JsonRpcMessage
{
    public JsonRpcKind Kind;

    /// <summary>Why it is <see cref="JsonRpcKind.Invalid"/>; holds no part of the message.</summary>
    public string? Fault;

    /// <summary>True when the bytes are not JSON at all (JSON-RPC -32700 rather than -32600).</summary>
    public bool IsNotJson;

    public JsonRpcIdKind IdKind;

    /// <summary>The id's raw token: <c>1</c>, <c>"a"</c>. Ids are compared as raw tokens, so 1 and 1.0 are two ids.</summary>
    public ByteRange Id;

    public string? Method;
    public ByteRange Params;
    public ByteRange Result;
    public ByteRange Error;

    /// <summary><c>params.name</c>, decoded, when it is text.</summary>
    public string? Name;

    /// <summary><c>params.uri</c>, decoded, when it is text.</summary>
    public string? Uri;

    /// <summary>The raw <c>params.arguments</c>.</summary>
    public ByteRange Arguments;

    /// <summary>The raw <c>params._meta</c>.</summary>
    public ByteRange Meta;

    /// <summary>The raw progress token: of a request in <c>_meta</c>, of a progress notification in <c>params</c>.</summary>
    public ByteRange ProgressToken;

    /// <summary><c>params.requestId</c> of a cancellation, raw.</summary>
    public ByteRange RequestId;

    /// <summary>The <c>traceparent</c> in <c>params._meta</c>, as it stands.</summary>
    public string? Trace;

    /// <summary>The stateless era's version in <c>params._meta</c>.</summary>
    public string? MetaVersion;

    /// <summary>The raw list of a listing's result (tools, prompts, resources, templates).</summary>
    public ByteRange Items;

    /// <summary>The raw <c>params.cursor</c>.</summary>
    public ByteRange Cursor;

    /// <summary>The raw <c>result.nextCursor</c>.</summary>
    public ByteRange NextCursor;

    /// <summary>The raw <c>result.cacheScope</c>.</summary>
    public ByteRange CacheScope;

    /// <summary>The raw <c>result.inputRequests</c>: what the server asks of the client in the stateless era.</summary>
    public ByteRange InputRequests;

    /// <summary>The raw <c>requestState</c> of a request's <c>params</c> or of a result: what a client is to bring back (stateless era).</summary>
    public ByteRange RequestState;

    /// <summary>The raw name before it, with its quotes.</summary>
    public ByteRange RequestStateName;

    /// <summary>The raw <c>params.inputResponses</c>: what the client answers to what the server asked (stateless era).</summary>
    public ByteRange InputResponses;

    /// <summary>What the client calls itself in <c>clientInfo.name</c>; untrusted.</summary>
    public string? ClientName;
}
