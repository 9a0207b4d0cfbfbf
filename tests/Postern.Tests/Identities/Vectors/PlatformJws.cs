using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Postern.Tests.Identities.Vectors;

/// <summary>
/// A second verifier of compact JWS, written from RFC 7515 and 7518 on the platform's cryptography alone; it shares no line with the
/// product. It knows nothing of claims.
/// </summary>
internal sealed class PlatformJws
{
    private readonly Dictionary<string, (RSA? Rsa, ECDsa? Ec)> _keys = new(StringComparer.Ordinal);

    public PlatformJws(JsonArray keys)
    {
        foreach (var key in keys)
        {
            byte[] Number(string name) => Decode(key![name]!.GetValue<string>())!;
            var isRsa = key!["kty"]!.GetValue<string>() == "RSA";
            _keys[key["kid"]!.GetValue<string>()] = isRsa
                ? (RSA.Create(new RSAParameters { Modulus = Number("n"), Exponent = Number("e") }), null)
                : (null, ECDsa.Create(new ECParameters { Curve = ECCurve.CreateFromFriendlyName("nist" + key["crv"]!.GetValue<string>().Replace("-", "", StringComparison.Ordinal)), Q = new ECPoint { X = Number("x"), Y = Number("y") } }));
        }
    }

    public bool Holds(string token)
    {
        var parts = token.Split('.');
        if (parts.Length != 3 || Decode(parts[0]) is not { Length: > 0 } head || Decode(parts[1]) is not { Length: > 0 } || Decode(parts[2]) is not { Length: > 0 } signature) return false;
        if (Header(head) is not { } header) return false;
        if (header.TryGetProperty("crit", out _) || header.TryGetProperty("b64", out _)) return false;
        if (!header.TryGetProperty("alg", out var alg) || alg.ValueKind != JsonValueKind.String || !header.TryGetProperty("kid", out var kid) || kid.ValueKind != JsonValueKind.String) return false;
        if (!_keys.TryGetValue(kid.GetString()!, out var key)) return false;
        var input = Encoding.ASCII.GetBytes(token[..token.LastIndexOf('.')]);
        return alg.GetString() switch
        {
            "RS256" => Rsa(HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1),
            "RS384" => Rsa(HashAlgorithmName.SHA384, RSASignaturePadding.Pkcs1),
            "RS512" => Rsa(HashAlgorithmName.SHA512, RSASignaturePadding.Pkcs1),
            "PS256" => Rsa(HashAlgorithmName.SHA256, RSASignaturePadding.Pss),
            "PS384" => Rsa(HashAlgorithmName.SHA384, RSASignaturePadding.Pss),
            "PS512" => Rsa(HashAlgorithmName.SHA512, RSASignaturePadding.Pss),
            "ES256" => Curve(256, 64, HashAlgorithmName.SHA256),
            "ES384" => Curve(384, 96, HashAlgorithmName.SHA384),
            "ES512" => Curve(521, 132, HashAlgorithmName.SHA512),
            _ => false,
        };

        bool Rsa(HashAlgorithmName hash, RSASignaturePadding padding) => key.Rsa is { } rsa && signature.Length == (rsa.KeySize + 7) / 8 && rsa.VerifyData(input, signature, hash, padding);
        bool Curve(int bits, int length, HashAlgorithmName hash) => key.Ec is { } ec && ec.KeySize == bits && signature.Length == length && ec.VerifyData(input, signature, hash, DSASignatureFormat.IeeeP1363FixedFieldConcatenation);
    }

    private static JsonElement? Header(byte[] bytes)
    {
        try
        {
            var text = new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(bytes);
            using var document = JsonDocument.Parse(text, new JsonDocumentOptions { AllowDuplicateProperties = false });
            return document.RootElement.ValueKind == JsonValueKind.Object && text[0] != '\uFEFF' ? document.RootElement.Clone() : null;
        }
        catch (Exception fault) when (fault is JsonException or ArgumentException)
        {
            return null;
        }
    }

    /// <summary>Base64url as RFC 7515 section 2 has it: a text is good only if encoding what it means gives it again.</summary>
    private static byte[]? Decode(string text)
    {
        const string alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        var bytes = new List<byte>(text.Length);
        var (bits, count) = (0, 0);
        foreach (var character in text)
        {
            var value = alphabet.IndexOf(character, StringComparison.Ordinal);
            if (value < 0) return null;
            bits = (bits << 6) | value;
            count += 6;
            if (count < 8) continue;
            count -= 8;
            bytes.Add((byte)(bits >> count));
            bits &= (1 << count) - 1;
        }
        return text.Length % 4 == 1 || bits != 0 ? null : [.. bytes];
    }
}
