using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Postern.Core.Sealing;

namespace Postern.Gateway.Identities;

/// <summary>
/// One sign-in under way: bound to the browser that began it by an encrypted cookie of its own, so that an answer carried
/// into another browser (login forgery) or from another sign-in finds no partner. The server keeps nothing: a flood costs nothing.
/// </summary>
internal sealed record SignInAttempt(string State, string Issuer, string Nonce, string Verifier, string ReturnPath, bool IsFresh, DateTimeOffset StartedAt)
{
    /// <summary>How long a person may take at the issuer.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);

    public static SignInAttempt Begin(string issuer, string returnPath, bool isFresh, DateTimeOffset now) =>
        new(Secret(), issuer, Secret(), Secret(), returnPath, isFresh, now);

    /// <summary>RFC 7636 section 4.2, S256.</summary>
    public string Challenge => Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(Verifier)));

    private static string Secret() => Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));
}

/// <summary>Seals attempts with a key that lives and dies with the process; the state is authenticated with them.</summary>
internal sealed class AttemptSeal
{
    private readonly byte[] _key = RandomNumberGenerator.GetBytes(SealedBox.KeyBytes);

    public string Seal(SignInAttempt attempt) =>
        Base64Url.EncodeToString(SealedBox.Seal(_key, JsonSerializer.SerializeToUtf8Bytes(attempt), Encoding.UTF8.GetBytes(attempt.State)));

    /// <summary>Null unless this process sealed it for this state, a short while ago.</summary>
    public SignInAttempt? Open(string? text, string state, DateTimeOffset now)
    {
        const int maxText = 4096;
        if (text is not { Length: > 0 and <= maxText } || !Base64Url.IsValid(text))
        {
            return null;
        }

        return SealedBox.Open(_key, Base64Url.DecodeFromChars(text), Encoding.UTF8.GetBytes(state)) is { } plain
            && JsonSerializer.Deserialize<SignInAttempt>(plain) is { } attempt
            && attempt.StartedAt + SignInAttempt.Patience > now ? attempt : null;
    }
}
