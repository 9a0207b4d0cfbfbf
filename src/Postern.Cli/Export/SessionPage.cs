using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using Postern.Cli.Replay;
using Postern.Core.Recording;
using Postern.Protocols;

namespace Postern.Cli.Export;

/// <summary>
/// A session as one page that needs nothing else: no network, no other file. Recorded text is written as text, passed through
/// <see cref="VisibleText"/> and escaped; the page's policy lets it run its own script and load nothing, so a recording that holds
/// markup stays inert (G18). It can be read without the script, which adds steps, search and speed.
/// </summary>
internal static partial class SessionPage
{
    private static readonly string Style = Asset("replay.css");
    private static readonly string Script = Asset("replay.js");

    /// <summary>Writes the page.</summary>
    public static void Write(TextWriter to, IReadOnlyList<ReplayStep> steps)
    {
        var first = steps[0];
        to.Write("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
        to.Write($"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src {Hash(Style)}; script-src {Hash(Script)}; base-uri 'none'; form-action 'none'\">\n");
        to.Write($"<title>Session {Text(first.Session)}</title>\n<style>{Style}</style>\n</head>\n<body>\n<header>\n<h1>Session <code>{Text(first.Session)}</code></h1>\n<dl>\n");
        Fact(to, "who", string.Join(", ", new[] { first.Actor.Name is null ? first.Actor.Key : $"{first.Actor.Name} ({first.Actor.Key})", first.Actor.Kind, first.Actor.Groups.IsEmpty ? null : "groups " + string.Join(", ", first.Actor.Groups) }.OfType<string>()));
        Fact(to, "through", (first.Actor.Agent ?? "no agent named") + (first.Actor.Client is { } client ? $", which calls itself “{client}”" : ""));
        Fact(to, "connection", first.Connection);
        Fact(to, "steps", string.Create(CultureInfo.InvariantCulture, $"{steps.Count}, from {first.At:yyyy-MM-dd HH:mm:ss} to {steps[^1].At:yyyy-MM-dd HH:mm:ss} UTC"));
        if (steps.All(static step => step.Today is { Version: null })) Fact(to, "today's policy", first.Today!.Line);
        else if (steps.Select(static step => step.Today?.Version).FirstOrDefault(static version => version is not null) is { } asked) Fact(to, "today's policy", asked == 0 ? "as in the files that were given when this page was made" : string.Create(CultureInfo.InvariantCulture, $"version {asked}, in force when this page was made"));
        to.Write("</dl>\n</header>\n<nav id=\"controls\" hidden>\n<button id=\"back\">Back</button><button id=\"play\">Play</button><button id=\"next\">Next</button>\n");
        to.Write("<label>Speed <select id=\"speed\"><option value=\"0.5\">½</option><option value=\"1\" selected>1</option><option value=\"4\">4</option><option value=\"16\">16</option></select></label>\n");
        to.Write("<label>Step <input id=\"jump\" type=\"number\" min=\"1\" inputmode=\"numeric\"></label><label>Search <input id=\"search\" type=\"search\"></label><output id=\"place\"></output>\n</nav>\n<main>\n");
        for (var i = 0; i < steps.Count; i++) WriteStep(to, i + 1, steps[i], first.Actor);
        to.Write($"</main>\n<footer>Masked values were replaced before they were recorded; nothing in this file can bring them back. The file proves nothing by itself: <code>postern verify</code> checks the recording that it was made of.</footer>\n<script>{Script}</script>\n</body>\n</html>\n");
    }

    private static void WriteStep(TextWriter to, int number, ReplayStep step, ReplayActor usual)
    {
        var verdict = step.Approval is null ? step.Decision.Kind : "approved";
        var tone = step.Approval is not null || step.Decision.Kind == "allow" ? "yes" : step.Decision.Kind == "hold" ? "wait" : "no";
        to.Write(string.Create(CultureInfo.InvariantCulture, $"<section id=\"step-{number}\" data-at=\"{step.At.ToUnixTimeMilliseconds()}\">\n<h2><a href=\"#step-{number}\">{number}</a> <time>{step.At:HH:mm:ss.fff}</time> "));
        to.Write($"<code>{Text(step.Asked.IsEmpty ? "(nothing)" : step.Asked[0])}</code> <span class=\"{tone}\">{Text(verdict)}, {Text(step.Ending?.Outcome ?? "not ended")}</span></h2>\n<dl>\n");
        foreach (var more in step.Asked.Skip(1)) Fact(to, "and", more);
        if (step.Actor.Key != usual.Key) Fact(to, "who", step.Actor.Key);
        Fact(to, "decision", $"{step.Operation}, policy version {step.Decision.Version.ToString(CultureInfo.InvariantCulture)}");
        foreach (var rule in step.Decision.Rules) Fact(to, "rule", $"{rule.Label} ({rule.Effect})");
        if (step.Decision.Reason is { } reason) Fact(to, "because", reason);
        foreach (var miss in step.Nearly.IsDefault ? [] : step.Nearly) Fact(to, "nearly", miss.Line);
        if (step.Today is { Version: not null } today)
        {
            Fact(to, "today", today.Line);
            if (today.Differs == true) foreach (var miss in today.Nearly) Fact(to, "nearly today", miss.Line);
        }
        if (step.Approval is { } approval)
        {
            Fact(to, "approved", $"by {string.Join(", ", approval.Approvers)}, hold {approval.Hold}");
            if (approval.Continues != step.Operation) Fact(to, "continues", approval.Continues);
        }
        if (step.Ending is { } ending && string.Join(", ", new[] { ending.Code, ending.Detail }.OfType<string>()) is { Length: > 0 } how) Fact(to, "ended", how);
        to.Write("</dl>\n");
        WriteContent(to, "asked", step.Request);
        if (step.Results is { } results) WriteResults(to, results, step.Frames);
        else foreach (var frame in step.Frames) WriteContent(to, frame.Direction == "reply" ? "delivered" : "sent later", frame);
        to.Write("</section>\n");
    }

    private static void WriteResults(TextWriter to, IReadOnlyList<ReplayItem> results, ImmutableArray<ReplayContent> frames)
    {
        foreach (var item in results)
        {
            if (item is ReplayItem.Grid grid)
            {
                to.Write("<div class=\"grid\"><table>\n<tr>");
                foreach (var column in grid.Columns) to.Write($"<th>{Text(column)}</th>");
                to.Write("</tr>\n");
                foreach (var row in grid.Rows)
                {
                    to.Write("<tr>");
                    foreach (var value in row) to.Write(value is null ? "<td><i>null</i></td>" : $"<td>{Marked(Text(value))}</td>");
                    to.Write("</tr>\n");
                }
                to.Write("</table></div>\n");
            }
            else if (item is ReplayItem.Said said)
            {
                to.Write($"<h3>{Text(said.Kind)}</h3><pre>{Marked(Text(said.Text))}</pre>\n");
            }
        }
        Notes(to, frames.Sum(frame => frame.MaskedValues ?? 0), frames.Select(frame => frame.NotKept).FirstOrDefault(notKept => notKept is not null));
    }

    private static void WriteContent(TextWriter to, string label, ReplayContent content)
    {
        to.Write($"<h3>{label} <small>{content.Bytes.ToString(CultureInfo.InvariantCulture)} bytes</small></h3><pre>{Marked(WebUtility.HtmlEncode(VisibleText.OfLines(content.Kept.Span)))}</pre>\n");
        Notes(to, content.MaskedValues ?? 0, content.NotKept);
    }

    private static void Notes(TextWriter to, long masked, string? notKept)
    {
        if (masked > 0) to.Write(string.Create(CultureInfo.InvariantCulture, $"<p class=\"note\">{masked} {(masked == 1 ? "value" : "values")} masked</p>\n"));
        if (notKept is not null) to.Write($"<p class=\"note\">{Text(notKept)}</p>\n");
    }

    private static void Fact(TextWriter to, string name, string value) => to.Write($"<dt>{name}</dt><dd>{Text(value)}</dd>\n");

    private static string Text(string text) => WebUtility.HtmlEncode(VisibleText.OfLine(text));

    /// <summary>Lifts the marks of masks out of escaped text.</summary>
    private static string Marked(string escaped) => Mark().Replace(escaped, "<mark>$0</mark>");

    private static string Hash(string inline) => $"'sha256-{Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(inline)))}'";

    private static string Asset(string name)
    {
        using var stream = typeof(SessionPage).Assembly.GetManifestResourceStream("Postern.Cli.Export." + name) ?? throw new InvalidOperationException($"the asset `{name}` is not in the assembly");
        using var reader = new StreamReader(stream, Encoding.UTF8);
        return reader.ReadToEnd();
    }

    [GeneratedRegex(@"\[(?:masked|hash):[A-Za-z0-9_.:-]{1,128}\]", RegexOptions.NonBacktracking)]
    private static partial Regex Mark();
}
