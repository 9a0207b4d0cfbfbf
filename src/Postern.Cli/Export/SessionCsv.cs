using System.Globalization;
using Postern.Cli.Replay;
using Postern.Core.Recording;

namespace Postern.Cli.Export;

/// <summary>
/// A session as a table: a head line, then one row per operation, fields in quotes where they need them, lines ended by CR LF
/// (RFC 4180). Contents are not in it; their sizes are. What could begin a formula in a spreadsheet is led by an apostrophe, so that no
/// recorded text is computed by whoever opens the file.
/// </summary>
internal static class SessionCsv
{
    private static readonly (string Name, Func<ReplayStep, string?> Of)[] Columns =
    [
        ("at", step => Instant(step.At)),
        ("operation", step => step.Operation),
        ("session", step => step.Session),
        ("identity", step => step.Actor.Key),
        ("name", step => step.Actor.Name),
        ("agent", step => step.Actor.Agent),
        ("client", step => step.Actor.Client),
        ("connection", step => step.Connection),
        ("asked", step => string.Join("; ", step.Asked)),
        ("decision", step => step.Decision.Kind),
        ("rule", step => step.Decision.Rules is [var rule, ..] ? rule.Label : null),
        ("policyVersion", step => Number(step.Decision.Version)),
        ("approvers", step => step.Approval is { } approval ? string.Join("; ", approval.Approvers) : null),
        ("hold", step => step.Approval?.Hold ?? step.Ending?.Hold),
        ("outcome", step => step.Ending?.Outcome),
        ("code", step => step.Ending?.Code ?? step.Decision.Code),
        ("endedAt", step => step.Ending?.At is { } at ? Instant(at) : null),
        ("requestBytes", step => Number(step.Request.Bytes)),
        ("replyBytes", step => Number(step.Frames.Where(frame => frame.Direction == "reply").Sum(frame => frame.Bytes))),
        ("maskedValues", step => Number(step.Frames.Sum(frame => frame.MaskedValues ?? 0))),
    ];

    /// <summary>Writes the table.</summary>
    public static void Write(TextWriter to, IReadOnlyList<ReplayStep> steps)
    {
        WriteRow(to, Columns.Select(column => column.Name));
        foreach (var step in steps) WriteRow(to, Columns.Select(column => column.Of(step)));
    }

    private static void WriteRow(TextWriter to, IEnumerable<string?> fields)
    {
        to.Write(string.Join(',', fields.Select(Field)));
        to.Write("\r\n");
    }

    private static string Field(string? text)
    {
        if (string.IsNullOrEmpty(text)) return "";
        var visible = VisibleText.OfLine(text);
        if (visible[0] is '=' or '+' or '-' or '@') visible = "'" + visible;
        return visible.AsSpan().IndexOfAny(',', '"') < 0 ? visible : $"\"{visible.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
    }

    private static string Number(long number) => number.ToString(CultureInfo.InvariantCulture);

    private static string Instant(DateTimeOffset at) => at.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);
}
