using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Postern.Core.Sealing;

namespace Postern.Protocols.Mcp;

/// <summary>
/// Text of a target's choosing that a client keeps for a while and brings back (event ids, cursors): encrypted, because masks
/// do not read it, and bound to an owner, because a client could hand it to another. Good until the gateway restarts.
/// </summary>
internal sealed class Seals
{
    private readonly byte[] _key = RandomNumberGenerator.GetBytes(SealedBox.KeyBytes);

    /// <summary>What the client gets in the text's place.</summary>
    /// <param name="owner">Whose it is and what for; only the same opens it again.</param>
    /// <param name="text">The target's own text.</param>
    public string Seal(string owner, string text) => Base64Url.EncodeToString(SealedBox.Seal(_key, Encoding.UTF8.GetBytes(text), Encoding.UTF8.GetBytes(owner)));

    /// <summary>The target's text, or null for what this gateway did not seal for this owner.</summary>
    public string? Open(string owner, string sealedText) =>
        Base64Url.IsValid(sealedText) && SealedBox.Open(_key, Base64Url.DecodeFromChars(sealedText), Encoding.UTF8.GetBytes(owner)) is { } plain ? Encoding.UTF8.GetString(plain) : null;
}

/// <summary>Event ids of a session's streams, as the client sees them.</summary>
internal sealed class EventIds
{
    private readonly Seals _seals = new();

    public string Seal(McpSession session, string id) => _seals.Seal(session.Id, id);

    /// <summary>The target's id, or null for what this gateway did not seal for this session, or what no header can carry.</summary>
    public string? Open(McpSession session, string id) => _seals.Open(session.Id, id) is { } opened && Wire.McpHeaders.IsPlain(opened) ? opened : null;
}
