using Dapper;
using Postern.Core.Operations;
using Postern.Gateway.Storage;

namespace Postern.Gateway.Policies;

/// <summary>The numbers of policy versions: they count up over restarts, and none is used for two contents in a row.</summary>
internal sealed class PolicyVersions(GatewayDatabase database)
{
    /// <summary>The newest number and its hash, or null before the first.</summary>
    public ValueTask<(int Number, string Hash)?> NewestAsync(CancellationToken cancellationToken) => database.InTransactionAsync(
        static (sql, transaction) => sql.QueryFirstOrDefault<(int, string)?>("select number, hash from policy_versions order by number desc limit 1", transaction: transaction),
        cancellationToken);

    /// <summary>Keeps a version; durable when the task completes.</summary>
    public async ValueTask AddAsync(int number, Digest hash, IEnumerable<string> files, DateTimeOffset appliedAt, CancellationToken cancellationToken) => await database.InTransactionAsync(
        (sql, transaction) => sql.Execute(
            "insert into policy_versions (number, hash, files, applied_at) values (@number, @hash, @files, @appliedAt)",
            new { number, hash = hash.ToString(), files = string.Join('\n', files), appliedAt = appliedAt.ToUnixTimeMilliseconds() },
            transaction),
        cancellationToken).ConfigureAwait(false);
}
