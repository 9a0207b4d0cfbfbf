namespace Postern.Protocols.Mcp;

/// <summary>The resources that one session, or one subscription of the stateless era, asked to hear of, and was permitted to.</summary>
internal sealed class WatchedResources
{
    private const int Most = 4096;
    private readonly HashSet<string> _uris = new(StringComparer.Ordinal);

    /// <summary>Adds one. What is over the bound is not heard of.</summary>
    public void Add(string uri)
    {
        lock (_uris)
        {
            if (_uris.Count < Most) _uris.Add(uri);
        }
    }

    public void Remove(string uri)
    {
        lock (_uris) _uris.Remove(uri);
    }

    /// <summary>True for a resource that is watched, and for one below it: targets may tell of a part of what was subscribed to.</summary>
    public bool Covers(string uri)
    {
        lock (_uris)
        {
            if (_uris.Contains(uri)) return true;
            for (var end = uri.Length - 1; end > 0; end--)
            {
                // A part stands below a separator; `file:///a` does not cover `file:///ab`.
                if (uri[end] is not ('/' or '?' or '#')) continue;
                if (_uris.Contains(uri[..end]) || _uris.Contains(uri[..(end + 1)])) return true;
            }
            return false;
        }
    }
}
