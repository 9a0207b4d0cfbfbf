using System.Buffers;
using System.Text.Json;
using Postern.Core.Json;
using Postern.Core.Masking;
using Postern.Core.Operations;
using Postern.Core.Policy;
using Postern.Protocols.Mcp.Wire;

namespace Postern.Protocols.Mcp;

/// <summary>
/// Takes out of a list what its reader could not use: the same decision as the call, with unknown arguments. Items are cut out
/// of the bytes; what stays is byte-exact, unknown members included, in the target's order.
/// </summary>
internal sealed class McpListFilter(ProtocolServices services, McpDefinitions definitions, McpCursors cursors)
{
    private static readonly byte[] Private = "\"private\""u8.ToArray();

    public static bool IsList(string method) => method is McpMethods.ToolsList or McpMethods.PromptsList or McpMethods.ResourcesList or McpMethods.TemplatesList;

    /// <summary>A result as this caller may see it: a list filtered and its cursor sealed, a shared cache scope made private.</summary>
    /// <exception cref="Core.Pipeline.UpstreamException">A list cannot be read.</exception>
    public async ValueTask<ReadOnlyMemory<byte>> RewriteAsync(
        Identity identity, McpOrigin origin, string method, JsonRpcMessage message, ReadOnlyMemory<byte> data, CancellationToken cancellationToken)
    {
        var isList = IsList(method);
        var isShared = !message.CacheScope.IsEmpty && !message.CacheScope.Of(data.Span).SequenceEqual(Private);
        if (!isList && !isShared) return data;

        var edits = new List<ByteEdit>(2);
        // A filtered or masked answer is one person's: no cache may hand it to another.
        if (isShared) edits.Add(new ByteEdit(message.CacheScope, Private));
        if (isList && !message.Items.IsEmpty)
        {
            var items = McpList.Read(message.Items.Of(data), McpList.NameMember(method));
            var fact = McpList.FactOf(method);
            if (fact is McpVocabulary.Tool or McpVocabulary.Prompt)
            {
                await definitions.EnsureNowAsync(origin.Connection, cancellationToken).ConfigureAwait(false);
                await definitions.ObserveAsync(origin.Connection, fact, items, cancellationToken).ConfigureAwait(false);
            }
            edits.Add(new ByteEdit(message.Items, Filter(identity, origin, fact, items)));
        }
        // A page may be empty now and still not be the last.
        if (isList && cursors.Seal(identity, origin.Connection, method, message, data) is { } cursor) edits.Add(cursor);
        return ByteEdit.Apply(data, edits);
    }

    private ReadOnlyMemory<byte> Filter(Identity identity, McpOrigin origin, string fact, List<McpListItem> items)
    {
        var now = services.Clock.GetUtcNow();
        var policy = services.Policies.Current;
        var grants = services.Policies.GrantsOf(identity);
        var output = new ArrayBufferWriter<byte>(256);
        output.Write("["u8);
        var isFirst = true;
        var isPinned = fact is McpVocabulary.Tool or McpVocabulary.Prompt;
        // Until the first fetch of a connection succeeded, nobody can say what its definitions were accepted as.
        if (isPinned && !definitions.Knows(origin.Connection.Name)) items.Clear();
        foreach (var item in items)
        {
            var pin = definitions.PinOf(origin.Connection.Name, fact, item.Name);
            // What could not be asked for is not shown.
            if (!isPinned && ResourceUri.FaultOf(item.Name) is not null) continue;
            // What changed or appeared since it was accepted is hidden: nobody's model reads its new words.
            if (pin.IsQuarantined) continue;
            var operation = McpOperations.ForListing(origin, fact, item.Name, pin, now);
            if (policy.Consider(identity, operation, now, grants) == Possibility.Never) continue;
            if (RelaxedFor(policy.MasksFor(identity, operation).Caller, item) is not { } document) continue;
            if (!isFirst) output.Write(","u8);
            isFirst = false;
            output.Write(document.Span);
        }
        output.Write("]"u8);
        return output.WrittenMemory;
    }

    /// <summary>
    /// The item with an output schema that masked values satisfy, because clients validate against it and throw. Null when the
    /// schema cannot be read (nobody could say what its masked values are), or a mask hides the name.
    /// </summary>
    private static ReadOnlyMemory<byte>? RelaxedFor(Masker masker, McpListItem item)
    {
        // A name is what a call is made with: it cannot be masked, so what shows a hidden value in it is not shown at all.
        if (masker.Hides(item.Name)) return null;
        if (masker.IsEmpty || item.OutputSchema.IsEmpty) return item.Document;
        try
        {
            var relaxed = new ArrayBufferWriter<byte>(item.OutputSchema.Length);
            SchemaRelaxer.Relax(item.OutputSchema.Of(item.Document.Span), masker, relaxed);
            return ByteEdit.Apply(item.Document, [new ByteEdit(item.OutputSchema, relaxed.WrittenMemory)]);
        }
        catch (MaskingException)
        {
            return null;
        }
    }
}

/// <summary>One item of a list: its decoded name, its bytes, and where in them its output schema stands.</summary>
internal sealed record McpListItem(string Name, ReadOnlyMemory<byte> Document, ByteRange OutputSchema);

/// <summary>Reads the items of a list without remodelling them.</summary>
internal static class McpList
{
    /// <summary>Most items that one page may hold.</summary>
    public const int MaxItems = 10_000;

    public static string NameMember(string method) => method switch { McpMethods.ResourcesList => "uri", McpMethods.TemplatesList => "uriTemplate", _ => "name" };

    public static string FactOf(string method) => method switch
    {
        McpMethods.ToolsList => McpVocabulary.Tool,
        McpMethods.PromptsList => McpVocabulary.Prompt,
        _ => McpVocabulary.Uri,
    };

    /// <summary>The items that have exactly one name; an item without, or with two, is not one that anybody could use.</summary>
    /// <exception cref="Core.Pipeline.UpstreamException">It is no list.</exception>
    public static List<McpListItem> Read(ReadOnlyMemory<byte> list, string nameMember)
    {
        var items = new List<McpListItem>();
        var reader = new Utf8JsonReader(list.Span, new JsonReaderOptions { MaxDepth = JsonRpcReader.MaxDepth });
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartArray) throw Unreadable();
        while (reader.Read() && reader.TokenType == JsonTokenType.StartObject)
        {
            var start = (int)reader.TokenStartIndex;
            string? name = null;
            var names = 0;
            var schema = default(ByteRange);
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var isName = reader.ValueTextEquals(nameMember);
                var isSchema = reader.ValueTextEquals("outputSchema"u8);
                reader.Read();
                if (isName)
                {
                    names++;
                    name = TextOf(ref reader);
                }
                var valueStart = (int)reader.TokenStartIndex;
                reader.Skip();
                if (isSchema) schema = new ByteRange(valueStart - start, (int)reader.BytesConsumed - valueStart);
            }
            var document = list[start..(int)reader.BytesConsumed];
            if (names == 1 && name is not null && StrictJson.Check(document.Span) is null) items.Add(new McpListItem(name, document, schema));
            if (items.Count > MaxItems) throw Unreadable();
        }
        return reader.TokenType == JsonTokenType.EndArray ? items : throw Unreadable();
    }

    private static string? TextOf(ref Utf8JsonReader reader)
    {
        try
        {
            return reader.TokenType == JsonTokenType.String ? reader.GetString() : null;
        }
        catch (InvalidOperationException)
        {
            return null; // half of a surrogate pair: no name that a request could spell
        }
    }

    private static Core.Pipeline.UpstreamException Unreadable() => new(Core.Pipeline.RefusalCode.UpstreamInvalid, "the target sent a list that is none");
}

/// <summary>Puts other bytes in a range's place.</summary>
internal readonly record struct ByteEdit(ByteRange Range, ReadOnlyMemory<byte> Replacement)
{
    /// <summary>Applies edits that do not overlap; every byte outside them stays as it is.</summary>
    public static ReadOnlyMemory<byte> Apply(ReadOnlyMemory<byte> bytes, List<ByteEdit> edits)
    {
        edits.Sort(static (left, right) => left.Range.Start.CompareTo(right.Range.Start));
        var output = new ArrayBufferWriter<byte>(bytes.Length);
        var position = 0;
        foreach (var edit in edits)
        {
            output.Write(bytes.Span[position..edit.Range.Start]);
            output.Write(edit.Replacement.Span);
            position = edit.Range.Start + edit.Range.Length;
        }
        output.Write(bytes.Span[position..]);
        return output.WrittenMemory;
    }
}
