using System.Buffers.Text;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace Postern.Benchmarks.Streams;

/// <summary>
/// An answer that comes as an event stream: progress at a steady pace, each message with the instant at which it was sent, and the result.
/// Timestamps are of the machine's monotonic clock, which all of its processes share, in microseconds and hexadecimal: nanoseconds have 13 digits, and
/// between the 67th and the 83rd minute of a machine one in ten of them is a payment card's number, and masked as such.
/// </summary>
internal static class PacedStream
{
    /// <summary>Stands before the instant in each message.</summary>
    public const string Mark = "sent-at-";

    private static readonly long TicksPerMicrosecond = Stopwatch.Frequency / 1_000_000;

    /// <summary>This instant, as it stands in a message.</summary>
    public static string Now => (Stopwatch.GetTimestamp() / TicksPerMicrosecond).ToString("x", CultureInfo.InvariantCulture);

    /// <summary>Sends it.</summary>
    public static async Task AnswerAsync(HttpResponse response, string id, int events, TimeSpan every)
    {
        response.ContentType = "text/event-stream";
        using var pace = new PeriodicTimer(every);
        for (var step = 1; step <= events; step++)
        {
            await pace.WaitForNextTickAsync();
            await SayAsync(response, $$$"""{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":{{{id}}},"progress":{{{step}}},"message":"{{{Mark}}}{{{Now}}} of a step that goes on"}}""");
        }
        await SayAsync(response, $$"""{"jsonrpc":"2.0","id":{{id}},"result":{"resultType":"complete","content":[{"type":"text","text":"done"}]} }""");
    }

    /// <summary>The instant in a line of a stream; null when there is none.</summary>
    public static long? InstantOf(ReadOnlySpan<byte> line)
    {
        var at = line.IndexOf("sent-at-"u8);
        return at >= 0 && Utf8Parser.TryParse(line[(at + Mark.Length)..], out long instant, out _, 'x') ? instant * TicksPerMicrosecond : null;
    }

    private static async Task SayAsync(HttpResponse response, string message)
    {
        await response.Body.WriteAsync(Encoding.UTF8.GetBytes($"event: message\ndata: {message}\n\n"));
        await response.Body.FlushAsync();
    }
}
