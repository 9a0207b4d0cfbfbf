using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Postern.Protocols.Kubernetes.Streams;

/// <summary>Recorded streams of exec and attach, as <see cref="StreamEvent"/> wrote them.</summary>
internal static class StreamEventText
{
    /// <summary>What the frames say; null when the first is no event of a stream.</summary>
    public static List<TerminalMoment>? Read(IEnumerable<ReadOnlyMemory<byte>> frames)
    {
        List<TerminalMoment>? moments = null;
        foreach (var frame in frames)
        {
            if (MomentOf(frame) is not { } moment) return moments;
            (moments ??= []).Add(moment);
        }
        return moments;
    }

    /// <summary>The same as sentences, streams by their names, what follows each other on one stream in one.</summary>
    public static IReadOnlyList<ReplayItem>? Said(IEnumerable<ReadOnlyMemory<byte>> frames)
    {
        if (Read(frames) is not { } moments) return null;
        var items = new List<ReplayItem>();
        for (var at = 0; at < moments.Count;)
        {
            var stream = moments[at].Stream;
            var text = new List<byte>();
            while (at < moments.Count && moments[at].Stream == stream) text.AddRange(moments[at++].Content.Span);
            items.Add(new ReplayItem.Said(stream, Encoding.UTF8.GetString(text.ToArray())));
        }
        return items;
    }

    private static TerminalMoment? MomentOf(ReadOnlyMemory<byte> frame)
    {
        try
        {
            using var document = JsonDocument.Parse(frame);
            var root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object || !root.TryGetProperty("at", out var at) || !at.TryGetDouble(out var seconds) || !root.TryGetProperty("stream", out var name) || name.GetString() is not { } stream) return null;
            ReadOnlyMemory<byte> content = stream switch
            {
                _ when root.TryGetProperty("text", out var text) => Encoding.UTF8.GetBytes(text.GetString() ?? ""),
                _ when root.TryGetProperty("base64", out var bytes) => bytes.GetBytesFromBase64(),
                _ when root.TryGetProperty("status", out var status) => Encoding.UTF8.GetBytes(EndOf(status)),
                _ when root.TryGetProperty("width", out var width) && root.TryGetProperty("height", out var height) => Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{width.GetInt32()}x{height.GetInt32()}")),
                _ => default,
            };
            return new TerminalMoment(TimeSpan.FromSeconds(Math.Clamp(seconds, 0, TimeSpan.SecondsPerDay * 365.0)), stream, content);
        }
        catch (Exception unreadable) when (unreadable is JsonException or InvalidOperationException or FormatException)
        {
            return null;
        }
    }

    private static string EndOf(JsonElement status)
    {
        if (status.ValueKind != JsonValueKind.Object) return "ended";
        if (status.TryGetProperty("status", out var word) && word.ValueKind == JsonValueKind.String && word.GetString() == "Success") return "exit code 0";
        if (status.TryGetProperty("details", out var details) && details.ValueKind == JsonValueKind.Object && details.TryGetProperty("causes", out var causes) && causes.ValueKind == JsonValueKind.Array)
        {
            foreach (var cause in causes.EnumerateArray())
            {
                if (cause.ValueKind == JsonValueKind.Object && cause.TryGetProperty("reason", out var reason) && reason.ValueKind == JsonValueKind.String && reason.GetString() == "ExitCode" && cause.TryGetProperty("message", out var code)) return $"exit code {code}";
            }
        }
        return status.TryGetProperty("message", out var message) ? message.ToString() : "failed";
    }
}
