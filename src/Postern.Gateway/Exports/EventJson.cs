using System.Buffers;
using System.Globalization;
using System.Text.Json;

namespace Postern.Gateway.Exports;

/// <summary>
/// An event as JSON, one object on one line. Everything beyond printable ASCII is escaped, so that no text in it can end a line, move a
/// cursor, reorder what is read or pass for markup.
/// </summary>
internal static class EventJson
{
    /// <summary>Appends the object.</summary>
    public static void Write(IBufferWriter<byte> output, ExportEvent told)
    {
        using var json = new Utf8JsonWriter(output);
        Write(json, told);
    }

    /// <summary>Writes the object as a value.</summary>
    public static void Write(Utf8JsonWriter json, ExportEvent told)
    {
        json.WriteStartObject();
        json.WriteString("kind"u8, told.Kind);
        json.WriteString("at"u8, Time(told.At));
        json.WriteString("journal"u8, told.Journal);
        json.WriteNumber("sequence"u8, told.Sequence);
        json.WriteString("severity"u8, Word(told.Severity));
        foreach (var field in told.Fields)
        {
            // A fact cannot take the place of what names the event.
            var name = field.Name is "kind" or "at" or "journal" or "sequence" or "severity" or "content" or "contentEncoding" ? "fact." + field.Name : field.Name;
            if (field.Number is { } number)
            {
                json.WriteNumber(name, number);
            }
            else if (field.Text is { } text)
            {
                json.WriteString(name, text);
            }
            else
            {
                json.WriteStartArray(name);
                foreach (var item in field.Texts) json.WriteStringValue(item);
                json.WriteEndArray();
            }
        }
        if (!told.Content.IsEmpty)
        {
            if (System.Text.Unicode.Utf8.IsValid(told.Content.Span))
            {
                json.WriteString("contentEncoding"u8, "text"u8);
                json.WriteString("content"u8, told.Content.Span);
            }
            else
            {
                json.WriteString("contentEncoding"u8, "base64"u8);
                json.WriteBase64String("content"u8, told.Content.Span);
            }
        }
        json.WriteEndObject();
    }

    /// <summary>The severity in a word.</summary>
    public static string Word(EventSeverity severity) => severity switch
    {
        EventSeverity.Error => "error",
        EventSeverity.Warning => "warning",
        EventSeverity.Notice => "notice",
        _ => "info",
    };

    /// <summary>RFC 3339 in UTC with microseconds: the most that RFC 5424 takes.</summary>
    public static string Time(DateTimeOffset at) => at.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture);
}
