using System.Globalization;
using Postern.Core.Recording;

namespace Postern.Demo.Acts;

/// <summary>Tells the demo's story: at most 80 columns, readable without colour.</summary>
/// <param name="output">Where to.</param>
/// <param name="isColoured">Whether a person with a colour terminal watches.</param>
public sealed class DemoVoice(TextWriter output, bool isColoured)
{
    private const int Width = 78;
    private const string Indent = "   ";

    /// <summary>A heading over an act.</summary>
    public void Title(string text)
    {
        output.WriteLine();
        output.WriteLine(Paint("1", text + " " + new string('─', Math.Max(0, Width - text.Length - 1))));
    }

    /// <summary>Plain words, folded.</summary>
    public void Say(string text)
    {
        foreach (var line in Fold(text, Width - Indent.Length)) output.WriteLine(Indent + line);
    }

    /// <summary>A label with something beside it; long values go on under themselves.</summary>
    public void Show(string label, string text)
    {
        const int LabelWidth = 10;
        var isFirst = true;
        foreach (var line in Fold(text, Width - Indent.Length - LabelWidth))
        {
            output.WriteLine(Indent + Paint("2", (isFirst ? label : "").PadRight(LabelWidth)) + line);
            isFirst = false;
        }
    }

    /// <summary>Something to copy; never folded.</summary>
    public void Literal(string text) => output.WriteLine(Indent + Paint("36", text));

    /// <summary>How an expectation turned out; returns it.</summary>
    public bool Check(bool isMet, string text)
    {
        var isFirst = true;
        foreach (var line in Fold(text, Width - Indent.Length - 2))
        {
            output.WriteLine(Indent + (isFirst ? isMet ? Paint("32", "✓ ") : Paint("31", "✗ ") : "  ") + line);
            isFirst = false;
        }
        return isMet;
    }

    /// <summary>What was decided, as the record has it, and how long the caller waited.</summary>
    internal void Decision(RecordedIntent intent, TimeSpan? time, bool isApproved = false)
    {
        var rule = intent.Decision.RuleLabel ?? "no rule";
        var waited = time is { } span ? string.Create(CultureInfo.InvariantCulture, $"  {span.TotalMilliseconds:0.0} ms") : "";
        output.WriteLine(Indent + Paint("2", "decision  ") + $"{intent.Op}  {Paint("1", isApproved ? "approved" : intent.Decision.Kind)}  {rule}{waited}");
    }

    /// <summary>An empty line.</summary>
    public void Gap() => output.WriteLine();

    private string Paint(string code, string text) => isColoured && text.Length > 0 ? $"\u001b[{code}m{text}\u001b[0m" : text;

    private static IEnumerable<string> Fold(string text, int width)
    {
        foreach (var paragraph in text.Split('\n'))
        {
            var line = "";
            foreach (var word in paragraph.Split(' '))
            {
                var rest = word;
                if (line.Length > 0 && line.Length + 1 + rest.Length > width)
                {
                    yield return line;
                    line = "";
                }
                while (rest.Length > width)
                {
                    yield return rest[..width];
                    rest = rest[width..];
                }
                line = line.Length == 0 ? rest : line + " " + rest;
            }
            yield return line;
        }
    }
}
