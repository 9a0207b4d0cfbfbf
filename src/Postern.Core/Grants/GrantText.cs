using System.Buffers;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Postern.Core.Operations;
using Postern.Core.Policy;

namespace Postern.Core.Grants;

/// <summary>What people are shown, and how long things last, in words.</summary>
public static class GrantText
{
    private static readonly JsonWriterOptions Readable = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Reads a duration as policies write it: <c>90s</c>, <c>30m</c>, <c>1h30m</c>.</summary>
    public static bool TryParseDuration(string text, out TimeSpan duration) => DurationText.TryParse(text, out duration);

    /// <summary>A duration as policies write it.</summary>
    public static string Of(TimeSpan duration)
    {
        var text = new StringBuilder();
        var left = duration.Duration();
        if (duration < TimeSpan.Zero) text.Append('-');
        foreach (var (unit, ticks) in (ReadOnlySpan<(string, long)>)[("d", TimeSpan.TicksPerDay), ("h", TimeSpan.TicksPerHour), ("m", TimeSpan.TicksPerMinute), ("s", TimeSpan.TicksPerSecond), ("ms", TimeSpan.TicksPerMillisecond)])
        {
            if (left.Ticks < ticks) continue;
            text.Append(CultureInfo.InvariantCulture, $"{left.Ticks / ticks}{unit}");
            left = new TimeSpan(left.Ticks % ticks);
        }
        return text.Length is 0 ? "0s" : text.ToString();
    }

    internal static string NewId() =>
        new OperationId(new UInt128(BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(8)), BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(8)))).ToString();

    internal static OperationId OperationOf(Grant grant) =>
        OperationId.TryParse(grant.Id, out var id) ? id : throw new InvalidOperationException($"`{grant.Id}` is not the id of a grant");

    /// <summary>The request as an operation on the gateway: what the approver is shown, and what the approval is bound to.</summary>
    internal static Operation QuestionOf(Grant grant, RequestEntry entry, Connection gateway, DateTimeOffset now)
    {
        var question = new ArrayBufferWriter<byte>(512);
        using (var json = new Utf8JsonWriter(question, Readable))
        {
            json.WriteStartObject();
            json.WriteString("request", grant.Entry);
            json.WritePropertyName("permits");
            json.WriteRawValue(entry.Scope.Span);
            json.WriteString("for", Of(grant.Duration));
            json.WriteString("agent", grant.Agent);
            json.WriteString("reason", grant.Reason);
            json.WriteEndObject();
        }
        return new Operation
        {
            Id = OperationId.New(now),
            Connection = gateway,
            Parts = [new Part { Action = "gateway.grants.ask", Facts = [Fact.Of("request", grant.Entry)] }],
            Request = question.WrittenSpan.ToArray(),
            RequestShape = Masking.FrameShape.Json,
            DigestOf = static operation => Digest.Of(operation.Request.Span),
            Definition = entry.ScopeDigest,
        };
    }
}
