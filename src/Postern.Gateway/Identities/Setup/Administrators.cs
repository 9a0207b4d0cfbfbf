using System.Collections.Frozen;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using Dapper;
using Postern.Core.Operations;
using Postern.Gateway.Api;
using Postern.Gateway.Policies;
using Postern.Gateway.Storage;

namespace Postern.Gateway.Identities.Setup;

/// <summary>What became of typing a code.</summary>
internal enum SetupResult
{
    /// <summary>There is no code that could be used: none was given out, it is over, or it was typed wrong too often.</summary>
    Nothing,

    /// <summary>It is another one.</summary>
    Wrong,

    /// <summary>It could not be recorded or kept; the code is still good.</summary>
    Failed,

    /// <summary>Whoever typed it is an administrator.</summary>
    Done,
}

/// <summary>
/// Who became an administrator by the one-time code. To policy they are in the group <c>gateway:administrators</c>, and may what its rules say of that group and nothing else:
/// the code makes nobody powerful where the policy does not.
/// </summary>
internal sealed class Administrators(GatewayDatabase database, TimeProvider clock)
{
    /// <summary>The group as policies write it.</summary>
    public const string Group = $"{TrustedIssuer.ReservedName}:{Unqualified}";

    /// <summary>How long a code is good.</summary>
    public static readonly TimeSpan CodeLife = TimeSpan.FromHours(24);

    /// <summary>Wrong codes until there is none any more.</summary>
    public const int MaxTries = 10;

    private const string Unqualified = "administrators";
    private readonly Lock _gate = new();
    private volatile Known _known = new(FrozenSet<string>.Empty);

    /// <summary>Reads who there is; before anybody is let in.</summary>
    public async ValueTask StartAsync(CancellationToken cancellationToken) => _known = new Known((await database.InTransactionAsync(
        (sql, transaction) => sql.Query<string>("select identity from administrators", transaction: transaction).ToList(), cancellationToken).ConfigureAwait(false)).ToFrozenSet(StringComparer.Ordinal));

    /// <summary>The identity with the group, if the person is an administrator; otherwise the same object.</summary>
    public Identity Standing(Identity credential)
    {
        var known = _known;
        return credential.Kind != IdentityKind.Person || !known.Keys.Contains(credential.Key) ? credential : known.Of(credential);
    }

    /// <summary>A code to print, where there is to be one: at the first start with a policy that says what administrators may, or when whoever runs the machine asks for another.</summary>
    /// <param name="isAsked">Whether another is asked for: the one before is over.</param>
    /// <param name="isOfUse">Whether the policy speaks of <see cref="Group"/>.</param>
    /// <param name="cancellationToken">Interrupt.</param>
    public async ValueTask<string?> OfferAsync(bool isAsked, bool isOfUse, CancellationToken cancellationToken)
    {
        if (!isAsked && (!isOfUse || _known.Keys.Count > 0)) return null;
        var code = SetupCode.New();
        var offered = await database.InTransactionAsync(
            (sql, transaction) => sql.Execute(
                "update setup set state = 'open', digest = @digest, ends_at = @endsAt, tries = 0 where id = 1 and (state = 'new' or @isAsked)",
                new { digest = SetupCode.DigestOf(code), endsAt = (clock.GetUtcNow() + CodeLife).UtcTicks, isAsked }, transaction),
            cancellationToken).ConfigureAwait(false);
        return offered == 1 ? code : null;
    }

    /// <summary>Whether a code could be used now.</summary>
    public async ValueTask<bool> IsOpenAsync(CancellationToken cancellationToken) => await database.InTransactionAsync(
        (sql, transaction) => sql.ExecuteScalar<int>("select count(*) from setup where state = 'open' and ends_at > @now and tries < @max", new { now = clock.GetUtcNow().UtcTicks, max = MaxTries }, transaction) == 1,
        cancellationToken).ConfigureAwait(false);

    /// <summary>Makes whoever types the code an administrator, as a recorded operation of the gateway. A try is counted before it is looked at, so that no crash gives one back.</summary>
    public async ValueTask<SetupResult> RedeemAsync(Identity person, string text, OwnOperations own)
    {
        var typed = SetupCode.DigestOf(text) ?? new byte[SHA256.HashSizeInBytes];
        var digest = await database.InTransactionAsync(
            (sql, transaction) => sql.ExecuteScalar<byte[]>(
                "update setup set tries = tries + 1 where id = 1 and state = 'open' and ends_at > @now and tries < @max returning digest",
                new { now = clock.GetUtcNow().UtcTicks, max = MaxTries }, transaction),
            CancellationToken.None).ConfigureAwait(false);
        if (digest is null) return SetupResult.Nothing;
        if (!CryptographicOperations.FixedTimeEquals(digest, typed)) return SetupResult.Wrong;
        var isDone = false;
        var problem = await own.RunAsync(GatewayVocabulary.FirstAdministrator, json => json.WriteString("identity", person.Key), async operation => isDone = await BindAsync(person.Key, digest, operation).ConfigureAwait(false)).ConfigureAwait(false);
        return problem is not null ? SetupResult.Failed : isDone ? SetupResult.Done : SetupResult.Nothing;
    }

    // The code is used up in the transaction that binds: of two who type it at once, one is too late.
    private async ValueTask<bool> BindAsync(string identity, byte[] digest, OperationId operation)
    {
        var bound = await database.InTransactionAsync(
            (sql, transaction) => sql.Execute("update setup set state = 'closed', digest = null where id = 1 and state = 'open' and digest = @digest", new { digest }, transaction) == 1
                && sql.Execute("insert into administrators (identity, since, operation) values (@identity, @now, @operation) on conflict do nothing", new { identity, now = clock.GetUtcNow().UtcTicks, operation = operation.ToString() }, transaction) >= 0,
            CancellationToken.None).ConfigureAwait(false);
        if (!bound) return false;
        lock (_gate) _known = new Known(_known.Keys.Append(identity).ToFrozenSet(StringComparer.Ordinal));
        return true;
    }

    private sealed class Known(FrozenSet<string> keys)
    {
        // One credential is asked about on every call that it makes.
        private readonly ConditionalWeakTable<Identity, Identity> _with = [];

        public FrozenSet<string> Keys => keys;

        public Identity Of(Identity credential) => _with.GetValue(credential, static one => one.OwnGroups.Contains(Unqualified, StringComparer.Ordinal) ? one : one.With(one.Groups, one.OwnGroups.Add(Unqualified)));
    }
}
