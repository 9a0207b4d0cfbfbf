using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Postern.Cli.Replay;
using Postern.Protocols;

namespace Postern.Cli.Export;

/// <summary>The terminal streams of a session as one asciicast of version 2 (docs.asciinema.org/manual/asciicast/v2), which terminal players show.</summary>
internal static class TerminalCast
{
    private static readonly JsonWriterOptions s_options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The lines of the cast.</summary>
    /// <exception cref="CommandException">The session holds no stream of a command.</exception>
    public static IEnumerable<string> Of(IReadOnlyList<ReplayStep> steps)
    {
        var streams = steps
            .Select(step => (Step: step, Moments: step.Protocol is null ? null : RecordedTerminals.Read(step.Protocol, step.Frames.Select(frame => frame.Kept))))
            .Where(stream => stream.Moments is not null).ToArray();
        if (streams.Length == 0) throw new CommandException(ExitCode.NotFound, "the session holds no stream of a command; `postern sessions replay` shows what it holds");
        var began = streams[0].Step.At;
        var size = streams[0].Moments!.FirstOrDefault(moment => moment.Stream == "resize") is { } first ? Encoding.UTF8.GetString(first.Content.Span).Split('x') : ["80", "24"];
        yield return Line(json =>
        {
            json.WriteStartObject();
            json.WriteNumber("version", 2);
            json.WriteNumber("width", int.Parse(size[0], System.Globalization.CultureInfo.InvariantCulture));
            json.WriteNumber("height", int.Parse(size[1], System.Globalization.CultureInfo.InvariantCulture));
            json.WriteNumber("timestamp", began.ToUnixTimeSeconds());
            json.WriteString("title", $"{streams[0].Step.Connection}: {streams[0].Step.Asked.FirstOrDefault()}");
            json.WriteEndObject();
        });
        foreach (var (step, moments) in streams)
        {
            var since = (step.At - began).TotalSeconds;
            // A character may begin in one message and end in the next.
            var decoders = new Dictionary<string, Decoder>(StringComparer.Ordinal);
            foreach (var moment in moments!)
            {
                var code = moment.Stream switch { "stdout" or "stderr" => "o", "stdin" => "i", "resize" => "r", _ => null };
                if (code is null || moment.Content.IsEmpty) continue;
                if (!decoders.TryGetValue(moment.Stream, out var decoder)) decoders[moment.Stream] = decoder = Encoding.UTF8.GetDecoder();
                var text = new char[moment.Content.Length + 1];
                var length = decoder.GetChars(moment.Content.Span, text, flush: false);
                if (length == 0) continue;
                yield return Line(json =>
                {
                    json.WriteStartArray();
                    json.WriteNumberValue(Math.Round(since + moment.At.TotalSeconds, 6));
                    json.WriteStringValue(code);
                    json.WriteStringValue(text.AsSpan(0, length));
                    json.WriteEndArray();
                });
            }
        }
    }

    private static string Line(Action<Utf8JsonWriter> write)
    {
        var output = new ArrayBufferWriter<byte>();
        using var json = new Utf8JsonWriter(output, s_options);
        write(json);
        json.Flush();
        return Encoding.UTF8.GetString(output.WrittenSpan);
    }
}
