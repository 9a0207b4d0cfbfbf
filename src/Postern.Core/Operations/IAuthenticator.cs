using System.Collections.Immutable;

namespace Postern.Core.Operations;

/// <summary>A credential in, an identity out. Protocols call it where they meet their client.</summary>
public interface IAuthenticator
{
    /// <summary>Verifies a bearer token for one resource.</summary>
    /// <param name="token">The token exactly as presented; never logged.</param>
    /// <param name="resource">Canonical URL of the resource that is asked for (RFC 8707), without a trailing slash.</param>
    /// <param name="cancellationToken">Ends with the caller.</param>
    ValueTask<Authentication> AuthenticateAsync(string token, string resource, CancellationToken cancellationToken);
}

/// <summary>What a credential turned out to be.</summary>
public abstract class Authentication
{
    private Authentication()
    {
    }

    /// <summary>It is good.</summary>
    public sealed class Accepted(Identity identity) : Authentication
    {
        /// <summary>Who holds it.</summary>
        public Identity Identity { get; } = identity;
    }

    /// <summary>It is not. The reason is for the record and the log; callers learn only that it was refused.</summary>
    public sealed class Refused(string reason) : Authentication
    {
        /// <summary>A short reason without any part of the credential.</summary>
        public string Reason { get; } = reason;

        /// <summary>True when the issuer could not be asked (keys too old), so that trying again later can help.</summary>
        public bool IsTransient { get; init; }

        /// <summary>Everything that a token must be issued for to be taken here, when this one is good but not issued for all of it; empty otherwise.</summary>
        public ImmutableArray<string> NeededScopes { get; init; } = [];
    }
}
