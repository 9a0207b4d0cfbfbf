using System.Collections.Frozen;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace Postern.Protocols.HttpData;

/// <summary>
/// Which headers travel. A caller's hop-by-hop headers end here (RFC 9110 section 7.6.1), and so does everything by which targets
/// take somebody's word for who asks, where from or for what: who asks is the gateway's to say.
/// </summary>
internal static class HeaderRules
{
    private static readonly FrozenSet<string> HopByHop = Set(
        "connection", "keep-alive", "proxy-connection", "proxy-authenticate", "proxy-authorization", "proxy-authentication-info", "te", "trailer", "transfer-encoding", "upgrade", "http2-settings", "alt-used");

    // Set anew, or meant for the gateway.
    private static readonly FrozenSet<string> OfTheGateway = Set("host", "authorization", "content-length", "expect", "max-forwards", "origin", "referer", "cookie", "prefer", "via", "forwarded");

    // Identity, address, method or target in somebody's own words (attacks H07, H08, H09).
    private static readonly FrozenSet<string> Claims = Set(
        "x-http-method", "x-http-method-override", "x-method-override", "x-original-url", "x-rewrite-url", "x-original-host", "x-host", "x-real-ip", "x-client-ip", "x-cluster-client-ip", "true-client-ip",
        "cf-connecting-ip", "fastly-client-ip", "x-originating-ip", "x-remote-addr", "remote-user", "remote-groups", "remote-email", "remote-name", "x-user", "x-username", "x-user-id", "x-userid", "x-user-name", "x-user-email",
        "x-email", "x-groups", "x-group", "x-roles", "x-role", "x-identity", "x-tenant", "x-client-cert", "x-client-dn", "x-client-verify", "x-ssl-client-cert", "client-cert", "client-cert-chain", "front-end-https", "x-url-scheme", "x-scheme",
        "x-authenticated", "x-token", "x-access-token", "x-id-token", "x-jwt-assertion", "x-consumer-username", "x-consumer-id", "x-consumer-custom-id", "x-credential-username", "x-anonymous-consumer", "x-envoy-external-address", "x-accel-redirect");

    private static readonly string[] ClaimPrefixes =
    [
        "x-forwarded", "x-postern", "x-remote-", "x-auth-", "x-authenticated-", "x-webauth-", "x-ssl-", "ssl-client", "x-amzn-oidc", "x-amzn-mtls", "x-ms-client-principal", "x-ms-token", "x-goog-authenticated", "x-goog-iap", "cf-access",
        "impersonate-", "x-pomerium", "x-vouch", "x-authentik", "remote-user", "x-endpoint-api-userinfo", "tailscale-", "sec-fetch-", "sec-ch-", "sec-websocket-", "access-control-request",
    ];

    // Differ between repeats of one and the same request: forwarded and recorded, but no approval hangs on them.
    private static readonly FrozenSet<string> Passing = Set(
        "user-agent", "traceparent", "tracestate", "baggage", "x-request-id", "x-correlation-id", "request-id", "date", "accept-encoding", "idempotency-key", "sentry-trace", "x-amzn-trace-id", "x-cloud-trace-context", "uber-trace-id",
        "b3", "elastic-apm-traceparent", "newrelic", "cache-control", "pragma", "dnt", "priority");

    private static readonly string[] PassingPrefixes = ["x-b3-", "x-datadog-", "x-stainless-", "x-ot-span"];

    private static readonly FrozenSet<string> NotOfReplies = Set(
        "alt-svc", "strict-transport-security", "public-key-pins", "clear-site-data", "service-worker-allowed", "nel", "report-to", "reporting-endpoints", "content-security-policy", "content-security-policy-report-only",
        "access-control-allow-origin", "access-control-allow-credentials", "access-control-allow-headers", "access-control-allow-methods", "access-control-expose-headers", "access-control-max-age", "access-control-allow-private-network",
        "www-authenticate", "authentication-info", "content-length", "refresh", "x-accel-redirect", "x-accel-buffering", "x-accel-charset", "x-accel-expires", "x-accel-limit-rate", "x-sendfile", "x-content-type-options");

    /// <summary>True for a header of a request that goes on to the target.</summary>
    /// <param name="name">As the caller wrote it.</param>
    /// <param name="connection">The caller's <c>Connection</c> header, whose words are hop-by-hop too.</param>
    public static bool GoesOn(string name, StringValues connection)
    {
        // A twin for servers that read `_` as `-` (attack H08).
        if (name.Contains('_', StringComparison.Ordinal) || name.StartsWith(':')) return false;
        if (HopByHop.Contains(name) || OfTheGateway.Contains(name) || Claims.Contains(name)) return false;
        foreach (var prefix in ClaimPrefixes)
        {
            if (name.StartsWith(prefix, StringComparison.OrdinalIgnoreCase)) return false;
        }
        return !IsNamed(name, connection);
    }

    /// <summary>True for what identical repeats may say differently.</summary>
    public static bool IsPassing(string name)
    {
        if (Passing.Contains(name)) return true;
        foreach (var prefix in PassingPrefixes)
        {
            if (name.StartsWith(prefix, StringComparison.OrdinalIgnoreCase)) return true;
        }
        return false;
    }

    /// <summary>True for a header of a reply that goes on to the caller.</summary>
    public static bool ComesBack(string name, StringValues connection) => !HopByHop.Contains(name) && !NotOfReplies.Contains(name) && !IsNamed(name, connection);

    /// <summary>True when the header says how bytes that masks change hash or lie.</summary>
    public static bool DescribesBytes(string name) => OfBytes.Contains(name);

    private static readonly FrozenSet<string> OfBytes = Set("content-encoding", "content-md5", "digest", "content-digest", "repr-digest", "want-content-digest", "accept-ranges", "content-range", "x-checksum-sha1", "x-goog-hash", "x-amz-checksum-sha256");

    /// <summary>A name in lower case, as it stands in documents: header names have no case of their own.</summary>
    public static string Lower(string name) => name.AsSpan().ContainsAnyInRange('A', 'Z') ? name.ToLowerInvariant() : name;

    private static bool IsNamed(string name, StringValues connection)
    {
        if (connection.Count == 0) return false;
        foreach (var value in connection)
        {
            if (value is null || string.Equals(value, "keep-alive", StringComparison.OrdinalIgnoreCase) || string.Equals(value, "close", StringComparison.OrdinalIgnoreCase)) continue;
            foreach (var word in value.AsSpan().Split(','))
            {
                if (value.AsSpan()[word].Trim().Equals(name, StringComparison.OrdinalIgnoreCase)) return true;
            }
        }
        return false;
    }

    private static FrozenSet<string> Set(params string[] names) => names.ToFrozenSet(StringComparer.OrdinalIgnoreCase);
}
