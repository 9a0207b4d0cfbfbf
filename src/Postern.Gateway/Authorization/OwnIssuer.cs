// answers for the gateway's own metadata and keys inside the process; nothing travels
#pragma warning disable RS0030

using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Net;
using System.Text.Encodings.Web;
using System.Text.Json;
using Postern.Core.Operations;
using Postern.Gateway.Identities;

namespace Postern.Gateway.Authorization;

/// <summary>
/// The gateway's own tokens (RFC 9068) as an issuer among the others: made here, and verified on the one path by which every token is.
/// A token names the issuer that vouched for its person, so that the identity is the same whichever of the two tokens somebody holds.
/// </summary>
/// <param name="url">The gateway's public URL, which is the issuer's name.</param>
/// <param name="life">How long a token lives at most.</param>
/// <param name="keys">What signs.</param>
/// <param name="vouching">The names of the issuers that may have vouched.</param>
/// <param name="hasEnded">Which families have been ended.</param>
internal sealed class OwnIssuer(string url, TimeSpan life, SigningRing keys, IEnumerable<string> vouching, Func<string, bool> hasEnded) : IOwnTokens
{
    /// <summary>The name, in policy and in identities, under which clients stand that act for themselves.</summary>
    public const string Name = "postern";

    /// <summary>The one scope there is: what a token may do is the policy's say, its audience says where.</summary>
    public const string Scope = "mcp";

    private static readonly JsonWriterOptions _writer = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private readonly FrozenSet<string> _vouching = vouching.Append(Name).ToFrozenSet(StringComparer.Ordinal);

    public TrustedIssuer Issuer { get; } = new()
    {
        Name = Name,
        Authority = url,
        Audiences = [],
        IsOwn = true,
        Algorithms = ["ES256"],
        Types = ["at+jwt"],
        ClockSkew = TimeSpan.Zero,
        MaxTokenLife = life,
    };

    /// <summary>How long a token lives at most.</summary>
    public TimeSpan Life => life;

    public bool HasEnded(string family) => hasEnded(family);

    public HttpMessageHandler OpenHandler() => new InProcess(this);

    /// <summary>A token for one resource; null when there is more to say of its holder than a token can carry.</summary>
    /// <param name="identity">Whom it speaks of; its agent is the client.</param>
    /// <param name="resource">The only audience.</param>
    /// <param name="now">When it is issued.</param>
    /// <param name="endsAt">When it ends; never later than <see cref="Life"/> from now.</param>
    public string? Make(Identity identity, string resource, DateTimeOffset now, DateTimeOffset endsAt)
    {
        var ends = endsAt < now + life ? endsAt : now + life;
        var claims = Json(json =>
        {
            json.WriteString("iss", url);
            json.WriteString("sub", identity.Subject);
            json.WriteString("aud", resource);
            json.WriteNumber("iat", now.ToUnixTimeSeconds());
            json.WriteNumber("exp", ends.ToUnixTimeSeconds());
            json.WriteString("jti", OAuthText.NewSecret());
            json.WriteString("sid", identity.Family);
            if (identity.SessionId is not null) json.WriteString("idp_sid", identity.SessionId);
            if (identity.Agent is not null) json.WriteString("client_id", identity.Agent);
            json.WriteString("scope", Scope);
            json.WriteString("idp", identity.Issuer);
            json.WriteString("kind", identity.Kind == IdentityKind.Workload ? "workload" : "person");
            if (identity.DisplayName is not null) json.WriteString("name", identity.DisplayName);
            json.WriteStartArray("groups");
            foreach (var group in identity.Groups) json.WriteStringValue(group);
            json.WriteEndArray();
            json.WritePropertyName("who");
            json.WriteRawValue(identity.Claims.Span, skipInputValidation: true);
        });
        var token = keys.Sign(keyId => $"{Base64(Json(json =>
        {
            json.WriteString("typ", "at+jwt");
            json.WriteString("alg", "ES256");
            json.WriteString("kid", keyId);
        }))}.{Base64(claims)}");
        return token.Length <= TokenText.MaxLength ? token : null;
    }

    public Identity? Read(TokenText token, DateTimeOffset issuedAt, DateTimeOffset endsAt, out TokenFault? fault)
    {
        var claims = token.Claims;
        if (TokenText.Text(claims, "idp") is not { } idp || !_vouching.Contains(idp))
        {
            fault = TokenFault.OwnIssuerGone;
            return null;
        }
        if (TokenText.Text(claims, "sid") is not { Length: > 0 } family || TokenText.Text(claims, "kind") is not ("person" or "workload")
            || !claims.TryGetProperty("groups", out var groups) || groups.ValueKind != JsonValueKind.Array || !claims.TryGetProperty("who", out var who) || who.ValueKind != JsonValueKind.Object)
        {
            fault = TokenFault.NotOwn;
            return null;
        }
        fault = null;
        return new Identity
        {
            Issuer = idp,
            Subject = TokenText.Text(claims, "sub")!,
            Kind = TokenText.Text(claims, "kind") == "workload" ? IdentityKind.Workload : IdentityKind.Person,
            Agent = TokenText.Text(claims, "client_id"),
            Groups = [.. groups.EnumerateArray().Select(group => group.GetString()!)],
            Family = family,
            SessionId = TokenText.Text(claims, "idp_sid"),
            TokenId = TokenText.Text(claims, "jti"),
            DisplayName = TokenText.Text(claims, "name"),
            Claims = System.Text.Encoding.UTF8.GetBytes(who.GetRawText()),
            IssuedAt = issuedAt,
            ExpiresAt = endsAt,
        };
    }

    private static string Base64(byte[] bytes) => System.Buffers.Text.Base64Url.EncodeToString(bytes);

    private static byte[] Json(Action<Utf8JsonWriter> write)
    {
        var buffer = new System.Buffers.ArrayBufferWriter<byte>(1024);
        using (var json = new Utf8JsonWriter(buffer, _writer))
        {
            json.WriteStartObject();
            write(json);
            json.WriteEndObject();
        }
        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>Discovery and keys without a network: the same documents that everybody else reads.</summary>
    private sealed class InProcess(OwnIssuer owner) : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            var body = request.RequestUri!.AbsolutePath == ServerMetadata.KeysPath ? owner.KeySet() : owner.Discovery();
            return Task.FromResult(new HttpResponseMessage(HttpStatusCode.OK) { Content = new ByteArrayContent(body), RequestMessage = request });
        }
    }

    private byte[] KeySet() => keys.KeySet();

    private byte[] Discovery() => Json(json =>
    {
        json.WriteString("issuer", url);
        json.WriteString("jwks_uri", url + ServerMetadata.KeysPath);
    });
}
