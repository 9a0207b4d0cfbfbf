using System.Buffers.Text;
using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text.Json;

namespace Postern.Gateway.Identities;

/// <summary>One public key of an issuer's key set (RFC 7517), checked.</summary>
public sealed class IssuerKey
{
    private const int MinRsaBits = 2048;
    private const int MaxRsaBits = 8192;
    private readonly string? _algorithm;

    private IssuerKey(string id, string? algorithm, RSAParameters? rsa, ECParameters? ec)
    {
        (Id, _algorithm, Rsa, Ec) = (id, algorithm, rsa, ec);
    }

    /// <summary>The <c>kid</c>.</summary>
    public string Id { get; }

    /// <summary>Set for an RSA key.</summary>
    public RSAParameters? Rsa { get; }

    /// <summary>Set for an elliptic curve key.</summary>
    public ECParameters? Ec { get; }

    /// <summary>Whether this key may verify that algorithm: by its type, its curve (RFC 7518 section 3.4) and its own <c>alg</c>.</summary>
    public bool Fits(string algorithm) =>
        (_algorithm is null || string.Equals(_algorithm, algorithm, StringComparison.Ordinal))
        && algorithm switch
        {
            "RS256" or "RS384" or "RS512" or "PS256" or "PS384" or "PS512" => Rsa is not null,
            "ES256" => IsOn(ECCurve.NamedCurves.nistP256),
            "ES384" => IsOn(ECCurve.NamedCurves.nistP384),
            "ES512" => IsOn(ECCurve.NamedCurves.nistP521),
            _ => false,
        };

    /// <summary>The keys of a set that can verify signatures; empty when it is no key set. Keys of unknown shape are left out.</summary>
    internal static ImmutableArray<IssuerKey> ReadSet(ReadOnlySpan<byte> json)
    {
        const int maxKeys = 100;
        if (TokenText.Parse(json) is not { } set || !set.TryGetProperty("keys", out var keys) || keys.ValueKind != JsonValueKind.Array || keys.GetArrayLength() > maxKeys)
        {
            return [];
        }

        return [.. keys.EnumerateArray().Select(Read).OfType<IssuerKey>()];
    }

    private static IssuerKey? Read(JsonElement key)
    {
        if (key.ValueKind != JsonValueKind.Object || TokenText.Text(key, "kid") is not { Length: > 0 and <= 256 } id || !IsForVerifying(key))
        {
            return null;
        }

        var algorithm = TokenText.Text(key, "alg");
        return TokenText.Text(key, "kty") switch
        {
            "RSA" => ReadRsa(id, algorithm, key),
            "EC" => ReadEc(id, algorithm, key),
            _ => null,
        };
    }

    private static bool IsForVerifying(JsonElement key)
    {
        // a set that publishes private keys is broken; whoever can read it can sign
        if (key.TryGetProperty("d", out _))
        {
            return false;
        }

        if (key.TryGetProperty("use", out var use) && !TokenRules.IsText(use, "sig"))
        {
            return false;
        }

        return !key.TryGetProperty("key_ops", out var operations)
            || (operations.ValueKind == JsonValueKind.Array && operations.EnumerateArray().Any(operation => TokenRules.IsText(operation, "verify")));
    }

    private static IssuerKey? ReadRsa(string id, string? algorithm, JsonElement key)
    {
        if (Number(key, "n") is not { } modulus || Number(key, "e") is not { Length: > 0 and <= 8 } exponent)
        {
            return null;
        }

        var bits = modulus.Length * 8;
        var isUsable = bits is >= MinRsaBits and <= MaxRsaBits && (modulus[^1] & 1) == 1 && (exponent[^1] & 1) == 1 && (exponent.Length > 1 || exponent[0] >= 3);
        return isUsable ? new(id, algorithm, new RSAParameters { Modulus = modulus, Exponent = exponent }, null) : null;
    }

    private static IssuerKey? ReadEc(string id, string? algorithm, JsonElement key)
    {
        (ECCurve Curve, int Size)? shape = TokenText.Text(key, "crv") switch
        {
            "P-256" => (ECCurve.NamedCurves.nistP256, 32),
            "P-384" => (ECCurve.NamedCurves.nistP384, 48),
            "P-521" => (ECCurve.NamedCurves.nistP521, 66),
            _ => null,
        };
        if (shape is not var (curve, size) || Bytes(key, "x") is not { } x || Bytes(key, "y") is not { } y || x.Length != size || y.Length != size)
        {
            return null;
        }

        var parameters = new ECParameters { Curve = curve, Q = new ECPoint { X = x, Y = y } };
        try
        {
            // imports only points that lie on the curve
            using var probe = ECDsa.Create(parameters);
            return new(id, algorithm, null, parameters);
        }
        catch (CryptographicException)
        {
            return null;
        }
    }

    private bool IsOn(ECCurve curve) => Ec is { } ec && ec.Curve.Oid.Value == curve.Oid.Value;

    private static byte[]? Number(JsonElement key, string name) => Bytes(key, name) is { Length: > 0 } bytes ? bytes.AsSpan().TrimStart((byte)0).ToArray() : null;

    private static byte[]? Bytes(JsonElement key, string name)
    {
        const int maxText = 2048;
        if (TokenText.Text(key, name) is not { Length: > 0 and <= maxText } text)
        {
            return null;
        }

        try
        {
            return Base64Url.DecodeFromChars(text);
        }
        catch (FormatException)
        {
            return null;
        }
    }
}
