using System.Globalization;
using System.Text;
using System.Text.Json;
using Postern.Core.Recording;
using Postern.Gateway.Pages;

namespace Postern.Gateway.Approvals;

/// <summary>
/// Lays a held request out for a person: complete, one member per line, each text decoded so that no escape hides what it
/// says, each number as it was written, and everything invisible marked (G9). What is not JSON is shown as its bytes.
/// </summary>
internal static class RequestText
{
    private const int MaxDepth = 64;

    public static Html Of(ReadOnlySpan<byte> request)
    {
        try
        {
            return Json(request);
        }
        catch (Exception notJson) when (notJson is JsonException or InvalidOperationException)
        {
            return Html.ForeignLines(request);
        }
    }

    private static Html Json(ReadOnlySpan<byte> request)
    {
        var reader = new Utf8JsonReader(request, new JsonReaderOptions { MaxDepth = MaxDepth });
        var parts = new List<Html>();
        var depth = 0;
        // What stands before the next token: nothing after a name or at the start, a line of its own otherwise.
        var (isFirst, isAfterName) = (true, false);
        while (reader.Read())
        {
            var closes = reader.TokenType is JsonTokenType.EndObject or JsonTokenType.EndArray;
            if (closes) depth--;
            if (!isAfterName && parts.Count > 0 && !(closes && isFirst)) parts.Add(Html.Of($"{(isFirst || closes ? "" : ",")}\n{new string(' ', 2 * depth)}"));
            isAfterName = false;
            isFirst = false;
            switch (reader.TokenType)
            {
                case JsonTokenType.StartObject:
                case JsonTokenType.StartArray:
                    parts.Add(Html.Of($"{(reader.TokenType == JsonTokenType.StartObject ? "{" : "[")}"));
                    depth++;
                    isFirst = true;
                    break;
                case JsonTokenType.EndObject:
                    parts.Add(Html.Of($"}}"));
                    break;
                case JsonTokenType.EndArray:
                    parts.Add(Html.Of($"]"));
                    break;
                case JsonTokenType.PropertyName:
                    parts.Add(Html.Of($"<span class=\"k\">{Quoted(reader.GetString()!, 2 * depth)}</span>: "));
                    isAfterName = true;
                    break;
                case JsonTokenType.String:
                    parts.Add(Quoted(reader.GetString()!, 2 * depth));
                    break;
                default:
                    parts.Add(Html.Of($"{Encoding.ASCII.GetString(reader.ValueSpan)}"));
                    break;
            }
        }
        return Html.Join(parts);
    }

    /// <summary>Quotes, backslashes and line ends are written as JSON does; a line end also breaks the line, for reading.</summary>
    private static Html Quoted(string text, int indent)
    {
        var shown = new StringBuilder(text.Length + 2).Append('"');
        var plain = 0;
        for (var at = 0; at < text.Length; at++)
        {
            var escape = text[at] switch
            {
                '"' => "\\\"",
                '\\' => "\\\\",
                '\n' => string.Create(CultureInfo.InvariantCulture, $"\\n\n{new string(' ', indent + 2)}"),
                '\t' => "\\t",
                _ => null,
            };
            if (escape is null) continue;
            shown.Append(VisibleText.OfLine(text.AsSpan(plain, at - plain))).Append(escape);
            plain = at + 1;
        }
        shown.Append(VisibleText.OfLine(text.AsSpan(plain))).Append('"');
        return Html.Marked(shown.ToString());
    }
}
