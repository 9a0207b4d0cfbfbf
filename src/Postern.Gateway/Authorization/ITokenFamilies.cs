namespace Postern.Gateway.Authorization;

/// <summary>
/// The families of tokens that the gateway issued: all that came from one sign-in at one client. Ending one ends its refresh tokens, its
/// access tokens, and what runs on them.
/// </summary>
public interface ITokenFamilies
{
    /// <summary>Ends one family; durable when the task completes, and nothing new begins on it from the call on.</summary>
    /// <param name="family">Its id, <c>sid</c> in tokens.</param>
    /// <param name="why">For the record.</param>
    /// <param name="cancellationToken">Ends the wait for the disk, not the revocation.</param>
    /// <returns>False when it had ended already.</returns>
    ValueTask<bool> RevokeAsync(string family, string why, CancellationToken cancellationToken = default);

    /// <summary>Ends every family of an identity, <c>issuer:subject</c>.</summary>
    /// <returns>How many there were.</returns>
    ValueTask<int> RevokeAllAsync(string identityKey, string why, CancellationToken cancellationToken = default);
}
