using System.Text.Json;
using Postern.Core.Recording;

namespace Postern.Gateway.Recordings.Witnesses;

/// <summary>
/// What a witness is told: one line of JSON, with the signature, so that it proves itself. <c>postern verify --anchors</c> reads such lines.
/// </summary>
internal static class WitnessLine
{
    private static readonly JsonSerializerOptions Options = new() { PropertyNamingPolicy = JsonNamingPolicy.CamelCase };

    /// <summary>The line, with its end.</summary>
    public static byte[] Of(RecordedCheckpoint checkpoint) =>
        [.. JsonSerializer.SerializeToUtf8Bytes(new Line(checkpoint.Journal, checkpoint.Through, checkpoint.Chain, checkpoint.At, checkpoint.Key, checkpoint.Signature), Options), (byte)'\n'];

    private sealed record Line(string Journal, long SignedThrough, string Chain, DateTimeOffset At, string Key, string Signature);
}
