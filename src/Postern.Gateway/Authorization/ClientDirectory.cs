using System.Collections.Frozen;

namespace Postern.Gateway.Authorization;

/// <summary>Every client there is: those of the configuration, those that a document describes, those that registered themselves.</summary>
internal sealed class ClientDirectory(IEnumerable<OAuthClient> configured, ClientDocuments? documents, RegisteredClients? registered)
{
    /// <summary>The longest id that is looked at, in characters.</summary>
    public const int MaxId = 300;

    private readonly FrozenDictionary<string, OAuthClient> _configured = configured.ToFrozenDictionary(client => client.Id, StringComparer.Ordinal);

    /// <summary>The client with exactly this id, or null.</summary>
    public async ValueTask<OAuthClient?> FindAsync(string id, CancellationToken cancellationToken)
    {
        if (id.Length is 0 or > MaxId) return null;
        if (_configured.TryGetValue(id, out var client)) return client;
        if (id.StartsWith("https://", StringComparison.Ordinal)) return documents is null ? null : await documents.FindAsync(id, cancellationToken).ConfigureAwait(false);
        return registered is null ? null : await registered.FindAsync(id, cancellationToken).ConfigureAwait(false);
    }
}
