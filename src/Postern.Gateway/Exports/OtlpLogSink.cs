using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Postern.Gateway.Configuration;

namespace Postern.Gateway.Exports;

/// <summary>
/// Log records over OTLP/HTTP in JSON (OpenTelemetry protocol 1.x, "OTLP/HTTP" and "JSON Protobuf Encoding"): 64-bit numbers are texts,
/// enumerations numbers, ids hexadecimal.
/// </summary>
internal sealed class OtlpLogSink(ExportTarget.Otlp target, TimeProvider clock) : IExportSink
{
    private const long NanosecondsPerTick = 100;

    private readonly HttpDelivery _http = new(new Uri(target.Url), target.Credential, target.Authorities, clock);
    private readonly ArrayBufferWriter<byte> _body = new();

    public ValueTask<Delivery> SendAsync(IReadOnlyList<ExportEvent> batch, CancellationToken cancellationToken)
    {
        _body.ResetWrittenCount();
        Write(_body, batch);
        return _http.SendAsync(_body.WrittenMemory, "application/json", answer => ReadAnswer(answer, batch.Count), cancellationToken);
    }

    public void Dispose() => _http.Dispose();

    internal static void Write(IBufferWriter<byte> body, IReadOnlyList<ExportEvent> batch)
    {
        using var json = new Utf8JsonWriter(body);
        json.WriteStartObject();
        json.WriteStartArray("resourceLogs"u8);
        json.WriteStartObject();
        json.WriteStartObject("resource"u8);
        json.WriteStartArray("attributes"u8);
        Attribute(json, "service.name", "postern");
        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteStartArray("scopeLogs"u8);
        json.WriteStartObject();
        json.WriteStartObject("scope"u8);
        json.WriteString("name"u8, "postern.journal"u8);
        json.WriteEndObject();
        json.WriteStartArray("logRecords"u8);
        foreach (var told in batch) Record(json, told);
        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void Record(Utf8JsonWriter json, ExportEvent told)
    {
        json.WriteStartObject();
        var time = ((told.At.UtcTicks - DateTimeOffset.UnixEpoch.UtcTicks) * NanosecondsPerTick).ToString(CultureInfo.InvariantCulture);
        json.WriteString("timeUnixNano"u8, time);
        json.WriteString("observedTimeUnixNano"u8, time);
        // The log data model's severity ranges: info from 9, info 2 for notices, warn from 13, error from 17.
        json.WriteNumber("severityNumber"u8, told.Severity switch { EventSeverity.Error => 17, EventSeverity.Warning => 13, EventSeverity.Notice => 10, _ => 9 });
        json.WriteString("severityText"u8, EventJson.Word(told.Severity));
        json.WriteString("eventName"u8, "postern." + told.Kind);
        json.WriteStartObject("body"u8);
        if (told.Content.IsEmpty) json.WriteString("stringValue"u8, told.Kind);
        else if (System.Text.Unicode.Utf8.IsValid(told.Content.Span)) json.WriteString("stringValue"u8, told.Content.Span);
        else json.WriteBase64String("bytesValue"u8, told.Content.Span);
        json.WriteEndObject();
        json.WriteStartArray("attributes"u8);
        Attribute(json, "postern.journal", told.Journal);
        Attribute(json, "postern.sequence", told.Sequence);
        foreach (var field in told.Fields)
        {
            // What a fact is called cannot take the place of what names the event.
            var name = field.Name is "journal" or "sequence" ? "postern.fact." + field.Name : "postern." + field.Name;
            if (field.Number is { } number) Attribute(json, name, number);
            else if (field.Text is { } text) Attribute(json, name, text);
            else Attribute(json, name, field.Texts);
        }
        json.WriteEndArray();
        if (told.Find("trace") is { Length: 32 } trace) json.WriteString("traceId"u8, trace);
        json.WriteEndObject();
    }

    private static void Attribute(Utf8JsonWriter json, string key, string value)
    {
        json.WriteStartObject();
        json.WriteString("key"u8, key);
        json.WriteStartObject("value"u8);
        json.WriteString("stringValue"u8, value);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void Attribute(Utf8JsonWriter json, string key, long value)
    {
        json.WriteStartObject();
        json.WriteString("key"u8, key);
        json.WriteStartObject("value"u8);
        json.WriteString("intValue"u8, value.ToString(CultureInfo.InvariantCulture));
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void Attribute(Utf8JsonWriter json, string key, IEnumerable<string> values)
    {
        json.WriteStartObject();
        json.WriteString("key"u8, key);
        json.WriteStartObject("value"u8);
        json.WriteStartObject("arrayValue"u8);
        json.WriteStartArray("values"u8);
        foreach (var value in values)
        {
            json.WriteStartObject();
            json.WriteString("stringValue"u8, value);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteEndObject();
    }

    /// <summary>An <c>ExportLogsServiceResponse</c>. A collector that threw some away says so, and must not be sent them again (OTLP/HTTP, "Partial Success").</summary>
    private static Delivery ReadAnswer(byte[] answer, int sent)
    {
        if (answer.Length == 0) return Delivery.Arrived;
        try
        {
            using var document = JsonDocument.Parse(answer);
            if (document.RootElement.ValueKind != JsonValueKind.Object) return Delivery.Failed("the collector's answer is no OTLP response");
            if (!document.RootElement.TryGetProperty("partialSuccess", out var partial) || partial.ValueKind != JsonValueKind.Object || !partial.TryGetProperty("rejectedLogRecords", out var rejected)) return Delivery.Arrived;
            var count = rejected.ValueKind == JsonValueKind.String ? long.Parse(rejected.GetString()!, CultureInfo.InvariantCulture) : rejected.GetInt64();
            return new Delivery { Rejected = Math.Clamp(count, 0, sent) };
        }
        catch (Exception unreadable) when (unreadable is JsonException or FormatException or OverflowException or InvalidOperationException)
        {
            return Delivery.Failed("the collector's answer is no OTLP response");
        }
    }
}
