using System.Security.Cryptography;
using System.Text;

namespace Postern.Gateway.Identities.Setup;

/// <summary>A code that a person types: 100 random bits, in groups that can be read aloud. Kept as a digest alone, which for so many bits needs no slow hash.</summary>
internal static class SetupCode
{
    // Without characters that are taken for each other (Crockford's base 32).
    private const string Alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    private const int Length = 20;
    private const int Group = 5;

    /// <summary>A new code, as it is printed.</summary>
    public static string New()
    {
        var characters = RandomNumberGenerator.GetItems<char>(Alphabet, Length);
        return string.Join('-', characters.Chunk(Group).Select(group => new string(group)));
    }

    /// <summary>What is kept of it; null when the text cannot be a code. Case, spaces and hyphens do not matter.</summary>
    public static byte[]? DigestOf(string text)
    {
        var plain = new StringBuilder(Length);
        foreach (var character in text)
        {
            if (character is ' ' or '-') continue;
            var upper = char.ToUpperInvariant(character) switch { 'O' => '0', 'I' or 'L' => '1', var other => other };
            if (plain.Length == Length || !Alphabet.Contains(upper, StringComparison.Ordinal)) return null;
            plain.Append(upper);
        }
        return plain.Length == Length ? SHA256.HashData(Encoding.ASCII.GetBytes(plain.ToString())) : null;
    }
}
