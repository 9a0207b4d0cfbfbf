using System.Buffers;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging;
using Postern.Gateway.Configuration;
using Postern.Protocols.Kubernetes;

namespace Postern.Gateway.Listening;

/// <summary>
/// The second data listener, for clients that send no token over plain HTTP, and what they are told of it: its URL and whom to trust there.
/// Only where a connection needs it.
/// </summary>
internal sealed class ClusterListener
{
    /// <summary>Where clients ask for the URL and the authority; nothing there is a secret.</summary>
    public const string WellKnown = "/.well-known/postern-kubernetes";

    private readonly ReadOnlyMemory<byte> _description;

    private ClusterListener(BoundListener listener, ServedCertificate certificate, ReadOnlyMemory<byte> description)
    {
        Listener = listener;
        Certificate = certificate;
        _description = description;
    }

    public BoundListener Listener { get; }

    public ServedCertificate Certificate { get; }

    /// <summary>With the real port; no trailing slash.</summary>
    public string Url => Listener.Url;

    /// <summary>The Host header values that lead here.</summary>
    public IEnumerable<string> Hosts
    {
        get
        {
            var own = new Uri(Url);
            yield return own.Authority;
            if (!own.IsLoopback) yield break;
            yield return $"127.0.0.1:{own.Port}";
            yield return $"localhost:{own.Port}";
            yield return $"[::1]:{own.Port}";
        }
    }

    /// <summary>Binds it; null when no connection needs it or the operator wants none.</summary>
    /// <exception cref="GatewayStartException">The address is taken, or the certificate cannot be had.</exception>
    public static ClusterListener? Open(GatewayOptions options, string folder, ServedCertificate? certificate, string publicUrl, TimeProvider clock, ILoggerFactory logs, Teardown teardown)
    {
        var names = options.Connections.Where(connection => connection.Protocol == KubernetesVocabulary.ProtocolName).Select(connection => connection.Name).ToArray();
        if (names.Length == 0 || options.Kubernetes is null) return null;
        var listener = teardown.Own(BoundListener.Bind("listen.kubernetes", options.Kubernetes));
        string? authority = null;
        if (certificate is null)
        {
            var own = LocalAuthority.Ensure(folder, listener.EndPoint.Address, new Uri(publicUrl).IdnHost, clock.GetUtcNow());
            certificate = teardown.Own(new ServedCertificate(own, clock, logs.CreateLogger("Postern.Tls")));
            authority = LocalAuthority.CertificateIn(folder);
        }
        return new ClusterListener(listener, certificate, Describe(listener.Url, authority, names));
    }

    /// <summary>Serves the description.</summary>
    public void Map(IEndpointRouteBuilder endpoints) => endpoints.MapGet(WellKnown, (HttpContext context) =>
    {
        context.Response.ContentType = "application/json";
        context.Response.Headers.CacheControl = "no-store";
        context.Response.Headers.XContentTypeOptions = "nosniff";
        context.Response.ContentLength = _description.Length;
        return context.Response.Body.WriteAsync(_description, context.RequestAborted).AsTask();
    });

    private static ReadOnlyMemory<byte> Describe(string url, string? authority, string[] names)
    {
        var output = new ArrayBufferWriter<byte>(1024);
        using var json = new Utf8JsonWriter(output);
        json.WriteStartObject();
        json.WriteString("url", url);
        if (authority is not null) json.WriteString("certificateAuthority", authority);
        json.WriteStartArray("connections");
        foreach (var name in names) json.WriteStringValue(name);
        json.WriteEndArray();
        json.WriteEndObject();
        json.Flush();
        return output.WrittenMemory;
    }
}
