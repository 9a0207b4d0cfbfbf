using System.Globalization;
using System.Text;
using System.Xml;
using Postern.Core.Policy;
using Postern.Core.Policy.Testing;

namespace Postern.Cli.Output;

/// <summary>
/// Test results as JUnit XML, in the form that CI systems agree on: one suite for each file, a failure with the difference, and errors of loading
/// as one errored case, so that a policy that does not load never shows as zero failures.
/// </summary>
internal static class JUnitText
{
    /// <summary>The document, in UTF-8.</summary>
    public static string Of(PolicyTestRun run)
    {
        var errors = run.Problems.Where(problem => problem.Severity == ProblemSeverity.Error).ToArray();
        var text = new StringBuilder();
        using (var output = new Utf8Writer(text))
        using (var xml = XmlWriter.Create(output, new XmlWriterSettings { Indent = true, NewLineChars = "\n" }))
        {
            xml.WriteStartDocument();
            xml.WriteStartElement("testsuites");
            Counts(xml, run.Results.Length + errors.Length, run.Results.Count(result => !result.Passed), errors.Length);
            if (errors.Length > 0) Loading(xml, errors);
            foreach (var file in run.Results.GroupBy(result => result.File, StringComparer.Ordinal)) Suite(xml, file.Key, [.. file]);
            xml.WriteEndElement();
            xml.WriteEndDocument();
        }
        return text.Append('\n').ToString();
    }

    private static void Loading(XmlWriter xml, PolicyProblem[] errors)
    {
        xml.WriteStartElement("testsuite");
        xml.WriteAttributeString("name", "loading");
        Counts(xml, errors.Length, 0, errors.Length);
        foreach (var error in errors)
        {
            xml.WriteStartElement("testcase");
            xml.WriteAttributeString("classname", Clean(error.File));
            xml.WriteAttributeString("name", "loads");
            xml.WriteStartElement("error");
            xml.WriteAttributeString("message", Clean(error.ToString()));
            xml.WriteEndElement();
            xml.WriteEndElement();
        }
        xml.WriteEndElement();
    }

    private static void Suite(XmlWriter xml, string file, PolicyTestResult[] results)
    {
        xml.WriteStartElement("testsuite");
        xml.WriteAttributeString("name", Clean(file));
        Counts(xml, results.Length, results.Count(result => !result.Passed), 0);
        foreach (var result in results)
        {
            xml.WriteStartElement("testcase");
            xml.WriteAttributeString("classname", Clean(file));
            xml.WriteAttributeString("name", Clean(result.Name));
            xml.WriteAttributeString("line", result.Line.ToString(CultureInfo.InvariantCulture));
            if (!result.Passed)
            {
                xml.WriteStartElement("failure");
                xml.WriteAttributeString("message", Clean(result.Detail.Split('\n')[0]));
                xml.WriteString(Clean($"{result.File}:{result.Line}: {result.Detail}"));
                xml.WriteEndElement();
            }
            xml.WriteEndElement();
        }
        xml.WriteEndElement();
    }

    private static void Counts(XmlWriter xml, int tests, int failures, int errors)
    {
        xml.WriteAttributeString("tests", tests.ToString(CultureInfo.InvariantCulture));
        xml.WriteAttributeString("failures", failures.ToString(CultureInfo.InvariantCulture));
        xml.WriteAttributeString("errors", errors.ToString(CultureInfo.InvariantCulture));
    }

    // XML 1.0 has no form for most control characters; what a policy's text holds must not make the document unreadable.
    private static string Clean(string text) => string.Concat(text.EnumerateRunes().Select(rune => rune.Value is 9 or 10 or 13 || (rune.Value >= 32 && rune.Value is not (0xFFFE or 0xFFFF)) ? rune.ToString() : "\uFFFD"));

    private sealed class Utf8Writer(StringBuilder text) : StringWriter(text, CultureInfo.InvariantCulture)
    {
        public override Encoding Encoding => Encoding.UTF8;
    }
}
