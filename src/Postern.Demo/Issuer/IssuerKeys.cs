using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text.Json.Nodes;

namespace Postern.Demo.Issuer;

/// <summary>The issuer's signing keys: one RSA, one P-256 at a time; made at start, gone at the end.</summary>
public sealed class IssuerKeys : IDisposable
{
    private const int RsaBits = 2048;
    private readonly Lock _rotation = new();
    private List<SigningKey> _published;
    private readonly List<SigningKey> _withdrawn = [];

    internal IssuerKeys() => _published = [NewRsa(), NewEc()];

    /// <summary>The ids that the key set shows now, RSA first within each generation.</summary>
    public IReadOnlyList<string> KeyIds => [.. Volatile.Read(ref _published).Select(key => key.Id)];

    /// <summary>Signs with the newest key of an algorithm.</summary>
    /// <param name="algorithm"><c>RS256</c>, <c>PS256</c> or <c>ES256</c>.</param>
    /// <param name="signingInput">What stands before the second dot, in ASCII.</param>
    public byte[] Sign(string algorithm, ReadOnlySpan<byte> signingInput) => Current(algorithm).Sign(algorithm, signingInput);

    /// <summary>The id of the key that <see cref="Sign"/> takes.</summary>
    public string KeyId(string algorithm) => Current(algorithm).Id;

    /// <summary>The public half of the newest key of an algorithm, as SubjectPublicKeyInfo (DER).</summary>
    public byte[] ExportPublicKey(string algorithm) => Current(algorithm).ExportPublicKey();

    /// <summary>Makes new keys. The old ones stay in the key set until they are withdrawn.</summary>
    public void Rotate()
    {
        lock (_rotation)
        {
            _published = [NewRsa(), NewEc(), .. _published];
        }
    }

    /// <summary>Takes all but the newest keys out of the key set: tokens signed with them are to be refused.</summary>
    public void WithdrawOld()
    {
        lock (_rotation)
        {
            _withdrawn.AddRange(_published.Skip(2));
            _published = [.. _published.Take(2)];
        }
    }

    internal JsonObject ToJson() => new() { ["keys"] = new JsonArray([.. Volatile.Read(ref _published).Select(JsonNode (key) => key.ToJson())]) };

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_rotation)
        {
            foreach (var key in _published.Concat(_withdrawn))
            {
                key.Dispose();
            }
        }
    }

    private SigningKey Current(string algorithm) =>
        Volatile.Read(ref _published).FirstOrDefault(key => key.Fits(algorithm))
        ?? throw new ArgumentException($"unknown algorithm `{algorithm}`; expected `RS256`, `PS256` or `ES256`", nameof(algorithm));

    private static SigningKey NewRsa() => new(RSA.Create(RsaBits));

    private static SigningKey NewEc() => new(ECDsa.Create(ECCurve.NamedCurves.nistP256));

    private sealed class SigningKey(AsymmetricAlgorithm key) : IDisposable
    {
        public string Id { get; } = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(9));

        public bool Fits(string algorithm) => algorithm switch
        {
            "RS256" or "PS256" => key is RSA,
            "ES256" => key is ECDsa,
            _ => false,
        };

        public byte[] Sign(string algorithm, ReadOnlySpan<byte> input) => key switch
        {
            RSA rsa => rsa.SignData(input, HashAlgorithmName.SHA256, algorithm == "PS256" ? RSASignaturePadding.Pss : RSASignaturePadding.Pkcs1),
            ECDsa ec => ec.SignData(input, HashAlgorithmName.SHA256),
            _ => throw new InvalidOperationException("expected an RSA or EC key"),
        };

        public byte[] ExportPublicKey() => key.ExportSubjectPublicKeyInfo();

        // RFC 7517, RFC 7518 section 6
        public JsonObject ToJson()
        {
            if (key is RSA rsa)
            {
                var numbers = rsa.ExportParameters(includePrivateParameters: false);

                // no `alg`: the key serves RS256 and PS256
                return new JsonObject { ["kty"] = "RSA", ["use"] = "sig", ["kid"] = Id, ["n"] = Base64Url.EncodeToString(numbers.Modulus), ["e"] = Base64Url.EncodeToString(numbers.Exponent) };
            }

            var point = ((ECDsa)key).ExportParameters(includePrivateParameters: false).Q;
            return new JsonObject { ["kty"] = "EC", ["use"] = "sig", ["alg"] = "ES256", ["kid"] = Id, ["crv"] = "P-256", ["x"] = Base64Url.EncodeToString(point.X), ["y"] = Base64Url.EncodeToString(point.Y) };
        }

        public void Dispose() => key.Dispose();
    }
}
