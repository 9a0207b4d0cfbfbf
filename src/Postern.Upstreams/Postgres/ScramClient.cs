using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Postern.Upstreams.Postgres;

/// <summary>
/// The client's side of SCRAM-SHA-256 (RFC 5802, 7677), with or without channel binding <c>tls-server-end-point</c> (RFC 5929). The
/// password never travels, and a server that does not know it is found out before anything is asked of it.
/// </summary>
internal sealed class ScramClient
{
    /// <summary>Without channel binding.</summary>
    public const string Plain = "SCRAM-SHA-256";

    /// <summary>With channel binding.</summary>
    public const string Plus = "SCRAM-SHA-256-PLUS";

    /// <summary>RFC 7677 section 4: fewer rounds make a stolen verifier too easy to search.</summary>
    public const int FewestRounds = 4096;

    /// <summary>More would let a server burn the gateway's time with one number.</summary>
    public const int MostRounds = 1_000_000;

    private const int NonceBytes = 18;

    private readonly string _password;
    private readonly string _header;
    private readonly byte[] _binding;
    private readonly string _nonce;
    private byte[] _serverSignature = [];

    /// <summary>Begins an exchange.</summary>
    /// <param name="password">The password as it was set.</param>
    /// <param name="endPoint">The channel's <c>tls-server-end-point</c> value when it is bound; null otherwise.</param>
    /// <param name="couldBind">True when the client could bind but the server offered no way: an attacker who hid it is found out (RFC 5802 section 6).</param>
    /// <param name="nonce">For tests against the RFC's vectors; otherwise null.</param>
    public ScramClient(string password, byte[]? endPoint, bool couldBind, string? nonce = null)
    {
        _password = password;
        _binding = endPoint ?? [];
        _header = endPoint is not null ? "p=tls-server-end-point,," : couldBind ? "y,," : "n,,";
        _nonce = nonce ?? Convert.ToBase64String(RandomNumberGenerator.GetBytes(NonceBytes));
    }

    /// <summary>The user's name of the RFC's vectors; PostgreSQL takes it from the startup message and wants it empty here.</summary>
    public string User { get; init; } = "";

    private string FirstBare => $"n={User},r={_nonce}";

    /// <summary>The first message.</summary>
    public byte[] First() => Encoding.UTF8.GetBytes(_header + FirstBare);

    /// <summary>The answer to the server's first message.</summary>
    /// <exception cref="FormatException">The server's message is not what the RFC demands; the text says why, without any of it.</exception>
    public byte[] Final(ReadOnlySpan<byte> serverFirst)
    {
        var text = Ascii(serverFirst);
        var parts = text.Split(',');
        if (parts.Length < 3 || !parts[0].StartsWith("r=", StringComparison.Ordinal) || !parts[1].StartsWith("s=", StringComparison.Ordinal) || !parts[2].StartsWith("i=", StringComparison.Ordinal))
        {
            throw new FormatException("the server's SCRAM challenge is malformed");
        }
        var nonce = parts[0][2..];
        // A nonce that does not go on from ours is another exchange's, played again.
        if (nonce.Length <= _nonce.Length || !nonce.StartsWith(_nonce, StringComparison.Ordinal)) throw new FormatException("the server's SCRAM nonce does not continue ours");
        var salt = Base64(parts[1][2..]);
        if (salt.Length == 0) throw new FormatException("the server's SCRAM salt is empty");
        if (!int.TryParse(parts[2].AsSpan(2), NumberStyles.None, CultureInfo.InvariantCulture, out var rounds) || rounds < FewestRounds || rounds > MostRounds)
        {
            throw new FormatException($"the server's SCRAM rounds are outside {FewestRounds} to {MostRounds}");
        }

        var channel = Convert.ToBase64String([.. Encoding.ASCII.GetBytes(_header), .. _binding]);
        var withoutProof = $"c={channel},r={nonce}";
        var authMessage = Encoding.UTF8.GetBytes($"{FirstBare},{text},{withoutProof}");

        var salted = Rfc2898DeriveBytes.Pbkdf2(Encoding.UTF8.GetBytes(Prepared(_password)), salt, rounds, HashAlgorithmName.SHA256, SHA256.HashSizeInBytes);
        var clientKey = HMACSHA256.HashData(salted, "Client Key"u8);
        var proof = HMACSHA256.HashData(SHA256.HashData(clientKey), authMessage);
        for (var i = 0; i < proof.Length; i++) proof[i] ^= clientKey[i];
        _serverSignature = HMACSHA256.HashData(HMACSHA256.HashData(salted, "Server Key"u8), authMessage);
        CryptographicOperations.ZeroMemory(salted);
        CryptographicOperations.ZeroMemory(clientKey);
        return Encoding.UTF8.GetBytes($"{withoutProof},p={Convert.ToBase64String(proof)}");
    }

    /// <summary>Checks the server's last message: only who knows the password can have made it.</summary>
    /// <exception cref="FormatException">It was made by somebody else.</exception>
    public void Verify(ReadOnlySpan<byte> serverFinal)
    {
        var text = Ascii(serverFinal);
        if (!text.StartsWith("v=", StringComparison.Ordinal)) throw new FormatException("the server refused the SCRAM proof");
        if (_serverSignature.Length == 0 || !CryptographicOperations.FixedTimeEquals(Base64(text[2..].Split(',')[0]), _serverSignature))
        {
            throw new FormatException("the server's SCRAM signature is wrong: it does not know the password");
        }
    }

    // RFC 4013 for what passwords are made of: compatibility forms are folded, other spaces become spaces. PostgreSQL takes what
    // cannot be prepared as it stands, and so does this.
    private static string Prepared(string password)
    {
        if (System.Text.Ascii.IsValid(password)) return password;
        var spaces = new StringBuilder(password.Length);
        foreach (var character in password)
        {
            if (character is '\u00AD' or '\u200B' or '\u2060' or '\uFEFF') continue;
            spaces.Append(char.GetUnicodeCategory(character) == UnicodeCategory.SpaceSeparator ? ' ' : character);
        }
        try
        {
            return spaces.ToString().Normalize(NormalizationForm.FormKC);
        }
        catch (ArgumentException)
        {
            return password;
        }
    }

    private static string Ascii(ReadOnlySpan<byte> bytes) =>
        System.Text.Ascii.IsValid(bytes) ? Encoding.ASCII.GetString(bytes) : throw new FormatException("the server's SCRAM message is not ASCII");

    private static byte[] Base64(string text)
    {
        var bytes = new byte[Base64Length(text)];
        return Convert.TryFromBase64String(text, bytes, out var written) ? bytes[..written] : throw new FormatException("the server's SCRAM message holds no base 64 where it must");
    }

    private static int Base64Length(string text) => System.Buffers.Text.Base64.GetMaxDecodedFromUtf8Length(text.Length);
}
