using System.Buffers.Text;
using System.Text;
using System.Text.Unicode;

namespace Postern.Protocols.Mcp.Wire;

/// <summary>MCP's own HTTP headers: their names, how a value is decoded, and whether it says what the body says.</summary>
internal static class McpHeaders
{
    public const string ProtocolVersion = "MCP-Protocol-Version";
    public const string SessionId = "Mcp-Session-Id";
    public const string Method = "Mcp-Method";
    public const string Name = "Mcp-Name";
    public const string ParamPrefix = "Mcp-Param-";
    public const string LastEventId = "Last-Event-ID";

    private const string Opening = "=?base64?";
    private const string Closing = "?=";

    /// <summary>
    /// Decodes a value (2026-07-28, "Value Encoding"): visible ASCII as it stands, anything else wrapped as
    /// <c>=?base64?…?=</c>; half a wrapping is no wrapping. False for what is neither: non-ASCII, wrong padding, bytes that are
    /// not UTF-8, line breaks.
    /// </summary>
    public static bool TryDecode(string raw, out string decoded) => TryDecodeText(raw, out decoded) && !decoded.AsSpan().ContainsAny('\r', '\n', '\0');

    /// <summary>The same for the mirror of an argument, which may be any text and is compared with it.</summary>
    public static bool TryDecodeText(string raw, out string decoded)
    {
        decoded = raw;
        if (!raw.StartsWith(Opening, StringComparison.Ordinal) || !raw.EndsWith(Closing, StringComparison.Ordinal)) return IsPlain(raw);
        decoded = "";
        // One question mark cannot both open and close.
        if (raw.Length < Opening.Length + Closing.Length) return false;
        var text = raw.AsSpan(Opening.Length, raw.Length - Opening.Length - Closing.Length);
        // Exactly the canonical alphabet and padding: decoders that skip white space would read another name.
        if (text.Length % 4 != 0 || text.ContainsAny(' ', '\t', '\r') || text.Contains('\n')) return false;
        var bytes = new byte[Base64.GetMaxDecodedFromUtf8Length(text.Length)];
        if (!Convert.TryFromBase64Chars(text, bytes, out var length) || !Utf8.IsValid(bytes.AsSpan(0, length))) return false;
        if (!Convert.ToBase64String(bytes.AsSpan(0, length)).AsSpan().SequenceEqual(text)) return false;
        decoded = Encoding.UTF8.GetString(bytes, 0, length);
        return true;
    }

    /// <summary>True when every character is visible ASCII or a space.</summary>
    public static bool IsPlain(string value) => value.AsSpan().IndexOfAnyExceptInRange(' ', '~') < 0;

    /// <summary>
    /// Which era's rules hold for a message, and whether its headers say what its body says. Null when they do.
    /// </summary>
    /// <param name="version">The version header's single value, or null.</param>
    /// <param name="method">The method header's single value, or null.</param>
    /// <param name="name">The name header's single value, or null.</param>
    /// <param name="message">The body.</param>
    /// <param name="era">The era.</param>
    public static HeaderFault? Check(string? version, string? method, string? name, in JsonRpcMessage message, out McpEra era)
    {
        era = McpEra.Sessions;
        if (version is null || McpVersions.IsOfSessions(version))
        {
            // A body of the stateless era under an older header would reach a server by rules that do not hold for it.
            if (message.MetaVersion is null) return null;
            return Mismatch($"`{ProtocolVersion}` must say what `_meta` says");
        }
        era = McpEra.Stateless;
        if (message.MetaVersion is { } said && !string.Equals(said, version, StringComparison.Ordinal)) return Mismatch($"`{ProtocolVersion}` must say what `_meta` says");
        if (!string.Equals(version, McpVersions.Stateless, StringComparison.Ordinal))
            return new HeaderFault(JsonRpcCodes.UnsupportedVersion, "unsupported protocol version") { IsVersion = true };
        if (message.Kind is not (JsonRpcKind.Request or JsonRpcKind.Notification)) return new HeaderFault(JsonRpcCodes.InvalidRequest, "responses are not accepted in this revision");
        if (message.MetaVersion is null) return new HeaderFault(JsonRpcCodes.InvalidParams, "expected the protocol version in `params._meta`");
        if (method is null || !TryDecode(method, out var decoded) || !string.Equals(decoded, message.Method, StringComparison.Ordinal))
            return Mismatch($"`{Method}` must say what `method` says");
        var expected = message.Method switch
        {
            McpMethods.ToolsCall or McpMethods.PromptsGet => message.Name,
            McpMethods.ResourcesRead => message.Uri,
            _ => null,
        };
        if (expected is not null && (name is null || !TryDecode(name, out decoded) || !string.Equals(decoded, expected, StringComparison.Ordinal)))
            return Mismatch($"`{Name}` must say what the body says");
        return null;

        static HeaderFault Mismatch(string text) => new(JsonRpcCodes.HeaderMismatch, text);
    }
}

/// <summary>A message whose headers do not fit: HTTP 400 and this JSON-RPC error.</summary>
internal sealed record HeaderFault(int Code, string Message)
{
    /// <summary>The version is not served; the error lists those that are.</summary>
    public bool IsVersion { get; init; }
}
