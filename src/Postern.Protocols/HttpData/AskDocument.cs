using System.Buffers;
using System.Collections.Immutable;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Unicode;
using Postern.Core.Json;
using Postern.Core.Masking;
using Postern.Core.Operations;
using Postern.Protocols.HttpData.Wire;

namespace Postern.Protocols.HttpData;

/// <summary>
/// A request as one JSON document: what policies read, people approve and the record keeps. A JSON body stands in it byte for byte, and
/// is sent from there, so that what is judged is what the target receives.
/// </summary>
internal sealed class AskDocument
{
    /// <summary>How masks read it: a mask's <c>$</c> is the body, the query, and the document itself, where its headers stand.</summary>
    public static readonly FrameShape Shape = new() { Form = FrameForm.Json, Roots = [[], ["body"], ["query"]] };

    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };
    private static readonly ReadOnlyMemory<byte> EmptyMap = "{}"u8.ToArray();

    private AskDocument(ReadOnlyMemory<byte> bytes, ReadOnlyMemory<byte> query, ReadOnlyMemory<byte> headers, ReadOnlyMemory<byte> body, ReadOnlyMemory<byte>? content) =>
        (Bytes, Query, Headers, Body, Content) = (bytes, query, headers, body, content);

    /// <summary>The whole document.</summary>
    public ReadOnlyMemory<byte> Bytes { get; }

    /// <summary>The query as a JSON object; a name that stands several times has an array.</summary>
    public ReadOnlyMemory<byte> Query { get; }

    /// <summary>The headers as a JSON object.</summary>
    public ReadOnlyMemory<byte> Headers { get; }

    /// <summary>The body as JSON; an empty object when there is none.</summary>
    public ReadOnlyMemory<byte> Body { get; }

    /// <summary>What is sent as the body; null when there is none, or when it comes in pieces.</summary>
    public ReadOnlyMemory<byte>? Content { get; }

    /// <summary>Writes the document of a request.</summary>
    public static AskDocument Of(HttpAsk ask)
    {
        var output = new ArrayBufferWriter<byte>(512 + ask.Content.Length);
        using var json = new Utf8JsonWriter(output, Options);
        json.WriteStartObject();
        json.WriteString("method", ask.Method);
        var mark = ask.Target.Text.IndexOf('?', StringComparison.Ordinal);
        json.WriteString("path", mark < 0 ? ask.Target.Text : ask.Target.Text.AsSpan(0, mark));
        if (ask.Upgrade is not null) json.WriteString("upgrade", ask.Upgrade);
        Range query = default, body = default;
        if (!ask.Target.Query.IsEmpty)
        {
            var start = Begin(json, output, "query");
            WritePairs(json, ask.Target.Query);
            query = End(json, output, start);
        }
        var at = Begin(json, output, "headers");
        WriteHeaders(json, ask.Headers);
        var headers = End(json, output, at);
        switch (ask.Body)
        {
            case AskBody.Json:
                at = Begin(json, output, "body");
                json.WriteRawValue(ask.Content.Span, skipInputValidation: true);
                body = End(json, output, at);
                break;
            case AskBody.Form:
                at = Begin(json, output, "body");
                WritePairs(json, ask.Form);
                body = End(json, output, at);
                break;
            case AskBody.Bytes when Utf8.IsValid(ask.Content.Span) && ask.Content.Span.IndexOf((byte)0) < 0:
                json.WriteString("body", ask.Content.Span);
                break;
            case AskBody.Bytes:
                json.WriteBase64String("bodyBase64", ask.Content.Span);
                break;
            case AskBody.Stream:
                json.WriteString("bodyFollows", "in pieces");
                break;
            default:
                break;
        }
        if (ask.Trailers.Count > 0)
        {
            json.WritePropertyName("trailers");
            WriteHeaders(json, ask.Trailers);
        }
        if (ask.Passing.Count > 0)
        {
            json.WritePropertyName("passing");
            WriteHeaders(json, ask.Passing);
        }
        json.WriteEndObject();
        json.Flush();
        var written = output.WrittenMemory;
        return new AskDocument(
            written, ask.Target.Query.IsEmpty ? EmptyMap : written[query], written[headers], ask.Body is AskBody.Json or AskBody.Form ? Trimmed(written[body]) : EmptyMap,
            ask.Body switch { AskBody.Json => written[body], AskBody.Form => FormBytes(ask.Form), AskBody.Bytes => ask.Content, _ => null });
    }

    /// <summary>Pairs where the n-th value of each name stands, or its last: one map for each reading of names that stand several times.</summary>
    public static ReadOnlyMemory<byte> Reading(ImmutableArray<FieldPair> pairs, int n)
    {
        var output = new ArrayBufferWriter<byte>(256);
        using var json = new Utf8JsonWriter(output, Options);
        json.WriteStartObject();
        foreach (var group in pairs.GroupBy(pair => pair.Name, StringComparer.Ordinal)) json.WriteString(group.Key, group.ElementAt(Math.Min(n, group.Count() - 1)).Value ?? "");
        json.WriteEndObject();
        json.Flush();
        return output.WrittenMemory;
    }

    /// <summary>How often the most frequent name stands there.</summary>
    public static int MostRepeats(ImmutableArray<FieldPair> pairs)
    {
        if (pairs.Length < 2) return pairs.Length;
        return pairs.GroupBy(pair => pair.Name, StringComparer.Ordinal).Max(group => group.Count());
    }

    /// <summary>
    /// What an approval is bound to: the canonical form of everything but the headers that differ between repeats. A body that
    /// was not read binds to nothing but itself: nobody can have approved what nobody saw.
    /// </summary>
    public static Digest DigestOf(Operation operation)
    {
        using var document = JsonDocument.Parse(operation.Request, new JsonDocumentOptions { MaxDepth = StrictJson.DefaultMaxDepth + 2 });
        var output = new ArrayBufferWriter<byte>(operation.Request.Length + 64);
        using (var json = new Utf8JsonWriter(output, Options))
        {
            json.WriteStartObject();
            foreach (var member in document.RootElement.EnumerateObject())
            {
                if (member.NameEquals("passing"u8)) continue;
                json.WritePropertyName(member.Name);
                json.WriteRawValue(member.Value.GetRawText(), skipInputValidation: true);
                if (member.NameEquals("bodyFollows"u8)) json.WriteString("once", operation.Id.ToString());
            }
            json.WriteEndObject();
        }
        return CanonicalJson.DigestOf(output.WrittenSpan, StrictJson.DefaultMaxDepth + 2);
    }

    private static byte[] FormBytes(ImmutableArray<FieldPair> form)
    {
        var text = new StringBuilder();
        CanonicalTarget.AppendPairs(text, form, isForm: true);
        return Encoding.ASCII.GetBytes(text.ToString());
    }

    // White space around a document travels with it, but is no part of the value.
    private static ReadOnlyMemory<byte> Trimmed(ReadOnlyMemory<byte> json)
    {
        var start = json.Length - json.Span.TrimStart(" \t\r\n"u8).Length;
        return json[start..][..json.Span[start..].TrimEnd(" \t\r\n"u8).Length];
    }

    private static int Begin(Utf8JsonWriter json, ArrayBufferWriter<byte> output, string name)
    {
        json.WritePropertyName(name);
        json.Flush();
        return output.WrittenCount;
    }

    private static Range End(Utf8JsonWriter json, ArrayBufferWriter<byte> output, int start)
    {
        json.Flush();
        return start..output.WrittenCount;
    }

    private static void WritePairs(Utf8JsonWriter json, ImmutableArray<FieldPair> pairs)
    {
        json.WriteStartObject();
        if (MostRepeats(pairs) <= 1)
        {
            foreach (var pair in pairs) json.WriteString(pair.Name, pair.Value ?? "");
        }
        else
        {
            foreach (var group in pairs.GroupBy(pair => pair.Name, StringComparer.Ordinal))
            {
                if (group.Count() == 1)
                {
                    json.WriteString(group.Key, group.First().Value ?? "");
                    continue;
                }
                json.WriteStartArray(group.Key);
                foreach (var pair in group) json.WriteStringValue(pair.Value ?? "");
                json.WriteEndArray();
            }
        }
        json.WriteEndObject();
    }

    private static void WriteHeaders(Utf8JsonWriter json, IReadOnlyList<KeyValuePair<string, string>> headers)
    {
        json.WriteStartObject();
        for (var i = 0; i < headers.Count; i++) json.WriteString(headers[i].Key, headers[i].Value);
        json.WriteEndObject();
    }
}
