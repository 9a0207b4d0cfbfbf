using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Encodings.Web;
using Postern.Core.Recording;

namespace Postern.Gateway.Pages;

/// <summary>
/// Markup. Made only from literals of ours and from values that were escaped on the way in, so that no page can forget to:
/// <c>Html.Of($"&lt;p&gt;{text}&lt;/p&gt;")</c> escapes <c>text</c>.
/// </summary>
internal sealed class Html
{
    public static readonly Html Nothing = new("");

    private readonly string _markup;

    private Html(string markup) => _markup = markup;

    public static Html Of(Markup markup) => new(markup.Taken());

    public static Html Join(IEnumerable<Html> parts) => new(string.Concat(parts.Select(part => part._markup)));

    /// <summary>Foreign text on one line: escaped, and whatever hides or moves is shown as a badge (G9).</summary>
    public static Html Foreign(string? text) => Marked(VisibleText.OfLine(text));

    /// <summary>Foreign text that may hold line ends.</summary>
    public static Html ForeignLines(ReadOnlySpan<byte> utf8) => Marked(VisibleText.OfLines(utf8));

    /// <summary>
    /// Text in which <see cref="VisibleText"/> already wrote its marks. It writes the mark's brackets out wherever the source
    /// held them, so that what stands between brackets here is always its own.
    /// </summary>
    public static Html Marked(string visible)
    {
        var markup = new StringBuilder(visible.Length + 16);
        foreach (var character in visible)
        {
            switch (character)
            {
                case '⟨':
                    markup.Append("<b class=\"mark\">");
                    break;
                case '⟩':
                    markup.Append("</b>");
                    break;
                case '\n':
                    markup.Append('\n');
                    break;
                default:
                    Escape(markup, character);
                    break;
            }
        }
        return new Html(markup.ToString());
    }

    public override string ToString() => _markup;

    private static void Escape(StringBuilder markup, char character)
    {
        switch (character)
        {
            case '<': markup.Append("&lt;"); break;
            case '>': markup.Append("&gt;"); break;
            case '&': markup.Append("&amp;"); break;
            case '"': markup.Append("&quot;"); break;
            case '\'': markup.Append("&#39;"); break;
            default: markup.Append(character); break;
        }
    }

    /// <summary>Builds markup from an interpolated string: literals as they are, values escaped.</summary>
    [InterpolatedStringHandler]
    internal readonly ref struct Markup(int literalLength, int formattedCount)
    {
        private readonly StringBuilder _text = new(literalLength + (16 * formattedCount));

        public void AppendLiteral(string literal) => _text.Append(literal);

        public void AppendFormatted(Html? markup) => _text.Append(markup?._markup);

        public void AppendFormatted(string? text) => _text.Append(HtmlEncoder.Default.Encode(text ?? ""));

        public void AppendFormatted(int number) => _text.Append(number);

        internal string Taken() => _text.ToString();
    }
}
