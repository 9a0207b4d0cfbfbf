using System.Buffers;
using System.Text.Json;
using Postern.Gateway.Configuration;

namespace Postern.Gateway.Exports;

/// <summary>JSON over HTTP: the shape of Splunk's HTTP event collector, a line for each event, or one array.</summary>
internal sealed class HttpSink(ExportTarget.Http target, TimeProvider clock) : IExportSink
{
    private readonly HttpDelivery _http = new(new Uri(target.Url), target.Credential, target.Authorities, clock);
    private readonly ArrayBufferWriter<byte> _body = new();

    public ValueTask<Delivery> SendAsync(IReadOnlyList<ExportEvent> batch, CancellationToken cancellationToken)
    {
        _body.ResetWrittenCount();
        Write(_body, batch, target.Shape);
        return _http.SendAsync(_body.WrittenMemory, target.Shape == HttpShape.Lines ? "application/x-ndjson" : "application/json", target.Shape == HttpShape.Hec ? ReadHec : static _ => Delivery.Arrived, cancellationToken);
    }

    public void Dispose() => _http.Dispose();

    /// <summary>The body of a batch.</summary>
    internal static void Write(IBufferWriter<byte> body, IReadOnlyList<ExportEvent> batch, HttpShape shape)
    {
        if (shape == HttpShape.Array)
        {
            using var json = new Utf8JsonWriter(body);
            json.WriteStartArray();
            foreach (var told in batch) EventJson.Write(json, told);
            json.WriteEndArray();
            return;
        }
        foreach (var told in batch)
        {
            if (shape == HttpShape.Hec) WriteHec(body, told);
            else EventJson.Write(body, told);
            body.Write("\n"u8);
        }
    }

    /// <summary>Splunk, "Format events for HTTP Event Collector": objects one behind the other, the time in seconds with a fraction.</summary>
    private static void WriteHec(IBufferWriter<byte> body, ExportEvent told)
    {
        using var json = new Utf8JsonWriter(body);
        json.WriteStartObject();
        json.WriteNumber("time"u8, decimal.Round(told.At.ToUnixTimeMilliseconds() / 1000m, 3));
        json.WriteString("source"u8, "postern"u8);
        json.WriteString("sourcetype"u8, "postern:event"u8);
        json.WritePropertyName("event"u8);
        EventJson.Write(json, told);
        json.WriteEndObject();
    }

    /// <summary>The collector answers <c>{"text":"Success","code":0}</c>; any other code says that it took nothing.</summary>
    private static Delivery ReadHec(byte[] answer)
    {
        try
        {
            using var document = JsonDocument.Parse(answer);
            return document.RootElement.GetProperty("code").GetInt32() == 0 ? Delivery.Arrived : Delivery.Failed("the collector refused the events");
        }
        catch (Exception unreadable) when (unreadable is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            return Delivery.Failed("the collector's answer cannot be read; is this an event collector?");
        }
    }
}
