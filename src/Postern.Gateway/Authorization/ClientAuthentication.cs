using System.Text;
using Microsoft.AspNetCore.Http;

namespace Postern.Gateway.Authorization;

/// <summary>Which client speaks at the token endpoint, by the one proof that it is to give (RFC 6749 section 2.3).</summary>
internal sealed class ClientAuthentication(ClientDirectory clients, ClientAssertions assertions)
{
    private const string Basic = "Basic ";

    /// <summary>True when the request names a client in any way.</summary>
    public static bool IsTried(HttpContext context, IFormCollection form) => context.Request.Headers.Authorization.Count > 0 || form.ContainsKey("client_id") || form.ContainsKey("client_assertion");

    /// <summary>The client, or the error.</summary>
    public async ValueTask<(OAuthClient? Client, OAuthError? Error)> OfAsync(HttpContext context, IFormCollection form, CancellationToken cancellationToken)
    {
        var authorization = context.Request.Headers.Authorization.ToString();
        var (id, secret, assertion) = (form["client_id"].ToString(), form["client_secret"].ToString(), form["client_assertion"].ToString());

        // RFC 6749 section 2.3: more than one way in one request is none
        if ((authorization.Length > 0 ? 1 : 0) + (secret.Length > 0 ? 1 : 0) + (assertion.Length > 0 ? 1 : 0) > 1) return (null, new("invalid_request", "expected one way of authenticating the client"));
        var proof = ClientProof.None;
        if (authorization.Length > 0)
        {
            if (ReadBasic(authorization) is not var (name, password) || (id.Length > 0 && id != name)) return (null, Unknown("the credential of the client cannot be read"));
            (id, secret, proof) = (name, password, ClientProof.Secret);
        }
        else if (secret.Length > 0)
        {
            proof = ClientProof.Secret;
        }
        else if (assertion.Length > 0)
        {
            if (form["client_assertion_type"] != ClientAssertions.Type || ClientAssertions.ClientOf(assertion) is not { } named || (id.Length > 0 && id != named)) return (null, Unknown("the assertion of the client cannot be read"));
            (id, proof) = (named, ClientProof.Key);
        }

        if (id.Length == 0 || await clients.FindAsync(id, cancellationToken).ConfigureAwait(false) is not { } client) return (null, Unknown("the client is not known"));
        if (client.Proof != proof) return (null, Unknown("the client authenticates in another way"));
        var isItself = proof switch
        {
            ClientProof.None => true,
            ClientProof.Secret => OAuthText.Same(client.Secret!, secret),
            ClientProof.Key => assertions.Complaint(assertion, client) is null,
            _ => false,
        };
        return isItself ? (client, null) : (null, Unknown("the client did not prove that it is the one"));
    }

    private static OAuthError Unknown(string why) => new("invalid_client", why) { Status = StatusCodes.Status401Unauthorized };

    private static (string Name, string Password)? ReadBasic(string header)
    {
        const int maxLength = 2048;
        if (header.Length > maxLength || !header.StartsWith(Basic, StringComparison.OrdinalIgnoreCase)) return null;
        var bytes = new byte[header.Length];
        if (!Convert.TryFromBase64String(header[Basic.Length..].Trim(), bytes, out var length)) return null;
        var text = Encoding.UTF8.GetString(bytes, 0, length);
        var colon = text.IndexOf(':', StringComparison.Ordinal);

        // RFC 6749 section 2.3.1: both halves are form-encoded
        return colon <= 0 ? null : (Decode(text[..colon]), Decode(text[(colon + 1)..]));
    }

    private static string Decode(string text) => Uri.UnescapeDataString(text.Replace('+', ' '));
}
