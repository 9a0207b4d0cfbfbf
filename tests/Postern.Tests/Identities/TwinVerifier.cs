using System.Buffers.Text;
using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using Postern.Gateway.Identities;

namespace Postern.Tests.Identities;

/// <summary>The same question answered by the base library alone; both answers must agree on every token.</summary>
internal sealed class TwinVerifier : ITokenVerifier
{
    public bool Holds(string token, string algorithm, string issuer, string audience, ImmutableArray<IssuerKey> keys)
    {
        var dot = token.LastIndexOf('.');
        var input = Encoding.ASCII.GetBytes(token[..dot]);
        var signature = Base64Url.DecodeFromChars(token.AsSpan(dot + 1));
        return keys.Any(key => Holds(key, algorithm, input, signature));
    }

    private static bool Holds(IssuerKey key, string algorithm, byte[] input, byte[] signature)
    {
        var hash = algorithm[^3..] switch { "256" => HashAlgorithmName.SHA256, "384" => HashAlgorithmName.SHA384, _ => HashAlgorithmName.SHA512 };
        if (key.Rsa is { } parameters)
        {
            using var rsa = RSA.Create(parameters);
            return rsa.VerifyData(input, signature, hash, algorithm[0] == 'P' ? RSASignaturePadding.Pss : RSASignaturePadding.Pkcs1);
        }

        using var ec = ECDsa.Create(key.Ec!.Value);
        return ec.VerifyData(input, signature, hash);
    }
}

/// <summary>Runs the twin beside the product and fails where they differ.</summary>
internal sealed class BothVerifiers(ITokenVerifier product) : ITokenVerifier
{
    private readonly TwinVerifier _twin = new();

    public int Asked { get; private set; }

    public int Good { get; private set; }

    public List<string> Differences { get; } = [];

    public bool Holds(string token, string algorithm, string issuer, string audience, ImmutableArray<IssuerKey> keys)
    {
        var answer = product.Holds(token, algorithm, issuer, audience, keys);
        Asked++;
        Good += answer ? 1 : 0;
        if (answer != _twin.Holds(token, algorithm, issuer, audience, keys))
        {
            Differences.Add(token);
        }

        return answer;
    }
}
