using System.Text.Json;
using System.Text.Json.Nodes;
using Postern.Cli.Console;
using Postern.Cli.Output;

namespace Postern.Tests.Cli;

public sealed class OutputTests
{
    private static readonly JsonObject Item = JsonNode.Parse("""{"id":"a1","who":"ev\u001b[2Jil\u202e","list":["x",2],"map":{"on":true,"no":"no"},"empty":[]}""")!.AsObject();
    private static readonly Column[] Columns = [Column.Of("Id", "id"), Column.Of("Who", "who"), Column.Of("List", "list")];

    [Fact]
    public void A_table_shows_foreign_text_without_obeying_it()
    {
        var (output, _) = Write(OutputFormat.Table, renderer => renderer.WriteList([Item, Item], "none", Columns));

        var lines = output.TrimEnd('\n').Split('\n');
        Assert.Equal(3, lines.Length);
        Assert.StartsWith("ID", lines[0].TrimStart());
        Assert.Contains("ev⟨U+001B⟩[2Jil⟨U+202E⟩", lines[1]);
        Assert.Contains("x, 2", lines[1]);
        Assert.DoesNotContain('\u001b', output);
    }

    [Fact]
    public void An_empty_table_says_so_on_stderr_and_leaves_stdout_empty()
    {
        var (output, error) = Write(OutputFormat.Table, renderer => renderer.WriteList([], "no approvals wait", Columns));

        Assert.Equal(("", "no approvals wait\n"), (output, error));
    }

    [Fact]
    public void Json_is_one_document_and_ndjson_one_per_line()
    {
        var (json, _) = Write(OutputFormat.Json, renderer => renderer.WriteList([Item, Item], "none", Columns));
        var (ndjson, _) = Write(OutputFormat.Ndjson, renderer => renderer.WriteList([Item, Item], "none", Columns));

        Assert.Equal(2, JsonDocument.Parse(json).RootElement.GetArrayLength());
        var lines = ndjson.TrimEnd('\n').Split('\n');
        Assert.Equal(2, lines.Length);
        Assert.All(lines, line => Assert.True(JsonNode.DeepEquals(Item, JsonNode.Parse(line))));
        Assert.All(json + ndjson, character => Assert.InRange(character, '\n', '~'));
    }

    [Fact]
    public void Yaml_quotes_what_another_reader_could_take_for_something_else()
    {
        var (yaml, _) = Write(OutputFormat.Yaml, renderer => renderer.WriteItem(Item));

        Assert.Equal(
            """
            id: a1
            who: "ev\u001B[2Jil\u202E"
            list:
              - x
              - 2
            map:
              "on": true
              "no": "no"
            empty: []

            """, yaml);
    }

    private static (string Out, string Error) Write(OutputFormat format, Action<Renderer> write)
    {
        using var output = new StringWriter { NewLine = "\n" };
        using var error = new StringWriter { NewLine = "\n" };
        write(new Renderer(new Surroundings { Out = output, Error = error, Variable = _ => null }, format));
        return (output.ToString(), error.ToString());
    }
}
