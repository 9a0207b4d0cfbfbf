using System.Text;
using System.Text.Json;
using Postern.Core.Operations;
using Postern.Core.Pipeline;
using Postern.Protocols.Mcp.Wire;

namespace Postern.Protocols.Mcp;

/// <summary>
/// The cursors of lists. A target may write into one what the page held, so clients get it sealed, good for the same identity,
/// agent, connection and list alone; the target gets back exactly what it gave.
/// </summary>
internal sealed class McpCursors
{
    private readonly Seals _seals = new();

    /// <summary>The edit that puts a sealed cursor in the target's place, or null when the page has none.</summary>
    /// <exception cref="UpstreamException">It is no text.</exception>
    public ByteEdit? Seal(Identity identity, Connection connection, string method, in JsonRpcMessage message, ReadOnlyMemory<byte> data)
    {
        if (message.NextCursor.IsEmpty || message.NextCursor.Of(data.Span).SequenceEqual("null"u8)) return null;
        if (TextOf(message.NextCursor.Of(data.Span)) is not { } cursor) throw new UpstreamException(RefusalCode.UpstreamInvalid, "the target sent a cursor that is no text");
        return new ByteEdit(message.NextCursor, Encoding.UTF8.GetBytes($"\"{_seals.Seal(OwnerOf(identity, connection, method), cursor)}\""));
    }

    /// <summary>The request with the target's own cursor; the request itself when it has none; null for a cursor that was not given out for it.</summary>
    public ReadOnlyMemory<byte>? Open(Identity identity, Connection connection, in JsonRpcMessage message, ReadOnlyMemory<byte> body)
    {
        if (message.Cursor.IsEmpty || !McpListFilter.IsList(message.Method!)) return body;
        if (TextOf(message.Cursor.Of(body.Span)) is not { } given || _seals.Open(OwnerOf(identity, connection, message.Method!), given) is not { } cursor) return null;
        return ByteEdit.Apply(body, [new ByteEdit(message.Cursor, JsonSerializer.SerializeToUtf8Bytes(cursor))]);
    }

    // Length before text, so that no two owners ever spell the same.
    private static string OwnerOf(Identity identity, Connection connection, string method) =>
        $"{method}\n{connection.Name}\n{identity.Key.Length}:{identity.Key}\n{identity.Agent}";

    private static string? TextOf(ReadOnlySpan<byte> raw)
    {
        try
        {
            var reader = new Utf8JsonReader(raw);
            return reader.Read() && reader.TokenType == JsonTokenType.String && raw.Length <= JsonRpcReader.MaxText ? reader.GetString() : null;
        }
        catch (InvalidOperationException)
        {
            return null; // half of a surrogate pair
        }
    }
}
