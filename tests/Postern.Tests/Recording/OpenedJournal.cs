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
        return string.Concat(new JournalReader(Path.Combine(data, "journal"), keys).Read(JournalPosition.Begin)
            .Select(record => JsonSerializer.Serialize<object>(record.Payload, s_plain) + Encoding.Latin1.GetString(record.Content.Span)));
    }
}
