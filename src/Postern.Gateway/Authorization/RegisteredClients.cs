using System.Text.Json;
using Dapper;
using Postern.Gateway.Storage;

namespace Postern.Gateway.Authorization;

/// <summary>Clients that registered themselves, in the gateway's database. Never more than the configured number.</summary>
internal sealed class RegisteredClients(GatewayDatabase database, int limit, TimeProvider clock)
{
    public const string Prefix = "registered-";

    /// <summary>One that was never used is forgotten after this: nobody can fill the place by registering alone.</summary>
    public static readonly TimeSpan UnusedLife = TimeSpan.FromHours(1);

    /// <summary>One that was used is forgotten after this without use.</summary>
    public static readonly TimeSpan Life = TimeSpan.FromDays(90);

    private sealed record Stored(string Name, string[] Redirects);

    /// <summary>Keeps one; null when there are too many.</summary>
    public async ValueTask<OAuthClient?> AddAsync(string name, IReadOnlyList<string> redirects, CancellationToken cancellationToken)
    {
        var now = clock.GetUtcNow();
        var id = Prefix + OAuthText.NewSecret();
        var added = await database.InTransactionAsync(
            (sql, transaction) =>
            {
                sql.Execute("delete from oauth_clients where (used_at is null and registered_at < @unused) or used_at < @old", new { unused = (now - UnusedLife).UtcTicks, old = (now - Life).UtcTicks }, transaction);
                if (sql.ExecuteScalar<long>("select count(*) from oauth_clients", transaction: transaction) >= limit) return false;
                sql.Execute("insert into oauth_clients (id, document, registered_at) values (@id, @document, @now)", new { id, document = JsonSerializer.Serialize(new Stored(name, [.. redirects])), now = now.UtcTicks }, transaction);
                return true;
            },
            cancellationToken).ConfigureAwait(false);
        return added ? new OAuthClient(id, name, ClientOrigin.Registered) { Redirects = [.. redirects] } : null;
    }

    public async ValueTask<OAuthClient?> FindAsync(string id, CancellationToken cancellationToken)
    {
        if (!id.StartsWith(Prefix, StringComparison.Ordinal)) return null;
        var document = await database.InTransactionAsync((sql, transaction) => sql.ExecuteScalar<string?>("select document from oauth_clients where id = @id", new { id }, transaction), cancellationToken).ConfigureAwait(false);
        return document is not null && JsonSerializer.Deserialize<Stored>(document) is { } stored ? new OAuthClient(id, stored.Name, ClientOrigin.Registered) { Redirects = [.. stored.Redirects] } : null;
    }

    /// <summary>A person agreed to it: it is in use.</summary>
    public async ValueTask UsedAsync(string id, CancellationToken cancellationToken) => await database.InTransactionAsync(
        (sql, transaction) => sql.Execute("update oauth_clients set used_at = @now where id = @id", new { id, now = clock.GetUtcNow().UtcTicks }, transaction), cancellationToken).ConfigureAwait(false);
}
