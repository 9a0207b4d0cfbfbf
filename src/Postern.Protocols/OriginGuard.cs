using System.Net;
using Microsoft.AspNetCore.Http;

namespace Postern.Protocols;

/// <summary>
/// Refuses requests that a browser was led to by a foreign page or a rebound name (DNS rebinding): the Host must be one that
/// is served, the Origin, if there is one, must be allowed.
/// </summary>
internal sealed class OriginGuard
{
    private readonly HashSet<string> _hosts = new(StringComparer.OrdinalIgnoreCase);
    private readonly HashSet<string> _origins = new(StringComparer.OrdinalIgnoreCase);

    public OriginGuard(ProtocolServices services)
    {
        var own = new Uri(services.PublicUrl);
        _hosts.Add(own.Authority);
        _hosts.Add($"{own.Host}:{own.Port}"); // the default port spelt out
        _origins.Add(own.GetLeftPart(UriPartial.Authority));
        foreach (var host in services.AllowedHosts) _hosts.Add(host);
        foreach (var origin in services.AllowedOrigins) _origins.Add(origin.TrimEnd('/'));
    }

    /// <summary>True when host and origin are ones that are served.</summary>
    public bool Permits(HttpContext http)
    {
        var host = http.Request.Host.Value;
        if (string.IsNullOrEmpty(host) || !(_hosts.Contains(host) || IsListener(http, host))) return false;
        var origins = http.Request.Headers.Origin;
        if (origins.Count == 0) return true;
        if (origins.Count > 1 || origins[0] is not { } origin) return false;
        return IsPermitted(http, origin);
    }

    /// <summary>The same at a host name that is a connection's own, which whoever led the request here has looked at.</summary>
    public bool PermitsAtHost(HttpContext http)
    {
        var origins = http.Request.Headers.Origin;
        if (origins.Count == 0) return true;
        return origins.Count == 1 && origins[0] is { } origin && (origin == $"{http.Request.Scheme}://{http.Request.Host.Value}" || IsPermitted(http, origin));
    }

    private bool IsPermitted(HttpContext http, string origin)
    {
        return _origins.Contains(origin)
            || (Uri.TryCreate(origin, UriKind.Absolute, out var uri) && origin == uri.GetLeftPart(UriPartial.Authority)
                && string.Equals(uri.Scheme, http.Request.Scheme, StringComparison.Ordinal) && IsListener(http, uri.Authority));
    }

    /// <summary>The address that the connection came in on; on loopback also its three usual spellings.</summary>
    private static bool IsListener(HttpContext http, string host)
    {
        var address = http.Connection.LocalIpAddress;
        if (address is null) return false;
        if (address.IsIPv4MappedToIPv6) address = address.MapToIPv4();
        var port = http.Connection.LocalPort;
        if (IPAddress.IsLoopback(address))
            return host == $"127.0.0.1:{port}" || host == $"[::1]:{port}" || string.Equals(host, $"localhost:{port}", StringComparison.OrdinalIgnoreCase);
        return IPEndPoint.TryParse(host, out var endpoint) && endpoint.Port == port && endpoint.Address.Equals(address);
    }
}
