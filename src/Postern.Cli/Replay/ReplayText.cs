using System.Collections.Immutable;
using System.Globalization;
using Postern.Cli.Console;
using Postern.Core.Recording;
using Postern.Protocols;

namespace Postern.Cli.Replay;

/// <summary>
/// Shows a session step by step to a person. Everything that comes from outside passes <see cref="VisibleText"/>: no recorded
/// escape sequence reaches the terminal.
/// </summary>
internal sealed class ReplayText(Surroundings surroundings, bool isFull)
{
    private const int Indent = 4;
    private const int LabelWidth = 11;
    private const int HeadWidth = 12;
    private const int LinesKeptShort = 3;
    private const int RowsKeptShort = 10;
    private const int MissesKeptShort = 3;

    private readonly int _width = Math.Clamp(surroundings.Width, 40, 160);

    /// <summary>Writes what all steps of a session have in common.</summary>
    public void WriteHead(IReadOnlyList<ReplayStep> steps)
    {
        var first = steps[0];
        var who = first.Actor;
        Line($"session     {Plain(first.Session)}");
        Line($"who         {Plain(who.Key)}{(who.Name is null ? "" : $" ({Plain(who.Name)})")}{(who.Kind is null ? "" : ", " + Plain(who.Kind))}{(who.Groups.IsEmpty ? "" : $", groups {Plain(string.Join(", ", who.Groups))}")}");
        Line($"through     {Plain(who.Agent ?? "no agent named")}{(who.Client is null ? "" : $", which calls itself \"{Plain(who.Client)}\"")}");
        Line($"connection  {Plain(first.Connection)}");
        Line($"steps       {steps.Count.ToString(CultureInfo.InvariantCulture)}, from {first.At:yyyy-MM-dd HH:mm:ss} UTC");
        // Of no step anything else is known: said once.
        if (steps.All(static step => step.Today is { Version: null })) HeadParagraph("today", first.Today!.Line);
    }

    /// <summary>Writes one step.</summary>
    public void WriteStep(int number, ReplayStep step, ReplayActor usual)
    {
        surroundings.Out.WriteLine();
        var verdict = $"{(step.Approval is null ? step.Decision.Kind : "approved")}, {step.Ending?.Outcome ?? "not ended"}";
        var head = $"{number,3}  {step.At:HH:mm:ss.fff}  {Plain(step.Asked.IsEmpty ? "(nothing)" : step.Asked[0])}";
        var room = _width - verdict.Length - 1;
        surroundings.Out.WriteLine(Bold((head.Length > room ? head[..Math.Max(1, room - 1)] + "…" : head).PadRight(room) + " " + verdict));
        foreach (var more in step.Asked.Skip(1)) Field("and", Plain(more));
        if (step.Actor.Key != usual.Key) Field("who", Plain(step.Actor.Key));
        Field("decision", step.Operation + (step.Decision.Rules is [var rule, ..] ? "  " + Plain(rule.Label) : ""));
        foreach (var other in step.Decision.Rules.Skip(1)) Field("also", $"{Plain(other.Label)} ({Plain(other.Effect)})");
        if (step.Decision.Reason is { } reason) Field("because", Plain(reason));
        Misses(step.Nearly);
        if (step.Today is { Version: not null } today)
        {
            Paragraph("today", today.Line);
            if (today.Differs == true) Misses(today.Nearly);
        }
        if (step.Approval is { } approval)
        {
            Field("approved", $"by {Plain(string.Join(", ", approval.Approvers))}, hold {Plain(approval.Hold)}");
            // A call that waited for its own approval continues nothing but itself.
            if (approval.Continues != step.Operation) Field("continues", Plain(approval.Continues));
        }
        Content("asked", step.Request);
        if (step.Results is { } results) Delivered(results, step.Frames);
        else foreach (var frame in step.Frames) Content(frame.Direction == "reply" ? "delivered" : "sent later", frame);
        if (step.Ending is { } ending)
        {
            var how = string.Join(", ", new[] { ending.Code, ending.Detail == step.Decision.Reason ? null : ending.Detail, ending.Hold is null || step.Approval is not null ? null : $"hold {ending.Hold}" }.OfType<string>());
            if (how.Length > 0) Field("ended", Plain(how));
        }
    }

    private void HeadParagraph(string label, string text)
    {
        foreach (var line in FoldLine(Plain(text), _width - HeadWidth))
        {
            Line(label.PadRight(HeadWidth) + line);
            label = "";
        }
    }

    private void Misses(ImmutableArray<ReplayNearMiss> nearly)
    {
        if (nearly.IsDefaultOrEmpty) return;
        foreach (var miss in isFull ? nearly : [.. nearly.Take(MissesKeptShort)]) Paragraph("nearly", miss.Line);
        if (!isFull && nearly.Length > MissesKeptShort) Field("", Dim($"(… {nearly.Length} rules in all, shown by --full)"));
    }

    private void Paragraph(string label, string text)
    {
        foreach (var line in FoldLine(Plain(text), _width - Indent - LabelWidth))
        {
            Field(label, line);
            label = "";
        }
    }

    private void Delivered(IReadOnlyList<ReplayItem> results, ImmutableArray<ReplayContent> frames)
    {
        var label = "delivered";
        foreach (var item in results)
        {
            var lines = item switch
            {
                ReplayItem.Grid grid => ReplayGrid.Lines(grid, _width - Indent - LabelWidth, isFull ? int.MaxValue : RowsKeptShort),
                ReplayItem.Said said => Fold(VisibleText.OfLines(System.Text.Encoding.UTF8.GetBytes($"{said.Kind}: {said.Text}")), _width - Indent - LabelWidth),
                _ => throw new InvalidOperationException($"`{item.GetType().Name}` cannot be shown"),
            };
            foreach (var line in lines)
            {
                Field(label, line);
                label = "";
            }
        }
        if (frames.Sum(frame => frame.MaskedValues ?? 0) is > 0 and var masked) Field("", Dim($"({masked} {(masked == 1 ? "value" : "values")} masked)"));
        if (frames.Select(frame => frame.NotKept).FirstOrDefault(notKept => notKept is not null) is { } missing) Field("", Dim($"({missing})"));
    }

    private void Content(string label, ReplayContent content)
    {
        var lines = Fold(VisibleText.OfLines(content.Kept.Span), _width - Indent - LabelWidth);
        var shown = isFull ? lines.Count : Math.Min(lines.Count, LinesKeptShort);
        for (var i = 0; i < shown; i++) Field(i == 0 ? label : "", lines[i]);
        if (lines.Count == 0) Field(label, "(nothing)");
        var notes = new List<string>();
        if (shown < lines.Count) notes.Add($"… {Size(content.Bytes)} in all, shown whole by --full");
        if (content.MaskedValues is > 0) notes.Add($"{content.MaskedValues} {(content.MaskedValues == 1 ? "value" : "values")} masked");
        if (content.NotKept is not null) notes.Add(content.NotKept);
        if (notes.Count > 0) Field("", Dim("(" + string.Join("; ", notes) + ")"));
    }

    private void Field(string label, string text) => surroundings.Out.WriteLine(new string(' ', Indent) + Dim(label.PadRight(LabelWidth)) + text);

    private void Line(string text) => surroundings.Out.WriteLine(text);

    private string Bold(string text) => surroundings.IsOutColoured ? $"\u001b[1m{text}\u001b[0m" : text;

    private string Dim(string text) => surroundings.IsOutColoured ? $"\u001b[2m{text}\u001b[0m" : text;

    private static string Plain(string text) => VisibleText.OfLine(text);

    private static string Size(long bytes) => bytes < 1024 ? $"{bytes} bytes" : string.Create(CultureInfo.InvariantCulture, $"{bytes / 1024.0:0.0} KiB");

    private static ImmutableArray<string> FoldLine(string line, int width)
    {
        if (line.Length <= width) return [line];
        var parts = ImmutableArray.CreateBuilder<string>();
        for (var at = 0; at < line.Length;)
        {
            var length = Math.Min(width, line.Length - at);
            // Never between the halves of a surrogate pair.
            if (at + length < line.Length && char.IsHighSurrogate(line[at + length - 1])) length--;
            parts.Add(line.Substring(at, length));
            at += length;
        }
        return parts.ToImmutable();
    }

    private static List<string> Fold(string text, int width)
    {
        var lines = new List<string>();
        if (text.Length > 0) foreach (var line in text.TrimEnd('\n').Split('\n')) lines.AddRange(FoldLine(line.Replace("\t", "    ", StringComparison.Ordinal), width));
        return lines;
    }
}
