using System.Collections.Frozen;
using System.Globalization;
using Microsoft.AspNetCore.Http;

namespace Postern.Gateway.Listening;

/// <summary>
/// The Host header values that are ours, and those that are a connection's. Any other is refused: a page of a foreign site whose name was rebound to this
/// address would otherwise speak to us as if it were our own (DNS rebinding).
/// </summary>
internal sealed class HostNames
{
    private readonly FrozenSet<string> _hosts;
    private readonly string[] _ports;
    private FrozenDictionary<string, Endpoint> _connections = FrozenDictionary<string, Endpoint>.Empty;

    public HostNames(string publicUrl, string listenUrl, IEnumerable<string> others)
    {
        var own = new Uri(publicUrl);
        var listener = new Uri(listenUrl);
        var names = new List<string> { own.Authority, $"{own.Host}:{own.Port}", listener.Authority, $"{listener.Host}:{listener.Port}" };
        if (listener.IsLoopback) names.AddRange([$"localhost:{listener.Port}", $"127.0.0.1:{listener.Port}", $"[::1]:{listener.Port}"]);
        names.AddRange(others);
        _hosts = names.ToFrozenSet(StringComparer.OrdinalIgnoreCase);
        _ports = ["", .. new[] { own.Port, listener.Port }.Distinct().Select(port => string.Create(CultureInfo.InvariantCulture, $":{port}"))];
    }

    /// <summary>Takes the names that lead to one connection's root, each with what serves it; before anything is served.</summary>
    public void Lead(IEnumerable<KeyValuePair<string, Endpoint>> connections) =>
        _connections = connections.SelectMany(name => _ports.Select(port => KeyValuePair.Create(name.Key + port, name.Value))).ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);

    public bool AreOurs(HttpRequest request) => _hosts.Contains(request.Host.Value ?? "");

    /// <summary>What serves a name that is a connection's; null for any other.</summary>
    public Endpoint? ConnectionAt(HttpRequest request) => _connections.Count == 0 ? null : _connections.GetValueOrDefault(request.Host.Value ?? "");
}
