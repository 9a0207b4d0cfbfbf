using System.Buffers.Text;
using System.Numerics;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace Postern.Tests.Identities.Vectors;

/// <summary>
/// Makes the file of vectors: for each algorithm a good token, and that token damaged in every way that a verifier was ever caught to
/// overlook. Keys are made for this and thrown away, so that a new file is a new set.
/// </summary>
internal sealed class JwsVectorMaker
{
    public const string Issuer = "https://vectors.example";
    public const string Audience = "https://gate.example";
    public static readonly string[] Algorithms = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"];

    private readonly RSA _rsa = RSA.Create(2048);
    private readonly RSA _otherRsa = RSA.Create(2048);
    private readonly Dictionary<string, ECDsa> _curves = new(StringComparer.Ordinal)
    {
        ["ES256"] = ECDsa.Create(ECCurve.NamedCurves.nistP256), ["ES384"] = ECDsa.Create(ECCurve.NamedCurves.nistP384), ["ES512"] = ECDsa.Create(ECCurve.NamedCurves.nistP521),
    };

    private readonly long _now = new ManualClock().GetUtcNow().ToUnixTimeSeconds();
    private readonly JsonArray _vectors = [];
    private string _algorithm = "";
    private int _next;

    public string Make()
    {
        var groups = new JsonArray();
        foreach (var algorithm in Algorithms)
        {
            _algorithm = algorithm;
            Whole();
            Headers();
            Spellings();
            OtherAlgorithms();
            if (algorithm[0] == 'E') Curve();
            else Rsa(algorithm[0] == 'P');
            groups.Add(new JsonObject { ["algorithm"] = algorithm, ["vectors"] = new JsonArray([.. _vectors.Select(vector => vector!.DeepClone())]) });
            _vectors.Clear();
        }
        var file = new JsonObject { ["issuer"] = Issuer, ["audience"] = Audience, ["now"] = _now, ["keys"] = Keys(), ["groups"] = groups };
        return file.ToJsonString(new() { WriteIndented = true, IndentSize = 1, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }) + "\n";
    }

    private JsonArray Keys()
    {
        static JsonNode Rsa(RSA key, string id) => new JsonObject { ["kty"] = "RSA", ["use"] = "sig", ["kid"] = id, ["n"] = Text(key.ExportParameters(false).Modulus!), ["e"] = Text(key.ExportParameters(false).Exponent!) };
        var keys = new JsonArray(Rsa(_rsa, "rsa"), Rsa(_otherRsa, "rsa-other"));
        foreach (var (algorithm, key) in _curves)
        {
            var point = key.ExportParameters(false).Q;
            keys.Add(new JsonObject { ["kty"] = "EC", ["use"] = "sig", ["kid"] = algorithm, ["crv"] = algorithm switch { "ES256" => "P-256", "ES384" => "P-384", _ => "P-521" }, ["x"] = Text(point.X!), ["y"] = Text(point.Y!) });
        }
        return keys;
    }

    private string KeyId => _algorithm[0] == 'E' ? _algorithm : "rsa";

    private string Header => $$"""{"alg":"{{_algorithm}}","typ":"at+jwt","kid":"{{KeyId}}"}""";

    private string Claims => $$"""{"iss":"{{Issuer}}","sub":"u-1","aud":"{{Audience}}","client_id":"a","iat":{{_now}},"exp":{{_now + 600}}}""";

    private void Good(string comment, string token) => Add(comment, "valid", token);

    private void Bad(string comment, string token) => Add(comment, "invalid", token);

    private void Add(string comment, string result, string token) => _vectors.Add(new JsonObject { ["id"] = ++_next, ["comment"] = comment, ["result"] = result, ["jws"] = token });

    private string Sign(string? header = null, string? claims = null, string? algorithm = null) => Sign(Encoding.UTF8.GetBytes(header ?? Header), claims, algorithm);

    private string Sign(byte[] header, string? claims = null, string? algorithm = null)
    {
        var input = $"{Text(header)}.{Text(Encoding.UTF8.GetBytes(claims ?? Claims))}";
        return $"{input}.{Text(SignatureOf(Encoding.ASCII.GetBytes(input), algorithm ?? _algorithm))}";
    }

    private byte[] SignatureOf(byte[] input, string algorithm) => algorithm[0] switch
    {
        'R' => _rsa.SignData(input, Hash(algorithm), RSASignaturePadding.Pkcs1),
        'P' => _rsa.SignData(input, Hash(algorithm), RSASignaturePadding.Pss),
        _ => _curves[algorithm].SignData(input, Hash(algorithm)),
    };

    private static HashAlgorithmName Hash(string algorithm) => algorithm[2..] switch { "256" => HashAlgorithmName.SHA256, "384" => HashAlgorithmName.SHA384, _ => HashAlgorithmName.SHA512 };

    private static string Text(byte[] bytes) => Base64Url.EncodeToString(bytes);

    // The token as a whole and its signature as bytes.
    private void Whole()
    {
        var good = Sign();
        Good("as it should be", good);
        Good("members of the header in another order, with white space", Sign($$"""{ "kid" : "{{KeyId}}", "alg":"{{_algorithm}}" ,"typ":"at+jwt"}"""));
        Good("a header member that nobody knows", Sign(Header[..^1] + ",\"x\":1}"));
        var parts = good.Split('.');
        var signature = Base64Url.DecodeFromChars(parts[2]);
        string With(byte[] bytes) => $"{parts[0]}.{parts[1]}.{Text(bytes)}";
        Bad("no signature", $"{parts[0]}.{parts[1]}.");
        Bad("two parts", $"{parts[0]}.{parts[1]}");
        Bad("four parts", good + ".AAAA");
        Bad("five parts", good + ".AAAA.AAAA");
        Bad("no header", $".{parts[1]}.{parts[2]}");
        Bad("no claims", $"{parts[0]}..{parts[2]}");
        Bad("claims of another token", $"{parts[0]}.{Text(Encoding.UTF8.GetBytes(Claims.Replace("u-1", "u-2", StringComparison.Ordinal)))}.{parts[2]}");
        Bad("signature of another token", $"{parts[0]}.{parts[1]}.{Sign(claims: Claims.Replace("u-1", "u-2", StringComparison.Ordinal)).Split('.')[2]}");
        Bad("header of another token", $"{Text(Encoding.UTF8.GetBytes(Header[..^1] + ",\"x\":1}"))}.{parts[1]}.{parts[2]}");
        foreach (var at in (int[])[0, signature.Length / 2, signature.Length - 1])
        {
            var flipped = (byte[])signature.Clone();
            flipped[at] ^= 1;
            Bad($"one bit of byte {at} of the signature", With(flipped));
        }
        Bad("signature cut by one byte", With(signature[..^1]));
        Bad("signature cut to one byte", With(signature[..1]));
        Bad("signature with a zero behind", With([.. signature, 0]));
        Bad("signature with a zero before", With([0, .. signature]));
        Bad("signature twice", With([.. signature, .. signature]));
        Bad("signature of zeros", With(new byte[signature.Length]));
        Bad("signature of ones", With([.. Enumerable.Repeat((byte)0xFF, signature.Length)]));
        Bad("signature of one zero", With([0]));
    }

    private void Headers()
    {
        var good = Sign();
        var (body, signature) = (good.Split('.')[1], good.Split('.')[2]);
        string Swapped(string header) => $"{Text(Encoding.UTF8.GetBytes(header))}.{body}.{signature}";
        foreach (var none in (string[])["none", "None", "NONE", "nOnE"])
        {
            var header = Header.Replace(_algorithm, none, StringComparison.Ordinal);
            if (_algorithm[0] == 'E') header = header.Replace($"\"kid\":\"{none}\"", $"\"kid\":\"{KeyId}\"", StringComparison.Ordinal);
            Bad($"alg `{none}`, signed", Sign(header));
            Bad($"alg `{none}`, without signature", $"{Text(Encoding.UTF8.GetBytes(header))}.{body}.");
        }
        Bad("alg in lower case", Sign($$"""{"alg":"{{_algorithm.ToLowerInvariant()}}","typ":"at+jwt","kid":"{{KeyId}}"}"""));
        Bad("alg with a space", Sign($$"""{"alg":"{{_algorithm}} ","typ":"at+jwt","kid":"{{KeyId}}"}"""));
        Bad("alg with a zero character", Sign($$"""{"alg":"{{_algorithm}}\u0000","typ":"at+jwt","kid":"{{KeyId}}"}"""));
        Bad("alg is a list", Sign($$"""{"alg":["{{_algorithm}}"],"typ":"at+jwt","kid":"{{KeyId}}"}"""));
        Bad("no alg", Sign($$"""{"typ":"at+jwt","kid":"{{KeyId}}"}"""));
        Bad("alg twice", Sign($$"""{"alg":"none","alg":"{{_algorithm}}","typ":"at+jwt","kid":"{{KeyId}}"}"""));
        Bad("alg twice, once escaped", Sign($$"""{"alg":"{{_algorithm}}","\u0061lg":"none","typ":"at+jwt","kid":"{{KeyId}}"}"""));
        Bad("kid twice", Sign(Header[..^1] + ",\"kid\":\"rsa-other\"}"));
        Bad("no kid", Sign($$"""{"alg":"{{_algorithm}}","typ":"at+jwt"}"""));
        Bad("a kid that nobody has", Sign($$"""{"alg":"{{_algorithm}}","typ":"at+jwt","kid":"nobody"}"""));
        Bad("the kid of another key", Sign($$"""{"alg":"{{_algorithm}}","typ":"at+jwt","kid":"{{(_algorithm[0] == 'E' ? "rsa" : "rsa-other")}}"}"""));
        Bad("the kid in other case", Sign($$"""{"alg":"{{_algorithm}}","typ":"at+jwt","kid":"{{(_algorithm[0] == 'E' ? KeyId.ToLowerInvariant() : "RSA")}}"}"""));
        Bad("crit names a member", Sign(Header[..^1] + ",\"crit\":[\"x\"],\"x\":1}"));
        Bad("crit is empty", Sign(Header[..^1] + ",\"crit\":[]}"));
        Bad("b64 is true", Sign(Header[..^1] + ",\"b64\":true}"));
        var unencoded = $"{Text(Encoding.UTF8.GetBytes(Header[..^1] + ",\"b64\":false,\"crit\":[\"b64\"]}"))}.{Claims}";
        Bad("b64 is false and the claims stand in the clear", $"{unencoded}.{Text(SignatureOf(Encoding.UTF8.GetBytes(unencoded), _algorithm))}");
        Bad("b64 is false and the claims are encoded", Sign(Header[..^1] + ",\"b64\":false,\"crit\":[\"b64\"]}"));
        Bad("the header is a list", Sign($"[{Header}]"));
        Bad("the header begins with a byte order mark", Sign([0xEF, 0xBB, 0xBF, .. Encoding.UTF8.GetBytes(Header)]));
        Bad("the header is no UTF-8", Sign([.. Encoding.UTF8.GetBytes(Header[..^1] + ",\"x\":\""), 0xFF, .. "\"}"u8]));
        Bad("the header has a comma too many", Sign(Header[..^1] + ",}"));
        Bad("something behind the header", Sign(Header + "{}"));
        Bad("header changed after signing", Swapped(Header.Replace("at+jwt", "application/at+jwt", StringComparison.Ordinal)));

        // A key that the token brings or names: never used, and not in the way of the right one.
        using var stranger = RSA.Create(2048);
        var jwk = $$"""{"kty":"RSA","kid":"{{KeyId}}","n":"{{Text(stranger.ExportParameters(false).Modulus!)}}","e":"AQAB"}""";
        var brought = Header[..^1] + $",\"jwk\":{jwk}}}";
        Good("a stranger's jwk in the header, signed by the right key", Sign(brought));
        foreach (var header in (string[])[brought, Header[..^1] + ",\"jku\":\"https://evil.example/keys\"}", Header[..^1] + ",\"x5u\":\"https://evil.example/cert\"}", Header[..^1] + ",\"x5c\":[\"MIIB\"]}"])
        {
            var input = $"{Text(Encoding.UTF8.GetBytes(header))}.{body}";
            Bad($"a key in the header ({header.Split("\",\"")[^1][..3].Trim('"')}), signed by it", $"{input}.{Text(stranger.SignData(Encoding.ASCII.GetBytes(input), HashAlgorithmName.SHA256, _algorithm[0] == 'P' ? RSASignaturePadding.Pss : RSASignaturePadding.Pkcs1))}");
        }
    }

    // One token, one text.
    private void Spellings()
    {
        var good = Sign();
        var parts = good.Split('.');
        Bad("padding behind the signature", good + "=");
        Bad("padding behind the header", $"{parts[0]}=.{parts[1]}.{parts[2]}");
        Bad("a space inside", good.Insert(good.Length - 5, " "));
        Bad("a line feed behind", good + "\n");
        Bad("a space before", " " + good);
        Bad("a line break inside", good.Insert(good.Length - 9, "\r\n"));
        Bad("the alphabet of base64", $"{parts[0]}.{parts[1]}.{parts[2][..^3]}+/{parts[2][^1]}");
        Bad("an escaped character", good[..^1] + "%" + ((int)good[^1]).ToString("X2", System.Globalization.CultureInfo.InvariantCulture));
        Bad("an overlong part", $"{parts[0]}.{parts[1]}.{parts[2]}A");
        const string alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        for (var i = 0; i < 3; i++)
        {
            if (parts[i].Length % 4 == 0) continue;
            var last = alphabet.IndexOf(parts[i][^1], StringComparison.Ordinal);
            var stray = (string[])parts.Clone();
            stray[i] = parts[i][..^1] + alphabet[last | 1];
            Bad($"stray bits at the end of part {i + 1}", string.Join('.', stray));
            if (i == 2) continue;
            var input = $"{stray[0]}.{stray[1]}";
            Bad($"stray bits at the end of part {i + 1}, signed", $"{input}.{Text(SignatureOf(Encoding.ASCII.GetBytes(input), _algorithm))}");
        }
    }

    private void OtherAlgorithms()
    {
        foreach (var other in Algorithms.Where(other => other != _algorithm && (other[0] == 'E') == (_algorithm[0] == 'E')))
        {
            // The header names ours, the signature is another one's by a key of the same kind.
            Bad($"signed as {other}", Sign(algorithm: other));
        }
        if (_algorithm[0] == 'E')
        {
            foreach (var (other, key) in _curves.Where(curve => curve.Key != _algorithm))
            {
                var input = $"{Text(Encoding.UTF8.GetBytes($$"""{"alg":"{{_algorithm}}","typ":"at+jwt","kid":"{{other}}"}"""))}.{Text(Encoding.UTF8.GetBytes(Claims))}";
                Bad($"the key of {other} under alg {_algorithm}", $"{input}.{Text(key.SignData(Encoding.ASCII.GetBytes(input), Hash(_algorithm)))}");
            }
        }
        AsymmetricAlgorithm own = _algorithm[0] == 'E' ? _curves[_algorithm] : _rsa;
        var jwk = Keys().First(key => key!["kid"]!.GetValue<string>() == KeyId)!.ToJsonString();
        foreach (var (form, secret) in ((string, byte[])[])[("DER", own.ExportSubjectPublicKeyInfo()), ("PEM", Encoding.ASCII.GetBytes(own.ExportSubjectPublicKeyInfoPem())), ("JWK", Encoding.UTF8.GetBytes(jwk)), ("nothing", [])])
        {
            foreach (var bits in (string[])["256", "384", "512"])
            {
                var input = Encoding.ASCII.GetBytes($"{Text(Encoding.UTF8.GetBytes($$"""{"alg":"HS{{bits}}","typ":"at+jwt","kid":"{{KeyId}}"}"""))}.{Text(Encoding.UTF8.GetBytes(Claims))}");
                var mac = bits switch { "256" => HMACSHA256.HashData(secret, input), "384" => HMACSHA384.HashData(secret, input), _ => HMACSHA512.HashData(secret, input) };
                Bad($"HS{bits} with the public key as {form}", $"{Encoding.ASCII.GetString(input)}.{Text(mac)}");
            }
        }
    }

    private void Curve()
    {
        var key = _curves[_algorithm];
        var good = Sign();
        var input = good[..good.LastIndexOf('.')];
        var signature = Base64Url.DecodeFromChars(good.AsSpan(input.Length + 1));
        var size = signature.Length / 2;
        var order = Order(_algorithm);
        var (r, s) = (Big(signature[..size]), Big(signature[size..]));
        string With(BigInteger left, BigInteger right) => $"{input}.{Text([.. Fixed(left, size), .. Fixed(right, size)])}";
        Good("as the issuer signed it", good);
        Bad("the signature in DER", $"{input}.{Text(key.SignData(Encoding.ASCII.GetBytes(input), Hash(_algorithm), DSASignatureFormat.Rfc3279DerSequence))}");
        Bad("r is zero", With(0, s));
        Bad("s is zero", With(r, 0));
        Bad("r and s are one", With(1, 1));
        Bad("r is the order", With(order, s));
        Bad("s is the order", With(r, order));
        Bad("r is the order and one", With(order + 1, s));
        Bad("s is the order and one", With(r, order + 1));
        Bad("r and s exchanged", With(s, r));
        Good("s is the order less s, which ECDSA cannot tell apart", With(r, order - s));
        if (r + order < BigInteger.One << (8 * size)) Bad("r and the order", With(r + order, s));
        if (s + order < BigInteger.One << (8 * size)) Bad("s and the order", With(r, s + order));
        Bad("r and s without their leading zeros or first bytes", $"{input}.{Text([.. signature[1..size], .. signature[(size + 1)..]])}");
        Bad("r and s each one byte longer", $"{input}.{Text([0, .. signature[..size], 0, .. signature[size..]])}");
        Bad("r alone", $"{input}.{Text(signature[..size])}");
    }

    private void Rsa(bool isPss)
    {
        var input = Sign()[..Sign().LastIndexOf('.')];
        var bytes = Encoding.ASCII.GetBytes(input);
        var good = SignatureOf(bytes, _algorithm);
        var parameters = _rsa.ExportParameters(true);
        var (modulus, secret) = (Big(parameters.Modulus!), Big(parameters.D!));
        string Raw(byte[] encoded) => $"{input}.{Text(Fixed(BigInteger.ModPow(Big(encoded), secret, modulus), 256))}";
        Bad("the modulus as signature", $"{input}.{Text(parameters.Modulus!)}");
        Bad("a signature of one", $"{input}.{Text(Fixed(1, 256))}");
        Bad("the modulus less one", $"{input}.{Text(Fixed(modulus - 1, 256))}");
        if (Big(good) + modulus < BigInteger.One << 2048) Bad("the signature and the modulus", $"{input}.{Text(Fixed(Big(good) + modulus, 256))}");
        Bad("by another key", $"{input}.{Text(_otherRsa.SignData(bytes, Hash(_algorithm), isPss ? RSASignaturePadding.Pss : RSASignaturePadding.Pkcs1))}");
        var name = Hash(_algorithm);
        var digest = CryptographicOperations.HashData(name, bytes);
        if (isPss)
        {
            foreach (var salt in (int[])[0, 1, digest.Length - 1, digest.Length + 1, 20, 256 - digest.Length - 2])
            {
                if (salt != digest.Length) Bad($"a salt of {salt} bytes", Raw(RsaEncodings.Pss(digest, name, name, salt)));
            }
            var other = name == HashAlgorithmName.SHA256 ? HashAlgorithmName.SHA1 : HashAlgorithmName.SHA256;
            Bad("MGF1 with another hash", Raw(RsaEncodings.Pss(digest, name, other, digest.Length)));
            var trailer = RsaEncodings.Pss(digest, name, name, digest.Length);
            Good("the encoding of this maker", Raw(trailer));
            trailer[^1] = 0xCC;
            Bad("another trailer", Raw(trailer));
            Bad("no padding string between", Raw(RsaEncodings.Pss(digest, name, name, digest.Length, separator: 0)));
            return;
        }
        var info = RsaEncodings.DigestInfo(name, digest);
        Good("the encoding of this maker", Raw(RsaEncodings.Pkcs1(info)));
        Bad("no NULL behind the hash's name", Raw(RsaEncodings.Pkcs1(RsaEncodings.DigestInfo(name, digest, hasNull: false))));
        Bad("the digest alone", Raw(RsaEncodings.Pkcs1(digest)));
        Bad("garbage behind the digest", Raw(RsaEncodings.WithGarbage(info)));
        Bad("padding of type 2", Raw(RsaEncodings.Pkcs1(info, type: 2)));
        Bad("padding of zeros", Raw(RsaEncodings.Pkcs1(info, filler: 0)));
        Bad("no zero before the digest", Raw(RsaEncodings.Pkcs1(info, separator: 1)));
        Bad("a longer length in the digest's frame", Raw(RsaEncodings.Pkcs1(RsaEncodings.LongForm(info))));
        var wrong = RsaEncodings.DigestInfo(name == HashAlgorithmName.SHA256 ? HashAlgorithmName.SHA512 : HashAlgorithmName.SHA256, digest);
        Bad("the name of another hash", Raw(RsaEncodings.Pkcs1(wrong)));
        Bad("SHA-1", $"{input}.{Text(_rsa.SignData(bytes, HashAlgorithmName.SHA1, RSASignaturePadding.Pkcs1))}");
    }

    private static BigInteger Order(string algorithm) => Big(Convert.FromHexString(algorithm switch
    {
        "ES256" => "FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551",
        "ES384" => "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973",
        _ => $"01{new string('F', 64)}FA51868783BF2F966B7FCC0148F709A5D03BB5C9B8899C47AEBB6FB71E91386409",
    }));

    private static BigInteger Big(byte[] bytes) => new(bytes, isUnsigned: true, isBigEndian: true);

    private static byte[] Fixed(BigInteger number, int length)
    {
        var bytes = number.ToByteArray(isUnsigned: true, isBigEndian: true);
        return [.. new byte[length - bytes.Length], .. bytes];
    }
}
