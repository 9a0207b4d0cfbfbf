using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Unicode;
using Postern.Core.Operations;
using Postern.Core.Json;
using Postern.Protocols.Kubernetes.Wire;

namespace Postern.Protocols.Kubernetes;

/// <summary>
/// A request as one JSON document: what people approve and the record keeps. A JSON body stands in it byte for byte, and is sent from
/// there, so that what is judged is what the API server receives.
/// </summary>
internal sealed class KubernetesDocument
{
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    private static readonly ReadOnlyMemory<byte> NotKept = "\"not kept: it brings a credential\""u8.ToArray();

    private KubernetesDocument(ReadOnlyMemory<byte> bytes, ReadOnlyMemory<byte> body) => (Bytes, Body) = (bytes, body);

    /// <summary>The whole document.</summary>
    public ReadOnlyMemory<byte> Bytes { get; }

    /// <summary>The body inside it; empty when there is none.</summary>
    public ReadOnlyMemory<byte> Body { get; }

    /// <summary>Writes the document of a request.</summary>
    /// <param name="request">What is asked.</param>
    /// <param name="isJson">True when the body was read as strict JSON.</param>
    /// <param name="body">Stands in the body's place; the request's own unless values were taken out.</param>
    public static KubernetesDocument Of(KubernetesRequest request, bool isJson, ReadOnlyMemory<byte> body)
    {
        var output = new ArrayBufferWriter<byte>(256 + body.Length);
        using var json = new Utf8JsonWriter(output, Options);
        json.WriteStartObject();
        json.WriteString("method"u8, request.Method);
        json.WriteString("target"u8, request.Target);
        var start = 0;
        if (!body.IsEmpty)
        {
            if (request.ContentType is not null) json.WriteString("contentType"u8, request.ContentType);
            if (isJson)
            {
                json.WritePropertyName("body"u8);
                json.Flush();
                start = output.WrittenCount;
                json.WriteRawValue(body.Span, skipInputValidation: true);
                json.Flush();
                if (output.WrittenCount - start != body.Length) throw new InvalidOperationException("the body was not written byte for byte");
            }
            else if (Utf8.IsValid(body.Span) && !body.Span.Contains((byte)0))
            {
                json.WriteString("body"u8, body.Span);
            }
            else
            {
                json.WriteBase64String("bodyBase64"u8, body.Span);
            }
        }
        json.WriteEndObject();
        json.Flush();
        return new KubernetesDocument(output.WrittenMemory, isJson && !body.IsEmpty ? output.WrittenMemory.Slice(start, body.Length) : body);
    }

    /// <summary>
    /// What may be recorded of a request that brings credentials: the same without their values; null when it brings none. What people approve is
    /// the request itself, kept for them alone.
    /// </summary>
    public static ReadOnlyMemory<byte>? RecordedFormOf(KubernetesRequest request, in RequestInfo info, in KubernetesBody body)
    {
        var areSecrets = info is { Resource: "secrets", Group: "" };
        if (!body.IsJson || body.Object.Json.IsEmpty && body.Patch is null || !(areSecrets || info.Resource is "tokenreviews")) return null;
        // The operations of a JSON patch say where a value goes, not what it is.
        if (body.Patch is "json" || !areSecrets) return Of(request, isJson: true, NotKept).Bytes;
        var scrubbed = new ArrayBufferWriter<byte>(request.Body.Length);
        var isChanged = ObjectScrub.Document(request.Body.Span, areSecrets, scrubbed).IsChanged;
        return Of(request, isJson: true, isChanged ? scrubbed.WrittenMemory : request.Body).Bytes;
    }

    /// <summary>What an approval is bound to: the canonical form of all of it.</summary>
    public static Digest DigestOf(Operation operation) => CanonicalJson.DigestOf(operation.Request.Span, StrictJson.DefaultMaxDepth + 2);
}
