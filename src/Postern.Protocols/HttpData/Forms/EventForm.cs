using System.Buffers;
using System.Text.Json;
using Postern.Core.Masking;
using Postern.Protocols.HttpData.Wire;

namespace Postern.Protocols.HttpData.Forms;

/// <summary>One server-sent event: name, id and data are values like any other; data that holds a document is read as one. Comments keep nothing but their sign of life.</summary>
internal sealed class EventForm : BodyForm
{
    public static readonly EventForm Instance = new();

    private static readonly FrameShape OfEvent = new() { Form = FrameForm.Json, Roots = [["data"]] };

    public override FrameShape Shape => OfEvent;

    public static void Write(in SseEvent sse, IBufferWriter<byte> json)
    {
        using var writer = new Utf8JsonWriter(json, TextForm.Writing);
        writer.WriteStartObject();
        if (sse.Name is not null) writer.WriteString("event", sse.Name);
        if (sse.Id is not null) writer.WriteString("id", sse.Id);
        if (sse.RetryMilliseconds is { } retry) writer.WriteNumber("retry", retry);
        if (sse.HasData)
        {
            if (!System.Text.Unicode.Utf8.IsValid(sse.Data.Span)) throw new FormatException("an event is not UTF-8");
            writer.WriteString("data", sse.Data.Span);
        }
        writer.WriteEndObject();
    }

    public override void ToJson(ReadOnlySpan<byte> body, IBufferWriter<byte> json) => throw new FormatException("events come one by one");

    public override void FromJson(ReadOnlySpan<byte> json, IBufferWriter<byte> body)
    {
        string? name = null, id = null, member = null;
        int? retry = null;
        byte[]? data = null;
        var reader = new Utf8JsonReader(json);
        while (reader.Read())
        {
            switch (reader.TokenType)
            {
                case JsonTokenType.PropertyName:
                    member = reader.GetString();
                    break;
                case JsonTokenType.Number when member == "retry":
                    retry = reader.GetInt32();
                    break;
                case JsonTokenType.String when member == "event":
                    name = OneLine(reader.GetString()!);
                    break;
                case JsonTokenType.String when member == "id":
                    id = OneLine(reader.GetString()!);
                    break;
                case JsonTokenType.String when member == "data":
                    var text = new ArrayBufferWriter<byte>(reader.ValueSpan.Length + 1);
                    TextForm.Put(ref reader, text);
                    data = text.WrittenSpan.ToArray();
                    break;
                default:
                    break;
            }
        }
        if (name is null && id is null && retry is null && data is null) SseWriter.WriteComment(body);
        else SseWriter.Write(body, data, data is not null, name, id, retry);
    }

    private static string OneLine(string text) => text.AsSpan().ContainsAny('\r', '\n') ? text.ReplaceLineEndings(" ") : text;
}
