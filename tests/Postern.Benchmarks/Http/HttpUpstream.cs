using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Postern.Benchmarks.Streams;

namespace Postern.Benchmarks.Http;

/// <summary>A lean HTTP API: prepared documents, and paced streams. A process of its own (<c>api</c>), which ends when its stdin closes.</summary>
internal static class HttpUpstream
{
    public static async Task RunAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Listen(IPAddress.Loopback, 0);
            kestrel.AddServerHeader = false;
        });
        builder.WebHost.UseSockets(sockets => sockets.UnsafePreferInlineScheduling = true);
        await using var app = builder.Build();
        foreach (var size in HttpRun.Sizes)
        {
            var document = Document(size);
            app.MapGet("/v2/" + size.ToString(CultureInfo.InvariantCulture), (HttpContext context) =>
            {
                context.Response.ContentType = "application/json";
                context.Response.ContentLength = document.Length;
                return context.Response.Body.WriteAsync(document).AsTask();
            });
        }
        app.MapGet("/v2/events", (HttpContext context, int events, int every) => PacedStream.AnswerAsync(context.Response, "1", events, TimeSpan.FromMilliseconds(every)));
        await app.StartAsync();
        Console.WriteLine($"listening {app.Urls.Single()}/v2");
        while (await Console.In.ReadLineAsync() is not null)
        {
            // Lives until the run that started it lets go.
        }
    }

    /// <summary>Invoices, as an API lists them, of at least so many bytes. One value of each is what masks look for.</summary>
    public static byte[] Document(int size)
    {
        var items = new List<object>();
        var length = 0;
        for (var i = 0; length < size; i++)
        {
            var item = new { id = i, state = i % 3 == 0 ? "open" : "paid", amount = 40.5 + i, customer = new { name = "Ada Lovelace", email = $"ada{i}@example.com", city = "London" }, note = "Delivered to the neighbour on the left, as agreed by telephone." };
            items.Add(item);
            length += JsonSerializer.SerializeToUtf8Bytes(item).Length + 1;
        }
        return Encoding.UTF8.GetBytes(JsonSerializer.Serialize(new { items }));
    }
}
