using System.Collections.Frozen;
using Microsoft.AspNetCore.Http;

namespace Postern.Gateway.Listening;

/// <summary>
/// The Host header values that are ours. Any other is refused: a page of a foreign site whose name was rebound to this address
/// would otherwise speak to us as if it were our own (DNS rebinding).
/// </summary>
internal sealed class HostNames
{
    private readonly FrozenSet<string> _hosts;

    public HostNames(string publicUrl, string listenUrl, IEnumerable<string> others)
    {
        var own = new Uri(publicUrl);
        var listener = new Uri(listenUrl);
        var names = new List<string> { own.Authority, $"{own.Host}:{own.Port}", listener.Authority, $"{listener.Host}:{listener.Port}" };
        if (listener.IsLoopback) names.AddRange([$"localhost:{listener.Port}", $"127.0.0.1:{listener.Port}", $"[::1]:{listener.Port}"]);
        names.AddRange(others);
        _hosts = names.ToFrozenSet(StringComparer.OrdinalIgnoreCase);
    }

    public bool AreOurs(HttpRequest request) => _hosts.Contains(request.Host.Value ?? "");
}
