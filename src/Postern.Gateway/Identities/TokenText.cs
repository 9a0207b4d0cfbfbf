using System.Buffers;
using System.Buffers.Text;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Unicode;

namespace Postern.Gateway.Identities;

/// <summary>
/// A compact JWS, read strictly and not yet believed (RFC 8725). Whatever two parsers could read differently is refused here:
/// duplicate members, loose base64url, invalid UTF-8, lone surrogates. So the verifier behind it sees what we saw (G6).
/// </summary>
internal sealed class TokenText
{
    /// <summary>The longest token that is looked at, in characters.</summary>
    public const int MaxLength = 16 * 1024;

    private const int MaxDepth = 16;
    private const int MaxKeyIdLength = 256;

    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false, MaxDepth = MaxDepth };
    private static readonly JsonReaderOptions StrictReader = new() { MaxDepth = MaxDepth };

    private TokenText(string algorithm, string keyId, string? type, JsonElement claims, byte[] claimsJson)
    {
        (Algorithm, KeyId, Type, Claims, ClaimsJson) = (algorithm, keyId, type, claims, claimsJson);
    }

    public string Algorithm { get; }

    public string KeyId { get; }

    public string? Type { get; }

    /// <summary>One JSON object; owns its memory.</summary>
    public JsonElement Claims { get; }

    /// <summary>The claims as they were signed.</summary>
    public byte[] ClaimsJson { get; }

    /// <summary>
    /// Null, with a reason that holds no part of the token, for anything unusual. What a client signs may lack a key id, since all keys that
    /// come into question are its own few.
    /// </summary>
    public static TokenText? TryRead(string token, out TokenFault? fault, bool mayLackKeyId = false)
    {
        if (token.Length > MaxLength)
        {
            fault = TokenFault.TooLong;
            return null;
        }

        // exactly three parts: two is not signed, five is encrypted
        var firstDot = token.IndexOf('.', StringComparison.Ordinal);
        var secondDot = firstDot < 0 ? -1 : token.IndexOf('.', firstDot + 1);
        if (secondDot < 0 || token.IndexOf('.', secondDot + 1) >= 0)
        {
            fault = TokenFault.NotThreeParts;
            return null;
        }

        if (Decode(token.AsSpan(0, firstDot)) is not { Length: > 0 } header
            || Decode(token.AsSpan(firstDot + 1, secondDot - firstDot - 1)) is not { Length: > 0 } body
            || Decode(token.AsSpan(secondDot + 1)) is not { Length: > 0 })
        {
            fault = TokenFault.NotBase64;
            return null;
        }

        if (Parse(header) is not { } head || Parse(body) is not { } claims)
        {
            fault = TokenFault.NotStrictJson;
            return null;
        }

        return ReadHeader(head, claims, body, mayLackKeyId, out fault);
    }

    /// <summary>An integer written in digits alone: no fraction, exponent or text.</summary>
    public static bool TryInteger(JsonElement value, out long number)
    {
        number = 0;
        return value.ValueKind == JsonValueKind.Number
            && !JsonMarshal.GetRawUtf8Value(value).ContainsAnyExceptInRange((byte)'0', (byte)'9')
            && value.TryGetInt64(out number);
    }

    /// <summary>The member's text, or null when it is absent or no text.</summary>
    public static string? Text(JsonElement json, string name) =>
        json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    /// <summary>One strict JSON object, or null.</summary>
    public static JsonElement? Parse(ReadOnlySpan<byte> json)
    {
        if (!Utf8.IsValid(json))
        {
            return null;
        }

        try
        {
            var reader = new Utf8JsonReader(json, StrictReader);
            while (reader.Read())
            {
                // a lone surrogate parses and throws only when it is read, perhaps much later: read it now
                if (reader.TokenType is JsonTokenType.String or JsonTokenType.PropertyName && reader.ValueIsEscaped)
                {
                    _ = reader.GetString();
                }
            }

            using var document = JsonDocument.Parse(json.ToArray(), Strict);
            return document.RootElement.ValueKind == JsonValueKind.Object ? document.RootElement.Clone() : null;
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException or ArgumentException)
        {
            return null;
        }
    }

    private static TokenText? ReadHeader(JsonElement header, JsonElement claims, byte[] body, bool mayLackKeyId, out TokenFault? fault)
    {
        // RFC 7515 section 4.1.11: extensions that must be understood, and none is; RFC 7797: an unencoded payload
        if (header.TryGetProperty("crit", out _) || header.TryGetProperty("b64", out _))
        {
            fault = TokenFault.Extension;
            return null;
        }

        if (Text(header, "alg") is not { Length: > 0 and <= 16 } algorithm)
        {
            fault = TokenFault.NoAlgorithm;
            return null;
        }

        // `jwk`, `jku`, `x5u`, `x5c` are never looked at: only configured issuers provide keys
        var keyId = mayLackKeyId && !header.TryGetProperty("kid", out _) ? string.Empty : Text(header, "kid");
        if (keyId is not { Length: <= MaxKeyIdLength } || (keyId.Length == 0 && !mayLackKeyId))
        {
            fault = TokenFault.NoKeyId;
            return null;
        }

        string? type = null;
        if (header.TryGetProperty("typ", out var value))
        {
            if (value.ValueKind != JsonValueKind.String)
            {
                fault = TokenFault.TypeNotText;
                return null;
            }

            type = value.GetString();
        }

        fault = null;
        return new TokenText(algorithm, keyId, type, claims, body);
    }

    /// <summary>
    /// RFC 7515 section 2: no padding, no white space, and no stray bits in the last character. One token has one text,
    /// so that a revoked or cached one has no second spelling.
    /// </summary>
    private static byte[]? Decode(ReadOnlySpan<char> text)
    {
        foreach (var c in text)
        {
            if (!char.IsAsciiLetterOrDigit(c) && c is not ('-' or '_'))
            {
                return null;
            }
        }

        if (text.Length % 4 == 1)
        {
            return null;
        }

        var bytes = new byte[Base64Url.GetMaxDecodedLength(text.Length)];
        // stray bits in the last character are invalid data to this decoder
        if (Base64Url.DecodeFromChars(text, bytes, out var read, out var written) != OperationStatus.Done || read != text.Length)
        {
            return null;
        }

        return written == bytes.Length ? bytes : bytes[..written];
    }
}
