using System.Collections.Immutable;
using System.Text.Json;

namespace Postern.Core.Recording;

/// <summary>What the JSON of a sealed intent leaves out.</summary>
internal sealed record SaidOfIntent(ImmutableArray<ImmutableArray<RecordedFact>> Facts, string Sha256, RecordedBasis Basis, string? Reason = null);

/// <summary>What the JSON of a sealed frame leaves out, when not all of it is kept.</summary>
internal sealed record SaidOfFrame(string Sha256);

/// <summary>What the JSON of a sealed ending leaves out.</summary>
internal sealed record SaidOfEnding(string? Detail, string? Reply, string? Input);

/// <summary>What the JSON of sealed denials leaves out.</summary>
internal sealed record SaidOfDenials(ImmutableArray<ImmutableArray<RecordedFact>> Facts, string? Reason = null);

/// <summary>Puts what was sealed back to where it belongs, so that an opened record reads as one that was never sealed.</summary>
internal static class RecordedSaid
{
    /// <summary>The payload with what its JSON left out; null when the two do not fit together.</summary>
    public static RecordedPayload? Join(RecordedPayload payload, ReadOnlySpan<byte> said, PayloadMemo? memo)
    {
        try
        {
            var context = PayloadContext.Default;
            switch (payload)
            {
                case RecordedIntent intent:
                    if (memo?.Said(said, intent) is { } known) return known;
                    var asked = JsonSerializer.Deserialize(said, context.SaidOfIntent)!;
                    if (asked.Facts.Length != intent.Parts.Length) return null;
                    return intent with { Parts = Join(intent.Parts, asked.Facts), Request = intent.Request with { Sha256 = asked.Sha256 }, Basis = memo is { WithBasis: false } ? null : asked.Basis, Decision = Join(intent.Decision, asked.Reason) };
                case RecordedFrame frame:
                    return said.IsEmpty ? frame : frame with { Sha256 = JsonSerializer.Deserialize(said, context.SaidOfFrame)!.Sha256 };
                case RecordedEnding ending:
                    var ended = JsonSerializer.Deserialize(said, context.SaidOfEnding)!;
                    if (ended.Reply is null != ending.Reply is null || ended.Input is null != ending.Input is null) return null;
                    return ending with
                    {
                        Detail = ended.Detail,
                        Reply = ending.Reply is { } reply ? reply with { Sha256 = ended.Reply } : null,
                        Input = ending.Input is { } input ? input with { Sha256 = ended.Input } : null,
                    };
                case RecordedDenials denials:
                    var denied = JsonSerializer.Deserialize(said, context.SaidOfDenials)!;
                    return denied.Facts.Length != denials.Parts.Length ? null : denials with { Parts = Join(denials.Parts, denied.Facts), Decision = Join(denials.Decision, denied.Reason) };
                default:
                    return null;
            }
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException or ArgumentException or FormatException)
        {
            return null;
        }
    }

    private static RecordedDecision Join(RecordedDecision decision, string? reason) => reason is null ? decision : decision with { Reason = reason };

    /// <summary>The parts with their facts.</summary>
    public static ImmutableArray<RecordedPart> Join(ImmutableArray<RecordedPart> parts, ImmutableArray<ImmutableArray<RecordedFact>> facts)
    {
        var joined = ImmutableArray.CreateBuilder<RecordedPart>(parts.Length);
        for (var at = 0; at < parts.Length; at++) joined.Add(parts[at] with { Facts = facts[at] });
        return joined.MoveToImmutable();
    }
}
