using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Postern.Gateway.Identities;

namespace Postern.Tests.Identities;

[Guarantee("G13")]
public sealed class SignatureTests : IDisposable
{
    private readonly TokenForge _forge = new();

    public void Dispose() => _forge.Dispose();

    [Theory]
    [Row("J01")]
    [InlineData("RS256")]
    [InlineData("PS256")]
    [InlineData("ES256")]
    public async Task No_changed_signature_holds_and_a_second_verifier_agrees(string algorithm)
    {
        var both = new BothVerifiers(new IdentityModelVerifier());
        using var authenticator = _forge.Authenticator(verifier: both);
        var good = _forge.Token(algorithm: algorithm);
        await authenticator.AcceptsAsync(good);

        foreach (var bad in Mutants(good, algorithm))
        {
            await authenticator.RefusesAsync(bad);
        }

        Assert.Empty(both.Differences);
        Assert.Equal(1, both.Good);
        Assert.InRange(both.Asked, 40, int.MaxValue);
    }

    private IEnumerable<string> Mutants(string good, string algorithm)
    {
        var dot = good.LastIndexOf('.');
        var (input, signature) = (good[..dot], Base64Url.DecodeFromChars(good.AsSpan(dot + 1)));
        string With(byte[] changed) => $"{input}.{Base64Url.EncodeToString(changed)}";

        // every bit of some bytes, lengths around the right one, and the numbers that arithmetic trips over
        for (var i = 0; i < 32; i++)
        {
            var flipped = (byte[])signature.Clone();
            flipped[i * signature.Length / 32] ^= (byte)(1 << (i % 8));
            yield return With(flipped);
        }

        var half = signature.Length / 2;
        yield return With(new byte[signature.Length]);
        yield return With([.. Enumerable.Repeat((byte)0xFF, signature.Length)]);
        yield return With(signature[..^1]);
        yield return With(signature[..half]);
        yield return With([.. signature, 0]);
        yield return With([0, .. signature]);
        yield return With([.. signature, .. signature]);
        yield return With([.. signature[half..], .. signature[..half]]);
        yield return With([.. signature[..half], .. new byte[half]]);
        yield return With([.. new byte[half], .. signature[half..]]);
        yield return With([1]);

        var bytes = Encoding.ASCII.GetBytes(input);
        if (algorithm == "ES256")
        {
            // the same signature in DER, and the right one over another hash
            yield return With(_forge.Ec.SignData(bytes, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence));
            yield return With(_forge.Ec.SignData(bytes, HashAlgorithmName.SHA384));

            // r or s equal to the order of the group
            var order = Convert.FromHexString("FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551");
            yield return With([.. order, .. signature[32..]]);
            yield return With([.. signature[..32], .. order]);
        }
        else
        {
            // the other padding, the other hash, an unpadded number
            yield return With(_forge.Rsa.SignData(bytes, HashAlgorithmName.SHA256, algorithm == "PS256" ? RSASignaturePadding.Pkcs1 : RSASignaturePadding.Pss));
            yield return With(_forge.Rsa.SignData(bytes, HashAlgorithmName.SHA512, RSASignaturePadding.Pkcs1));
            yield return With(_forge.Rsa.SignData(bytes, HashAlgorithmName.SHA1, RSASignaturePadding.Pkcs1));
            yield return With(_forge.Rsa.ExportParameters(false).Modulus!);
        }

        // the signature of another token
        var other = _forge.Token(claims => claims["sub"] = "u-2", algorithm: algorithm);
        yield return $"{input}{other[other.LastIndexOf('.')..]}";
        yield return $"{other[..other.LastIndexOf('.')]}{good[dot..]}";
    }

    [Fact]
    public async Task Claims_or_header_changed_after_signing_are_refused()
    {
        using var authenticator = _forge.Authenticator();
        var parts = _forge.Token().Split('.');
        var claims = _forge.Claims();
        claims["groups"] = new System.Text.Json.Nodes.JsonArray("admins");
        var header = _forge.Header("PS256");

        await authenticator.RefusesAsync($"{parts[0]}.{Base64Url.EncodeToString(Encoding.UTF8.GetBytes(claims.ToJsonString()))}.{parts[2]}");
        await authenticator.RefusesAsync($"{Base64Url.EncodeToString(Encoding.UTF8.GetBytes(header.ToJsonString()))}.{parts[1]}.{parts[2]}");
    }
}
