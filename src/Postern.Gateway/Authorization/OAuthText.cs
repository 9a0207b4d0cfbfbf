using System.Buffers;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace Postern.Gateway.Authorization;

/// <summary>An error as RFC 6749 section 5.2 words it. The description is ours and never text of the request.</summary>
internal sealed record OAuthError(string Code, string Description)
{
    /// <summary>The status code of the token endpoint.</summary>
    public int Status { get; init; } = StatusCodes.Status400BadRequest;
}

/// <summary>The small rules of OAuth's texts.</summary>
internal static class OAuthText
{
    /// <summary>Bytes of every random number that stands for a right.</summary>
    public const int SecretBytes = 32;

    // RFC 6749 appendix A: NQCHAR without the space
    private static readonly SearchValues<char> _scopeCharacters = SearchValues.Create([.. Enumerable.Range(0x21, 0x5e).Select(code => (char)code).Except(['"', '\\'])]);

    // RFC 7636 section 4.1
    private static readonly SearchValues<char> _unreserved = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~");

    /// <summary>A new random text of 256 bits.</summary>
    public static string NewSecret() => Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(SecretBytes));

    /// <summary>What is kept of a secret that somebody else holds.</summary>
    public static byte[] HashOf(string secret) => SHA256.HashData(Encoding.UTF8.GetBytes(secret));

    public static bool IsScopeToken(string text) => text.Length is > 0 and <= 128 && !text.AsSpan().ContainsAnyExcept(_scopeCharacters);

    /// <summary>A list of scopes, each apart by one space (RFC 6749 section 3.3); also an empty one.</summary>
    public static bool IsScope(string text) => text.Length == 0 || (text.Length <= 1024 && text.Split(' ').All(IsScopeToken));

    /// <summary>Visible ASCII alone (RFC 6749 appendix A.5, VSCHAR).</summary>
    public static bool IsVisible(string text) => !text.AsSpan().ContainsAnyExceptInRange(' ', '~');

    /// <summary>RFC 7636 section 4.2: an S256 challenge is 256 bits in base64url, without stray bits.</summary>
    public static bool IsChallenge(string text)
    {
        if (text.Length != 43 || !Base64Url.IsValid(text)) return false;
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        return Base64Url.TryDecodeFromChars(text, hash, out var length) && length == hash.Length && Base64Url.EncodeToString(hash) == text;
    }

    /// <summary>RFC 7636 section 4.6, S256 alone.</summary>
    public static bool VerifierFits(string challenge, string verifier) =>
        verifier.Length is >= 43 and <= 128 && !verifier.AsSpan().ContainsAnyExcept(_unreserved) && Same(Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(verifier))), challenge);

    /// <summary>In time that does not depend on where they differ.</summary>
    public static bool Same(string one, string other) => CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(one), Encoding.UTF8.GetBytes(other));

    /// <summary>An address with parameters behind it.</summary>
    public static string WithParameters(string address, params ReadOnlySpan<(string Name, string? Value)> parameters)
    {
        var text = new StringBuilder(address);
        var separator = address.Contains('?', StringComparison.Ordinal) ? '&' : '?';
        foreach (var (name, value) in parameters)
        {
            if (value is null) continue;
            text.Append(separator).Append(name).Append('=').Append(Uri.EscapeDataString(value));
            separator = '&';
        }
        return text.ToString();
    }
}
