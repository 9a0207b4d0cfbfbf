using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Postern.Core.Json;
using Postern.Core.Operations;
using Postern.Protocols.Mcp.Wire;

namespace Postern.Protocols.Mcp;

/// <summary>
/// The canonical digest of what is asked: protocol, connection and target, definition, actions and facts, and the request
/// without what only carries it (request id, progress token, the era's own <c>_meta</c> members).
/// </summary>
internal static class McpDigest
{
    public static Digest Of(Operation operation) => Of(operation, withAnswers: true);

    /// <summary>
    /// The same without what a client brings when it comes back: equal for a call and for its repeat with answers to what the target
    /// asked.
    /// </summary>
    public static Digest OfCall(Operation operation) => Of(operation, withAnswers: false);

    private static Digest Of(Operation operation, bool withAnswers)
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
        AddRequest(hash, operation.Request, withAnswers);
        Span<byte> digest = stackalloc byte[Digest.Size];
        hash.GetHashAndReset(digest);
        return new Digest(digest);
    }

    /// <summary>The request's <c>params</c> in canonical form. Whoever can spell a request in another way asks the same.</summary>
    private static void AddRequest(IncrementalHash hash, ReadOnlyMemory<byte> request, bool withAnswers)
    {
        if (request.IsEmpty) return;
        var message = JsonRpcReader.Read(request.Span);
        Add(hash, message.Method ?? "");
        var asked = message.Params.IsEmpty ? "{}"u8.ToArray() : WithoutCarriage(message.Params.Of(request).Span, message, request, withAnswers);
        Span<byte> canonical = stackalloc byte[Digest.Size];
        CanonicalJson.DigestOf(asked).CopyTo(canonical);
        hash.AppendData(canonical);
    }

    private static byte[] WithoutCarriage(ReadOnlySpan<byte> parameters, in JsonRpcMessage message, ReadOnlyMemory<byte> request, bool withAnswers)
    {
        if (message.Meta.IsEmpty && (withAnswers || (message.RequestState.IsEmpty && message.InputResponses.IsEmpty))) return parameters.ToArray();
        var output = new ArrayBufferWriter<byte>(parameters.Length);
        using (var writer = new Utf8JsonWriter(output, new JsonWriterOptions { SkipValidation = true }))
        using (var document = JsonDocument.Parse(message.Params.Of(request)))
        {
            writer.WriteStartObject();
            foreach (var member in document.RootElement.EnumerateObject())
            {
                if (!withAnswers && (member.NameEquals("requestState") || member.NameEquals("inputResponses"))) continue;
                if (!member.NameEquals("_meta"))
                {
                    writer.WritePropertyName(member.Name);
                    writer.WriteRawValue(member.Value.GetRawText(), skipInputValidation: true);
                    continue;
                }
                var kept = member.Value.EnumerateObject().Where(meta => !IsCarriage(meta.Name)).ToArray();
                if (kept.Length == 0) continue;
                writer.WriteStartObject("_meta");
                foreach (var meta in kept)
                {
                    writer.WritePropertyName(meta.Name);
                    writer.WriteRawValue(meta.Value.GetRawText(), skipInputValidation: true);
                }
                writer.WriteEndObject();
            }
            writer.WriteEndObject();
        }
        return output.WrittenSpan.ToArray();
    }

    // The stateless era repeats these with every request; what they say is not what is asked.
    private static bool IsCarriage(string name) => name is "progressToken" or "io.modelcontextprotocol/protocolVersion" or "io.modelcontextprotocol/clientInfo"
        or "io.modelcontextprotocol/clientCapabilities" or "io.modelcontextprotocol/logLevel";

    // Each text goes in with its length, so that two lists of texts never run together into the same bytes.
    private static void Add(IncrementalHash hash, string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        hash.AppendData(BitConverter.GetBytes(bytes.Length));
        hash.AppendData(bytes);
    }
}
