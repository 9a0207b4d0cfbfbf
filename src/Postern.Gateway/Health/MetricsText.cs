using System.Globalization;
using System.Text;

namespace Postern.Gateway.Health;

/// <summary>Writes metrics in the text format that Prometheus reads, version 0.0.4.</summary>
internal sealed class MetricsText
{
    /// <summary>The media type of the text.</summary>
    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    private readonly StringBuilder _text = new(4096);

    /// <summary>Begins a family; its samples follow.</summary>
    /// <param name="name">The name, with its unit.</param>
    /// <param name="type"><c>counter</c>, <c>gauge</c> or <c>histogram</c>.</param>
    /// <param name="help">One line.</param>
    public void Family(string name, string type, string help) => _text.Append(CultureInfo.InvariantCulture, $"# HELP {name} {help}\n# TYPE {name} {type}\n");

    /// <summary>One sample.</summary>
    public void Sample(string name, double value, params ReadOnlySpan<(string Name, string Value)> labels)
    {
        _text.Append(name);
        var separator = '{';
        foreach (var (label, content) in labels)
        {
            _text.Append(separator).Append(label).Append("=\"").Append(Escaped(content)).Append('"');
            separator = ',';
        }
        if (separator == ',') _text.Append('}');
        _text.Append(CultureInfo.InvariantCulture, $" {value:R}\n");
    }

    /// <summary>One family with one sample that has no labels.</summary>
    public void Single(string name, string type, string help, double value)
    {
        Family(name, type, help);
        Sample(name, value);
    }

    /// <summary>Within a label value a backslash, a quote and a line end are escaped, and nothing else is.</summary>
    private static string Escaped(string value) => value.AsSpan().IndexOfAny('\\', '"', '\n') < 0
        ? value
        : value.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);

    /// <inheritdoc/>
    public override string ToString() => _text.ToString();
}
