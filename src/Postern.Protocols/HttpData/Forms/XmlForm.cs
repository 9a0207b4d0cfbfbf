using System.Buffers;
using System.Text;
using System.Text.Json;
using System.Xml;
using Postern.Core.Masking;

namespace Postern.Protocols.HttpData.Forms;

/// <summary>
/// XML as objects: an element is <c>{"email": [children]}</c>, without its prefix, which stands beside it; attributes are members
/// that begin with <c>@</c>, text is a string. So <c>$..email</c> leads to every element of that name. No document type, no
/// external entity; comments and processing instructions are not passed on.
/// </summary>
internal sealed class XmlForm : BodyForm
{
    public static readonly XmlForm Instance = new();

    // Names of our own begin with what no XML name can begin with.
    private const string NameMember = "#name";
    private const int MaxDepth = 25;

    private static readonly FrameShape OfTree = new() { Form = FrameForm.Json, Roots = [["root"]] };

    private static readonly XmlReaderSettings Settings = new()
    {
        DtdProcessing = DtdProcessing.Prohibit, XmlResolver = null, IgnoreComments = true, IgnoreProcessingInstructions = true, CheckCharacters = true, CloseInput = true,
    };

    public override FrameShape Shape => OfTree;

    public override void ToJson(ReadOnlySpan<byte> body, IBufferWriter<byte> json)
    {
        using var writer = new Utf8JsonWriter(json, TextForm.Writing);
        try
        {
            using var reader = XmlReader.Create(new MemoryStream(body.ToArray(), writable: false), Settings);
            writer.WriteStartObject();
            writer.WritePropertyName("root");
            if (!MoveToRoot(reader)) throw new FormatException("there is no element");
            Element(reader, writer, depth: 0);
            while (reader.Read())
            {
                if (reader.NodeType is not (XmlNodeType.Whitespace or XmlNodeType.SignificantWhitespace)) throw new FormatException("something stands behind the document");
            }
            writer.WriteEndObject();
        }
        catch (Exception unreadable) when (unreadable is XmlException or ArgumentException)
        {
            // The platform's reader has faults of its own: a declaration that is long and not ASCII ends it with a negative count. Its message may quote the content; it goes no further than the cause.
            throw new FormatException("it is not XML that is read here", unreadable);
        }
    }

    public override void FromJson(ReadOnlySpan<byte> json, IBufferWriter<byte> body)
    {
        using var document = JsonDocument.Parse(json.ToArray(), new JsonDocumentOptions { MaxDepth = 128 });
        var text = new StringBuilder(json.Length).Append("<?xml version=\"1.0\" encoding=\"utf-8\"?>");
        AppendElement(text, document.RootElement.GetProperty("root"));
        Encoding.UTF8.GetBytes(text.ToString(), body);
    }

    private static bool MoveToRoot(XmlReader reader)
    {
        while (reader.Read())
        {
            if (reader.NodeType == XmlNodeType.Element) return true;
        }
        return false;
    }

    private static void Element(XmlReader reader, Utf8JsonWriter writer, int depth)
    {
        if (depth > MaxDepth) throw new FormatException("its elements stand too deep in each other");
        writer.WriteStartObject();
        writer.WriteString(NameMember, reader.Name);
        var isEmpty = reader.IsEmptyElement;
        var local = reader.LocalName;
        if (reader.HasAttributes)
        {
            while (reader.MoveToNextAttribute()) writer.WriteString("@" + reader.Name, reader.Value);
            reader.MoveToElement();
        }
        writer.WriteStartArray(local);
        // A comment or CDATA section in the middle of a value must not hide it from detectors: whoever reads the element sees one text.
        string? text = null;
        while (!isEmpty && reader.Read() && reader.NodeType != XmlNodeType.EndElement)
        {
            switch (reader.NodeType)
            {
                case XmlNodeType.Element:
                    if (text is not null) writer.WriteStringValue(text);
                    text = null;
                    Element(reader, writer, depth + 1);
                    break;
                case XmlNodeType.Text or XmlNodeType.CDATA or XmlNodeType.Whitespace or XmlNodeType.SignificantWhitespace:
                    text += reader.Value;
                    break;
                default:
                    throw new FormatException("it holds a node that is not read here");
            }
        }
        if (text is not null) writer.WriteStringValue(text);
        writer.WriteEndArray();
        writer.WriteEndObject();
    }

    private static void AppendElement(StringBuilder text, JsonElement element)
    {
        var name = element.GetProperty(NameMember).GetString()!;
        // A mask may have touched it; what is no name any more must not become markup.
        if (!IsName(name)) name = "masked";
        text.Append('<').Append(name);
        foreach (var member in element.EnumerateObject())
        {
            if (member.Name.StartsWith('@') && IsName(member.Name[1..])) AppendEscaped(text.Append(' ').Append(member.Name, 1, member.Name.Length - 1).Append("=\""), member.Value.GetString() ?? "").Append('"');
        }
        text.Append('>');
        foreach (var member in element.EnumerateObject())
        {
            if (member.Value.ValueKind != JsonValueKind.Array) continue;
            foreach (var child in member.Value.EnumerateArray())
            {
                if (child.ValueKind == JsonValueKind.Object) AppendElement(text, child);
                else AppendEscaped(text, child.GetString() ?? "");
            }
        }
        text.Append("</").Append(name).Append('>');
    }

    private static bool IsName(string name)
    {
        try
        {
            return XmlConvert.VerifyName(name) is not null;
        }
        catch (XmlException)
        {
            return false;
        }
        catch (ArgumentException)
        {
            return false;
        }
    }

    private static StringBuilder AppendEscaped(StringBuilder text, string value)
    {
        foreach (var character in value)
        {
            _ = character switch
            {
                '<' => text.Append("&lt;"),
                '>' => text.Append("&gt;"),
                '&' => text.Append("&amp;"),
                '"' => text.Append("&quot;"),
                '\r' => text.Append("&#13;"),
                _ => text.Append(character),
            };
        }
        return text;
    }
}
