using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Postern.Core.Recording;
using Postern.Gateway.Recordings.Keys;

namespace Postern.Tests.Recording;

/// <summary>Everything that a gateway's journal says to whoever has its keys: looking for words in the sealed bytes would find none, whatever was recorded.</summary>
internal static class OpenedJournal
{
    private static readonly JsonSerializerOptions s_plain = new(JsonSerializerDefaults.Web) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <param name="data">The data folder of a gateway that has stopped.</param>
    public static string TextOf(string data)
    {
        using var keys = RecordedKeys.Open(data);
        var text = new StringBuilder();
        var whole = new Dictionary<(string Op, string Dir), StringBuilder>();
        foreach (var record in new JournalReader(Path.Combine(data, "journal"), keys).Read(JournalPosition.Begin))
        {
            text.Append(JsonSerializer.Serialize<object>(record.Payload, s_plain)).Append(Encoding.Latin1.GetString(record.Content.Span)).Append('\n');
            if (record.Payload is not RecordedFrame frame) continue;
            if (!whole.TryGetValue((frame.Op, frame.Dir), out var frames)) whole.Add((frame.Op, frame.Dir), frames = new StringBuilder());
            frames.Append(Encoding.Latin1.GetString(record.Content.Span));
        }
        // Once more without the seams: a word may stand on two frames.
        return text.AppendJoin('\n', whole.Values).ToString();
    }
}
