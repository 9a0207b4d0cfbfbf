using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace Postern.Protocols.Mcp;

/// <summary>
/// Text of a target's choosing that a client keeps for a while and brings back (event ids, cursors): encrypted, because masks
/// do not read it, and bound to an owner, because a client could hand it to another. Good until the gateway restarts.
/// </summary>
internal sealed class Seals
{
    private const int NonceBytes = 12;
    private const int TagBytes = 16;
    private readonly byte[] _key = RandomNumberGenerator.GetBytes(32);

    /// <summary>What the client gets in the text's place.</summary>
    /// <param name="owner">Whose it is and what for; only the same opens it again.</param>
    /// <param name="text">The target's own text.</param>
    public string Seal(string owner, string text)
    {
        var plain = Encoding.UTF8.GetBytes(text);
        var sealed_ = new byte[NonceBytes + plain.Length + TagBytes]; // nonce + text + tag
        RandomNumberGenerator.Fill(sealed_.AsSpan(0, NonceBytes));
        using var cipher = new AesGcm(_key, TagBytes);
        cipher.Encrypt(sealed_.AsSpan(0, NonceBytes), plain, sealed_.AsSpan(NonceBytes, plain.Length), sealed_.AsSpan(NonceBytes + plain.Length), Encoding.UTF8.GetBytes(owner));
        return Base64Url.EncodeToString(sealed_);
    }

    /// <summary>The target's text, or null for what this gateway did not seal for this owner.</summary>
    public string? Open(string owner, string sealedText)
    {
        try
        {
            var sealed_ = Base64Url.DecodeFromChars(sealedText);
            if (sealed_.Length < NonceBytes + TagBytes) return null;
            var plain = new byte[sealed_.Length - NonceBytes - TagBytes];
            using var cipher = new AesGcm(_key, TagBytes);
            cipher.Decrypt(sealed_.AsSpan(0, NonceBytes), sealed_.AsSpan(NonceBytes, plain.Length), sealed_.AsSpan(NonceBytes + plain.Length), plain, Encoding.UTF8.GetBytes(owner));
            return Encoding.UTF8.GetString(plain);
        }
        catch (Exception fault) when (fault is FormatException or CryptographicException)
        {
            return null;
        }
    }
}

/// <summary>Event ids of a session's streams, as the client sees them.</summary>
internal sealed class EventIds
{
    private readonly Seals _seals = new();

    public string Seal(McpSession session, string id) => _seals.Seal(session.Id, id);

    /// <summary>The target's id, or null for what this gateway did not seal for this session, or what no header can carry.</summary>
    public string? Open(McpSession session, string id) => _seals.Open(session.Id, id) is { } opened && Wire.McpHeaders.IsPlain(opened) ? opened : null;
}
