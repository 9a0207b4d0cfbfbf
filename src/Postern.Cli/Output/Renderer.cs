using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Postern.Cli.Console;
using Postern.Core.Recording;
using Spectre.Console;

namespace Postern.Cli.Output;

/// <summary>
/// Writes data on stdout in the form that was asked for. The only place that knows the table library. Foreign text in tables
/// is made visible; JSON escapes it by its own rules.
/// </summary>
internal sealed class Renderer(Surroundings surroundings, OutputFormat format)
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, IndentSize = 2, NewLine = "\n", Encoder = SafeEncoder };
    private static readonly JsonSerializerOptions OneLine = new() { Encoder = SafeEncoder };

    /// <summary>The form that was asked for.</summary>
    public OutputFormat Format => format;

    // Basic Latin only, so that no terminal escape, bidi mark or look-alike in recorded text acts on whoever prints JSON.
    private static JavaScriptEncoder SafeEncoder => JavaScriptEncoder.Create(System.Text.Unicode.UnicodeRanges.BasicLatin);

    /// <summary>One thing as JSON on one line.</summary>
    public static string Line(JsonObject item) => item.ToJsonString(OneLine);

    /// <summary>Writes a list.</summary>
    /// <param name="items">What each entry is; written whole by every form but the table.</param>
    /// <param name="none">What to say on stderr when the list is empty and people read it.</param>
    /// <param name="columns">The table's columns.</param>
    public void WriteList(IReadOnlyList<JsonObject> items, string none, params ReadOnlySpan<Column> columns)
    {
        switch (format)
        {
            case OutputFormat.Json:
                surroundings.Out.WriteLine(new JsonArray([.. items.Select(item => item.DeepClone())]).ToJsonString(Indented));
                return;
            case OutputFormat.Ndjson:
                foreach (var item in items) surroundings.Out.WriteLine(Line(item));
                return;
            case OutputFormat.Yaml:
                surroundings.Out.Write(YamlText.Of(new JsonArray([.. items.Select(item => item.DeepClone())])));
                return;
        }
        if (items.Count == 0)
        {
            surroundings.Error.WriteLine(none);
            return;
        }
        WriteTable(items, columns);
    }

    /// <summary>Writes one thing. As a table: one line per field.</summary>
    public void WriteItem(JsonObject item, params ReadOnlySpan<Column> fields)
    {
        switch (format)
        {
            case OutputFormat.Json:
                surroundings.Out.WriteLine(item.ToJsonString(Indented));
                return;
            case OutputFormat.Ndjson:
                surroundings.Out.WriteLine(Line(item));
                return;
            case OutputFormat.Yaml:
                surroundings.Out.Write(YamlText.Of(item));
                return;
        }
        var width = 0;
        foreach (var field in fields) width = Math.Max(width, field.Title.Length);
        foreach (var field in fields)
        {
            if (field.Text(item) is { Length: > 0 } text) surroundings.Out.WriteLine($"{field.Title.PadRight(width)}  {VisibleText.OfLine(text)}");
        }
    }

    private void WriteTable(IReadOnlyList<JsonObject> items, ReadOnlySpan<Column> columns)
    {
        var table = new Table { Border = TableBorder.None, ShowRowSeparators = false };
        foreach (var column in columns)
        {
            table.AddColumn(new TableColumn(new Text(column.Title.ToUpperInvariant(), new Style(decoration: Decoration.Bold))) { Padding = new Padding(0, 0, 2, 0) });
        }
        foreach (var item in items)
        {
            var cells = new List<Text>(columns.Length);
            foreach (var column in columns) cells.Add(new Text(VisibleText.OfLine(column.Text(item) ?? "-")));
            table.AddRow(cells);
        }
        using var drawn = new StringWriter { NewLine = "\n" };
        var console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = surroundings.IsOutColoured ? AnsiSupport.Yes : AnsiSupport.No,
            ColorSystem = surroundings.IsOutColoured ? ColorSystemSupport.Standard : ColorSystemSupport.NoColors,
            Interactive = InteractionSupport.No,
            Out = new PlainOutput(surroundings, drawn),
        });
        console.Write(table);
        // The library pads the last column; nobody wants trailing blanks in a pipe.
        foreach (var line in drawn.ToString().TrimEnd('\n').Split('\n')) surroundings.Out.WriteLine(line.TrimEnd());
    }

    private sealed class PlainOutput(Surroundings surroundings, TextWriter drawn) : IAnsiConsoleOutput
    {
        // Without a terminal a row is never folded: scripts read one entry per line.
        private const int Unbounded = 10_000;

        public TextWriter Writer => drawn;

        public bool IsTerminal => surroundings.IsOutTerminal;

        public int Width => surroundings.IsOutTerminal ? surroundings.Width : Unbounded;

        public int Height => 24;

        public void SetEncoding(System.Text.Encoding encoding)
        {
            // The process writes UTF-8 everywhere.
        }
    }
}
