using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Postern.Tests.Gateway.Telemetry;

/// <summary>A collector of OTLP over HTTP in protocol buffers. It keeps what it is sent, and reads spans by the numbers of their fields (opentelemetry/proto/trace/v1).</summary>
internal sealed class OtlpCollector : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly Lock _gate = new();
    private readonly List<(string Path, string Head, byte[] Body)> _taken = [];

    private OtlpCollector(WebApplication app) => _app = app;

    public string Url => _app.Urls.First();

    /// <summary>Everything it was sent, heads first.</summary>
    public (string Path, string Head, byte[] Body)[] Taken
    {
        get
        {
            lock (_gate) return [.. _taken];
        }
    }

    public IEnumerable<Span> Spans => Taken.Where(one => one.Path == "/v1/traces").SelectMany(one => SpansIn(one.Body));

    public static async Task<OtlpCollector> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        var collector = new OtlpCollector(builder.Build());
        collector._app.Run(async context =>
        {
            using var body = new MemoryStream();
            await context.Request.Body.CopyToAsync(body);
            var head = string.Join('\n', context.Request.Headers.Where(header => header.Key != "Authorization").Select(header => $"{header.Key}: {header.Value}"));
            if (context.Request.ContentType != "application/x-protobuf" || context.Request.Path.Value is not ("/v1/traces" or "/v1/metrics")) context.Response.StatusCode = 400;
            else lock (collector._gate) collector._taken.Add((context.Request.Path.Value, head, body.ToArray()));
            context.Response.ContentType = "application/x-protobuf";
        });
        await collector._app.StartAsync();
        return collector;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private static IEnumerable<Span> SpansIn(byte[] request) =>
        from resource in Fields(request) where resource.Number == 1
        from scope in Fields(resource.Bytes) where scope.Number == 2
        from span in Fields(scope.Bytes) where span.Number == 2
        select SpanOf(Fields(span.Bytes));

    private static Span SpanOf(List<Field> fields)
    {
        string Hex(int number) => Convert.ToHexStringLower(fields.FirstOrDefault(field => field.Number == number).Bytes ?? []);
        return new Span(
            Hex(1), Hex(2), Hex(4), Encoding.UTF8.GetString(fields.Single(field => field.Number == 5).Bytes),
            fields.Where(field => field.Number == 9).Select(field => Fields(field.Bytes)).ToDictionary(
                pair => Encoding.UTF8.GetString(pair.Single(field => field.Number == 1).Bytes), pair => Text(Fields(pair.Single(field => field.Number == 2).Bytes)[0])),
            [.. fields.Where(field => field.Number == 11).Select(field => Encoding.UTF8.GetString(Fields(field.Bytes).Single(part => part.Number == 2).Bytes))]);
    }

    private static string Text(Field value) => value.Number switch { 1 => Encoding.UTF8.GetString(value.Bytes), 3 => value.Value.ToString(CultureInfo.InvariantCulture), _ => throw new InvalidOperationException($"an attribute of kind {value.Number}") };

    private static List<Field> Fields(byte[] message)
    {
        var found = new List<Field>();
        var at = 0;
        ulong Varint()
        {
            var value = 0UL;
            for (var shift = 0; ; shift += 7)
            {
                value |= (ulong)(message[at] & 0x7F) << shift;
                if (message[at++] < 0x80) return value;
            }
        }
        while (at < message.Length)
        {
            var tag = Varint();
            var number = (int)(tag >> 3);
            switch (tag & 7)
            {
                case 0: found.Add(new(number, [], Varint())); break;
                case 1: found.Add(new(number, [], BinaryPrimitives.ReadUInt64LittleEndian(message.AsSpan(at, 8)))); at += 8; break;
                case 2: var length = (int)Varint(); found.Add(new(number, message[at..(at + length)], 0)); at += length; break;
                case 5: found.Add(new(number, [], BinaryPrimitives.ReadUInt32LittleEndian(message.AsSpan(at, 4)))); at += 4; break;
                default: throw new InvalidOperationException("no wire type of protocol buffers");
            }
        }
        return found;
    }

    public sealed record Span(string Trace, string Id, string Parent, string Name, Dictionary<string, string> Attributes, string[] Events);

    private readonly record struct Field(int Number, byte[] Bytes, ulong Value);
}
