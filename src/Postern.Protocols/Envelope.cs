using System.Globalization;
using System.Text;
using System.Text.Json;
using Postern.Core.Pipeline;

namespace Postern.Protocols;

/// <summary>
/// What a caller is told, as data and as text (product.md, "What a caller is told"); each protocol puts it in its own
/// words' place. Made of the refusal alone, so two refusals that must look alike do, but for the decision id.
/// </summary>
public static class Envelope
{
    /// <summary>The longest text, in words.</summary>
    public const int MaxWords = 120;

    // An author's long reason must not push out the link, the advice and the decision's id.
    private const int MaxReasonWords = 50;

    /// <summary>Writes the envelope as one JSON object.</summary>
    public static void Write(Utf8JsonWriter writer, Refusal refusal)
    {
        ArgumentNullException.ThrowIfNull(writer);
        ArgumentNullException.ThrowIfNull(refusal);
        writer.WriteStartObject();
        writer.WriteNumber("v", 1);
        writer.WriteString("decision", refusal.Decision);
        writer.WriteString("code", refusal.Code);
        writer.WriteString("decisionId", refusal.DecisionId.ToString());
        if (refusal.Rule is not null) writer.WriteString("rule", refusal.Rule);
        writer.WriteString("reason", refusal.Reason);
        writer.WriteStartObject("retry");
        writer.WriteString("mode", refusal.Retry switch
        {
            RetryMode.AfterChange => "after_change",
            RetryMode.SameCall => "same_call",
            RetryMode.After => "after",
            _ => "never",
        });
        if (refusal.RetryAfter is { } wait) writer.WriteNumber("afterSeconds", (long)Math.Ceiling(wait.TotalSeconds));
        writer.WriteEndObject();
        writer.WriteStartObject("request");
        writer.WriteBoolean("possible", refusal.RequestUrl is not null);
        if (refusal.RequestUrl is not null) writer.WriteString("url", refusal.RequestUrl);
        WriteList(writer, "approvers", refusal.Approvers.IsDefault ? [] : refusal.Approvers);
        writer.WriteEndObject();
        WriteList(writer, "alternatives", refusal.Alternatives.IsDefault ? [] : refusal.Alternatives);
        WriteList(writer, "doNot", DoNot(refusal));
        writer.WriteEndObject();
    }

    /// <summary>The same for a model or a person to read: intended or not, whether asking again can help, what is permitted instead.</summary>
    public static string TextOf(Refusal refusal)
    {
        ArgumentNullException.ThrowIfNull(refusal);
        var text = new StringBuilder();
        text.Append(Opening(refusal)).Append(' ').Append(Shorten(refusal.Reason.TrimEnd('.'), MaxReasonWords)).Append(". ");
        text.Append(AdviceOf(refusal));
        text.Append(" Decision ").Append(refusal.DecisionId.ToString()).Append('.');
        return Shorten(text.ToString(), MaxWords);
    }

    /// <summary>What was decided, for protocols that keep it apart from the reason.</summary>
    public static string DetailOf(Refusal refusal)
    {
        ArgumentNullException.ThrowIfNull(refusal);
        return $"{Opening(refusal)} Decision {refusal.DecisionId}, {refusal.Code}{(refusal.Rule is null ? "" : ", " + refusal.Rule)}.";
    }

    /// <summary>Whether asking again can help, and what is permitted instead.</summary>
    public static string AdviceOf(Refusal refusal)
    {
        ArgumentNullException.ThrowIfNull(refusal);
        var advice = refusal.Retry switch
        {
            RetryMode.SameCall when refusal.RequestUrl is not null => $"Ask for approval at {refusal.RequestUrl} and repeat the identical call once it is given.",
            RetryMode.SameCall => "Repeat the identical call once it is approved.",
            RetryMode.After when refusal.RetryAfter is { } wait => string.Create(CultureInfo.InvariantCulture, $"Try again after {Math.Ceiling(wait.TotalSeconds)} seconds."),
            RetryMode.After => "Try again later.",
            RetryMode.AfterChange when refusal is { Code: RefusalCode.NotPermitted, RequestUrl: not null } => $"Access may be asked for at {refusal.RequestUrl}; until people agree, repeating it will not help.",
            RetryMode.AfterChange => "Repeating it unchanged will not help.",
            _ => "Do not repeat it.",
        };
        return refusal.Alternatives.IsDefaultOrEmpty ? advice : $"{advice} Permitted instead: {Shorten(string.Join("; ", refusal.Alternatives), MaxReasonWords / 2)}.";
    }

    private static string Opening(Refusal refusal)
    {
        if (refusal.Code is RefusalCode.HoldPending) return "Postern holds this request until people agree; that is intended.";
        if (IsTrouble(refusal.Code)) return "Postern could not carry this out; nobody refused it.";
        return "Postern refused this on purpose.";
    }

    private static bool IsTrouble(string code) =>
        code is RefusalCode.UpstreamUnavailable or RefusalCode.UpstreamInvalid or RefusalCode.RecordUnavailable or RefusalCode.GatewayUnavailable;

    private static string[] DoNot(Refusal refusal)
    {
        if (refusal.Code is RefusalCode.HoldPending) return ["change the arguments", "use another tool for the same effect"];
        if (IsTrouble(refusal.Code)) return [];
        return ["retry unchanged", "use another tool for the same effect"];
    }

    private static void WriteList(Utf8JsonWriter writer, string name, IReadOnlyList<string> values)
    {
        writer.WriteStartArray(name);
        foreach (var value in values) writer.WriteStringValue(value);
        writer.WriteEndArray();
    }

    private static string Shorten(string text, int most)
    {
        var words = text.Split(' ');
        return words.Length <= most ? text : string.Join(' ', words[..(most - 1)]) + " …";
    }
}
