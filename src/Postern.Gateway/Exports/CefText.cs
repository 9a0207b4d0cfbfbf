using System.Globalization;
using System.Text;
using Postern.Core.Recording;

namespace Postern.Gateway.Exports;

/// <summary>
/// An event in ArcSight's Common Event Format, version 0 ("Implementing ArcSight Common Event Format", chapter "CEF message syntax"). In the
/// header <c>|</c> and <c>\</c> are escaped, in extensions <c>=</c> and <c>\</c>. Line ends never occur: what is not visible is written out.
/// </summary>
internal static class CefText
{
    /// <summary>Appends the event.</summary>
    public static void Write(StringBuilder text, ExportEvent told)
    {
        text.Append("CEF:0|Postern|Postern|1|");
        Header(text, told.Kind);
        text.Append('|');
        Header(text, told.Find("reason") ?? told.Kind);
        text.Append('|').Append(told.Severity switch { EventSeverity.Error => "8", EventSeverity.Warning => "6", EventSeverity.Notice => "4", _ => "2" }).Append('|');
        text.Append(CultureInfo.InvariantCulture, $"rt={told.At.ToUnixTimeMilliseconds()} externalId={told.Sequence} deviceExternalId={told.Journal}");
        Extension(text, "suser", told.Find("identity"));
        Extension(text, "act", told.Find("decision"));
        Extension(text, "outcome", told.Find("outcome"));
        Extension(text, "reason", told.Find("code"));
        Extension(text, "app", told.Find("protocol"));
        Custom(text, 1, "operation", told.Find("op"));
        Custom(text, 2, "connection", told.Find("connection"));
        Custom(text, 3, "actions", told.Find("actions"));
        Custom(text, 4, "rules", told.Find("rules"));
        Custom(text, 5, "hold", told.Find("hold"));
        Custom(text, 6, "agent", told.Find("agent"));
        // Whatever has no key in the dictionary goes into the message, so that nothing is told in one format and not in another.
        var rest = new StringBuilder();
        foreach (var field in told.Fields)
        {
            if (field.Name is "identity" or "decision" or "outcome" or "code" or "protocol" or "op" or "connection" or "actions" or "rules" or "hold" or "agent" or "reason") continue;
            if (rest.Length > 0) rest.Append("; ");
            rest.Append(field.Name).Append(": ").Append(field.Value);
        }
        if (rest.Length > 0) Extension(text, "msg", rest.ToString());
    }

    private static void Custom(StringBuilder text, int number, string label, string? value)
    {
        if (value is null) return;
        text.Append(CultureInfo.InvariantCulture, $" cs{number}Label={label}");
        Extension(text, string.Create(CultureInfo.InvariantCulture, $"cs{number}"), value);
    }

    private static void Header(StringBuilder text, string value)
    {
        foreach (var character in VisibleText.OfLine(value))
        {
            if (character is '|' or '\\') text.Append('\\');
            text.Append(character);
        }
    }

    private static void Extension(StringBuilder text, string key, string? value)
    {
        if (value is null) return;
        text.Append(' ').Append(key).Append('=');
        foreach (var character in VisibleText.OfLine(value))
        {
            if (character is '=' or '\\') text.Append('\\');
            text.Append(character);
        }
    }
}
