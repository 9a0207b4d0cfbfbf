using System.IO.Compression;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Postern.Tests.Gateway.Exports;

/// <summary>
/// Receivers of JSON over HTTP, each as strict as the one it stands for: what the real one would refuse is refused here with the reason
/// in <see cref="Refused"/>. Paths: <c>/services/collector/event</c>, <c>/lines</c>, <c>/array</c>, <c>/v1/logs</c>.
/// </summary>
internal sealed class StrictReceiver : IAsyncDisposable
{
    private static readonly JsonDocumentOptions _strict = new() { AllowDuplicateProperties = false };

    private readonly WebApplication _app;
    private readonly Lock _gate = new();
    private readonly List<JsonElement> _events = [];

    private StrictReceiver(WebApplication app) => _app = app;

    public string Url => _app.Urls.First();

    /// <summary>What is answered; anything but 200 takes nothing.</summary>
    public volatile int Status = 200;

    public string? RetryAfter { get; set; }

    /// <summary>The body of a good answer of the collector.</summary>
    public string CollectorAnswer { get; set; } = """{"text":"Success","code":0}""";

    public string OtlpAnswer { get; set; } = "{}";

    /// <summary>Why something was refused.</summary>
    public List<string> Refused { get; } = [];

    public int Requests;

    /// <summary>What arrived, in order: whole envelopes of the collector, events, log records.</summary>
    public JsonElement[] Events
    {
        get
        {
            lock (_gate) return [.. _events];
        }
    }

    public static async Task<StrictReceiver> StartAsync(string token = "Splunk 11111111-2222-3333-4444-555555555555")
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        var app = builder.Build();
        var receiver = new StrictReceiver(app);
        app.MapPost("/services/collector/event", async (HttpContext context) =>
        {
            if (context.Request.Headers.Authorization != token) return Results.Json(new { text = "Invalid token", code = 4 }, statusCode: 403);
            return await receiver.TakeAsync(context, receiver.Collector, receiver.CollectorAnswer);
        });
        Map("/lines", context => receiver.TakeAsync(context, Lines, ""));
        Map("/array", context => receiver.TakeAsync(context, static body => [.. JsonDocument.Parse(body, _strict).RootElement.EnumerateArray()], ""));
        Map("/v1/logs", context => receiver.TakeAsync(context, OtlpLogs, receiver.OtlpAnswer));
        await app.StartAsync();
        return receiver;

        // As a delegate with a result: as a plain one its result would be thrown away.
        void Map(string path, Func<HttpContext, Task<IResult>> take) => app.MapPost(path, (Delegate)take);
    }

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();

    private async Task<IResult> TakeAsync(HttpContext context, Func<byte[], List<JsonElement>> read, string answer)
    {
        Interlocked.Increment(ref Requests);
        if (Status != 200)
        {
            if (RetryAfter is { } after) context.Response.Headers.RetryAfter = after;
            return Results.StatusCode(Status);
        }
        try
        {
            Assert.Equal("gzip", context.Request.Headers.ContentEncoding.ToString());
            using var body = new MemoryStream();
            await using (var gzip = new GZipStream(context.Request.Body, CompressionMode.Decompress)) await gzip.CopyToAsync(body);
            var events = read(body.ToArray());
            lock (_gate) _events.AddRange(events);
            return Results.Text(answer, "application/json");
        }
        catch (Exception wrong)
        {
            lock (_gate) Refused.Add(wrong.Message);
            return Results.StatusCode(400);
        }
    }

    /// <summary>Objects one behind the other; the members that the collector knows and no other; <c>time</c> a number of seconds.</summary>
    private List<JsonElement> Collector(byte[] body)
    {
        var found = new List<JsonElement>();
        var reader = new Utf8JsonReader(body, new JsonReaderOptions { AllowMultipleValues = true });
        while (reader.Read())
        {
            var one = JsonElement.ParseValue(ref reader);
            foreach (var member in one.EnumerateObject()) Assert.Contains(member.Name, (string[])["time", "host", "source", "sourcetype", "index", "event", "fields"]);
            Assert.Equal(JsonValueKind.Number, one.GetProperty("time").ValueKind);
            Assert.InRange(one.GetProperty("time").GetDecimal(), 1_000_000_000m, 9_999_999_999m);
            Assert.Equal(JsonValueKind.Object, one.GetProperty("event").ValueKind);
            found.Add(one);
        }
        Assert.NotEmpty(found);
        return found;
    }

    private static List<JsonElement> Lines(byte[] body)
    {
        Assert.Equal((byte)'\n', body[^1]);
        return [.. System.Text.Encoding.ASCII.GetString(body).TrimEnd('\n').Split('\n').Select(line => JsonDocument.Parse(line, _strict).RootElement)];
    }

    /// <summary>An <c>ExportLogsServiceRequest</c> in the JSON encoding of protocol buffers: no member that the messages lack, 64-bit numbers as texts.</summary>
    private static List<JsonElement> OtlpLogs(byte[] body)
    {
        var found = new List<JsonElement>();
        foreach (var resource in Members(JsonDocument.Parse(body, _strict).RootElement, "resourceLogs").GetProperty("resourceLogs").EnumerateArray())
        {
            Members(resource, "resource", "scopeLogs", "schemaUrl");
            Assert.Contains(Attributes(Members(resource.GetProperty("resource"), "attributes", "droppedAttributesCount").GetProperty("attributes")), pair => pair is { Key: "service.name", Value: "postern" });
            foreach (var scope in resource.GetProperty("scopeLogs").EnumerateArray())
            {
                Members(scope, "scope", "logRecords", "schemaUrl");
                Members(scope.GetProperty("scope"), "name", "version", "attributes");
                foreach (var record in scope.GetProperty("logRecords").EnumerateArray())
                {
                    Members(record, "timeUnixNano", "observedTimeUnixNano", "severityNumber", "severityText", "body", "attributes", "droppedAttributesCount", "flags", "traceId", "spanId", "eventName");
                    Assert.True(ulong.Parse(record.GetProperty("timeUnixNano").GetString()!) > 1_000_000_000_000_000_000);
                    Assert.InRange(record.GetProperty("severityNumber").GetInt32(), 1, 24);
                    Value(record.GetProperty("body"));
                    Attributes(record.GetProperty("attributes"));
                    if (record.TryGetProperty("traceId", out var trace)) Assert.Matches("^[0-9a-f]{32}$", trace.GetString());
                    found.Add(record);
                }
            }
        }
        return found;
    }

    public static List<(string Key, string Value)> Attributes(JsonElement attributes)
    {
        var found = new List<(string Key, string Value)>();
        foreach (var attribute in attributes.EnumerateArray())
        {
            Members(attribute, "key", "value");
            found.Add((attribute.GetProperty("key").GetString()!, Value(attribute.GetProperty("value"))));
        }
        Assert.Equal(found.Count, found.Select(pair => pair.Key).Distinct().Count());
        return found;
    }

    private static string Value(JsonElement value)
    {
        var member = Assert.Single(value.EnumerateObject());
        return member.Name switch
        {
            "stringValue" => member.Value.GetString()!,
            "intValue" => long.Parse(member.Value.GetString()!).ToString(System.Globalization.CultureInfo.InvariantCulture),
            "boolValue" => member.Value.GetBoolean().ToString(),
            "bytesValue" => member.Value.GetBytesFromBase64().Length.ToString(System.Globalization.CultureInfo.InvariantCulture),
            "arrayValue" => string.Join(',', Members(member.Value, "values").GetProperty("values").EnumerateArray().Select(Value)),
            _ => throw new InvalidOperationException($"`{member.Name}` is no member of AnyValue that is known here"),
        };
    }

    private static JsonElement Members(JsonElement message, params string[] known)
    {
        foreach (var member in message.EnumerateObject()) Assert.Contains(member.Name, known);
        return message;
    }
}
