using System.Collections.Concurrent;
using Postern.Core.Pipeline;
using Postern.Protocols.Mcp.Wire;
using Postern.Upstreams;

namespace Postern.Protocols.Mcp;

/// <summary>The only headers that travel to a target. Nothing of the caller's is copied but what was checked against the body.</summary>
internal static class UpstreamHeaders
{
    private const int MaxUsual = 1_024;
    private const int MaxUsualName = 128;

    private static readonly KeyValuePair<string, string> JsonContent = new("Content-Type", "application/json");
    private static readonly KeyValuePair<string, string> AcceptBoth = new("Accept", "application/json, text/event-stream");
    private static readonly KeyValuePair<string, string> AcceptStream = new("Accept", "text/event-stream");

    private static readonly UpstreamRequest PlainPost = new("POST", [JsonContent, AcceptBoth]);

    // The heads of calls without anything of their own, by what is in them. Bounded: what does not fit is made anew.
    private static readonly ConcurrentDictionary<(string? Version, string Method, string? Name), UpstreamRequest> Usual = new();

    private static int s_usual;

    public static UpstreamRequest For(McpCall call)
    {
        if (call is { HttpMethod: "POST", Era: McpEra.Sessions })
            return call.Session is not null ? call.Session.PostRequest(call.Version) : call.Version is null ? PlainPost : Post(call.Version, null);
        if (call is not { HttpMethod: "POST", Era: McpEra.Stateless, ParamHeaders.Count: 0, Session: null, ResumeAfter: null, MethodHeader: { } method } || method.Length > MaxUsualName || call.NameHeader?.Length > MaxUsualName) return Make(call);
        var key = (call.Version, method, call.NameHeader);
        if (Usual.TryGetValue(key, out var known)) return known;
        var made = Make(call);
        if (Volatile.Read(ref s_usual) < MaxUsual && Usual.TryAdd(key, made)) Interlocked.Increment(ref s_usual);
        return made;
    }

    /// <summary>The same with the span of what is being forwarded, for the target's own spans to stand below; as it is when nobody traces.</summary>
    public static UpstreamRequest Traced(UpstreamRequest request) => OperationTrace.Outgoing is { } trace ? request with { Headers = [.. request.Headers, new("traceparent", trace)] } : request;

    private static UpstreamRequest Make(McpCall call)
    {
        var headers = new List<KeyValuePair<string, string>>(6);
        if (call.HttpMethod == "POST")
        {
            headers.Add(JsonContent);
            headers.Add(AcceptBoth);
        }
        else if (call.HttpMethod == "GET")
        {
            headers.Add(AcceptStream);
        }
        if (call.Version is not null) headers.Add(new(McpHeaders.ProtocolVersion, call.Version));
        if (call.Session is { } session) headers.Add(new(McpHeaders.SessionId, session.UpstreamId));
        if (call.ResumeAfter is not null) headers.Add(new(McpHeaders.LastEventId, call.ResumeAfter));
        if (call.Era == McpEra.Stateless)
        {
            if (call.MethodHeader is not null) headers.Add(new(McpHeaders.Method, call.MethodHeader));
            if (call.NameHeader is not null) headers.Add(new(McpHeaders.Name, call.NameHeader));
            headers.AddRange(call.ParamHeaders);
        }
        return new UpstreamRequest(call.HttpMethod, headers) { OnlyListens = call.HttpMethod == "GET" };
    }

    /// <summary>A POST of the sessions era.</summary>
    public static UpstreamRequest Post(string? version, string? upstreamSession)
    {
        var headers = new List<KeyValuePair<string, string>>(4) { JsonContent, AcceptBoth };
        if (version is not null) headers.Add(new(McpHeaders.ProtocolVersion, version));
        if (upstreamSession is not null) headers.Add(new(McpHeaders.SessionId, upstreamSession));
        return new UpstreamRequest("POST", headers);
    }

    /// <summary>A client's answer to a server's question, under the clearance of that question.</summary>
    public static UpstreamRequest ForAnswer(McpCall call, ReadOnlyMemory<byte> answer) => Post(call.Version, call.Session?.UpstreamId) with { Input = answer };
}
