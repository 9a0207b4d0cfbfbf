using System.Buffers;
using System.Net;
using Postern.Gateway.Configuration;
using Postern.Protocols.Http;
using Postern.Protocols.Kubernetes;
using Postern.Protocols.Mcp;

namespace Postern.Gateway.Connections;

/// <summary>What belongs to targets over HTTP alone, and what stands against it.</summary>
internal static class HttpTargets
{
    private const int LongestName = 253;
    private const int LongestLabel = 63;

    private static readonly SearchValues<char> LabelCharacters = SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789-");

    /// <summary>What stands against one connection, each with the key it belongs to.</summary>
    public static IEnumerable<(string Path, string Message)> Problems(ConnectionOptions connection)
    {
        var path = $"connections.{connection.Name}";
        var isHttp = connection.Protocol is HttpProtocol.ProtocolName or KubernetesVocabulary.ProtocolName or McpProtocol.ProtocolName;
        // Only MCP is spoken over pipes; to anything else a child would be a target that nothing ever reaches.
        if (connection.Stdio is not null && connection.Protocol is HttpProtocol.ProtocolName or KubernetesVocabulary.ProtocolName) yield return ($"{path}.stdio", $"a `{connection.Protocol}` target is reached at an URL; give `url`, or make the protocol `{McpProtocol.ProtocolName}`");
        if (connection.Stdio is not null && connection.OpenApi is not null) yield return ($"{path}.openapi", "a server over stdio has no OpenAPI document; remove the key");
        if (connection.Stdio is not null && connection.Authorities is not null) yield return ($"{path}.tls.ca", "a server over stdio has no certificate; remove the key");
        if (connection.IsHttp2 && (!isHttp || connection.Stdio is not null)) yield return ($"{path}.http2", "only a target over HTTP is spoken to in HTTP/2; remove the key");
        if (connection.Authorities is not null && isHttp && ConfigurationValue.TryUrl(connection.Url, out var url) && url.Scheme != "https") yield return ($"{path}.tls.ca", $"`{connection.Url}` has no certificate; use https, or remove the key");
        if (connection.HostNames.IsEmpty) yield break;
        if (connection.Protocol != HttpProtocol.ProtocolName) yield return ($"{path}.hostnames", $"only an `{HttpProtocol.ProtocolName}` connection has host names of its own; remove the key");
        foreach (var name in connection.HostNames)
        {
            if (Complaint(name) is { } complaint) yield return ($"{path}.hostnames", complaint);
        }
    }

    /// <summary>Names that lead to two places: which of them answers would depend on who is asked.</summary>
    public static IEnumerable<(string Path, string Message)> Collisions(GatewayOptions options)
    {
        var taken = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (var url in (string?[])[options.Url, options.PublicUrl, options.Management, options.Connections.Any(connection => connection.Protocol == KubernetesVocabulary.ProtocolName) ? options.Kubernetes : null])
        {
            if (url is not null && ConfigurationValue.TryUrl(url, out var own)) taken.TryAdd(own.IdnHost, "the gateway itself");
        }
        foreach (var host in options.AllowedHosts) taken.TryAdd(HostOf(host), "the gateway itself (`allowedHosts`)");
        foreach (var connection in options.Connections)
        {
            foreach (var name in connection.HostNames)
            {
                if (!taken.TryAdd(name, $"connection `{connection.Name}`")) yield return ($"connections.{connection.Name}.hostnames", $"`{name}` already leads to {taken[name]}; one name leads to one place");
            }
        }
    }

    /// <summary>Why this cannot be a host name; null when it can.</summary>
    private static string? Complaint(string name)
    {
        if (IPAddress.TryParse(name, out _) || name.Equals("localhost", StringComparison.OrdinalIgnoreCase)) return $"`{name}` is the machine's, not a connection's; expected a host name such as `billing.example`";
        var isOne = name.Length is > 0 and <= LongestName;
        foreach (var label in name.Split('.')) isOne &= label.Length is > 0 and <= LongestLabel && label[0] != '-' && label[^1] != '-' && !label.AsSpan().ContainsAnyExcept(LabelCharacters);
        return isOne ? null : $"expected a host name in lower-case letters, digits, `-` and `.`, without a port, such as `billing.example`, found `{name}`";
    }

    private static string HostOf(string authority) => authority.LastIndexOf(':') is > 0 and var colon && !authority.EndsWith(']') ? authority[..colon] : authority;
}
