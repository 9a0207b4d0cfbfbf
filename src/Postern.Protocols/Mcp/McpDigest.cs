using System.Security.Cryptography;
using System.Text;
using Postern.Core.Operations;

namespace Postern.Protocols.Mcp;

/// <summary>
/// The canonical digest of what is asked: protocol, connection and target, definition, actions and facts, and the request
/// without what only carries it (request id, progress token, the era's own <c>_meta</c> members).
/// </summary>
internal static class McpDigest
{
    public static Digest Of(Operation operation)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Add(hash, McpProtocol.ProtocolName);
        Add(hash, operation.Connection.Name);
        Add(hash, operation.Connection.Target);
        Add(hash, operation.Definition?.ToString() ?? "");
        foreach (var part in operation.Parts)
        {
            Add(hash, part.Action);
            foreach (var fact in part.Facts)
            {
                Add(hash, fact.Name);
                foreach (var value in fact.Values) Add(hash, value);
            }
        }
        hash.AppendData(operation.Request.Span);
        Span<byte> digest = stackalloc byte[Digest.Size];
        hash.GetHashAndReset(digest);
        return new Digest(digest);
    }

    // Each text goes in with its length, so that two lists of texts never run together into the same bytes.
    private static void Add(IncrementalHash hash, string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        hash.AppendData(BitConverter.GetBytes(bytes.Length));
        hash.AppendData(bytes);
    }
}
