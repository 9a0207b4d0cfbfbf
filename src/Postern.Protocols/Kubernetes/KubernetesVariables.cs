using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using Postern.Core.Operations;
using Postern.Protocols.Kubernetes.Forwarding;
using Postern.Protocols.Kubernetes.Wire;

namespace Postern.Protocols.Kubernetes;

/// <summary>
/// The variable <c>request</c>: <c>verb method group version resource subresource namespace name path dryRun patch options port query</c>. What
/// the request does not have is not there.
/// </summary>
internal static class KubernetesVariables
{
    private static readonly JsonWriterOptions Relaxed = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    public static Variable OfRequest(KubernetesRequest request, in RequestInfo info, QueryText query, in KubernetesBody body)
    {
        var output = new ArrayBufferWriter<byte>(256);
        using var writer = new Utf8JsonWriter(output, Relaxed);
        writer.WriteStartObject();
        writer.WriteString("verb"u8, info.Verb);
        writer.WriteString("method"u8, request.Method);
        writer.WriteString("path"u8, info.Path);
        Write(writer, "group"u8, info.Group);
        Write(writer, "version"u8, info.Version);
        Write(writer, "resource"u8, info.Resource);
        Write(writer, "subresource"u8, info.Subresource);
        Write(writer, "namespace"u8, info.Namespace);
        Write(writer, "name"u8, info.Name.Length > 0 ? info.Name : body.Name ?? "");
        writer.WriteBoolean("dryRun"u8, query.Find("dryRun") is "All");
        Write(writer, "patch"u8, body.Patch ?? "");
        if (!body.Options.IsEmpty)
        {
            writer.WritePropertyName("options"u8);
            writer.WriteRawValue(body.Options.Span, skipInputValidation: true);
        }
        // 0 stands for the opening, which names no port yet; each connection within is asked by itself.
        if (PortOpening.IsCarried(info)) writer.WriteNumber("port"u8, PortOpening.PortOf(query));
        writer.WriteStartObject("query"u8);
        for (var i = 0; i < query.Pairs.Count; i++)
        {
            var (name, value) = query.Pairs[i];
            if (name is "command" or "ports")
            {
                // The only names that may stand there more than once: one list, where the first stands.
                if (query.Pairs.Take(i).Any(pair => pair.Name == name)) continue;
                writer.WriteStartArray(name);
                foreach (var pair in query.Pairs.Where(pair => pair.Name == name)) writer.WriteStringValue(pair.Value);
                writer.WriteEndArray();
            }
            else
            {
                writer.WriteString(name, value);
            }
        }
        writer.WriteEndObject();
        writer.WriteEndObject();
        writer.Flush();
        return new Variable(KubernetesVocabulary.Request, output.WrittenMemory);
    }

    private static void Write(Utf8JsonWriter writer, ReadOnlySpan<byte> name, string value)
    {
        if (value.Length > 0) writer.WriteString(name, value);
    }
}
