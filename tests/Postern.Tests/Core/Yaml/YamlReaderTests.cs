using Postern.Core.Yaml;

namespace Postern.Tests.Core.Yaml;

public sealed class YamlReaderTests
{
    private static (YamlNode? Node, List<SourceProblem> Problems) Read(string text)
    {
        var problems = new List<SourceProblem>();
        return (YamlReader.Read("a.yaml", text, problems), problems);
    }

    [Fact]
    public void Every_node_knows_its_line_and_column()
    {
        var (root, problems) = Read("listen:\n  url: http://x\nlist: [a, b]\n");

        Assert.Empty(problems);
        var url = root!.Find("listen")!.Entries[0];
        Assert.Equal((2, 3), (url.Key.Line, url.Key.Column));
        Assert.Equal((2, 8), (url.Value.Line, url.Value.Column));
        Assert.Equal((3, 11), (root.Find("list")!.Items[1].Line, root.Find("list")!.Items[1].Column));
    }

    [Theory]
    [InlineData("a: no", "no")]
    [InlineData("a: 010", "010")]
    [InlineData("a: 2026-01-01", "2026-01-01")]
    public void Scalars_stay_text(string text, string expected) => Assert.Equal(expected, Read(text).Node!.Find("a")!.Text);

    [Theory]
    [InlineData("a: &x 1\nb: *x", 1, 4, "anchors are not read")]
    [InlineData("b: *x", 1, 4, "aliases are not read")]
    [InlineData("a: !!str 1", 1, 4, "type tags are not read")]
    [InlineData("a: !Exec {x: 1}", 1, 4, "type tags are not read")]
    [InlineData("a: 1\nb: 2\na: 3", 3, 1, "duplicate key `a`; it already stands on line 1")]
    [InlineData("? [a, b]\n: c", 1, 3, "a key must be plain text")]
    [InlineData("a: 1\n---\nb: 2", 2, 1, "a second document")]
    [InlineData("a: [1, 2", 2, 1, "not well-formed YAML")]
    [InlineData("a: 'x", 1, 4, "not well-formed YAML")]
    [InlineData("a:\n\t- b", 1, 1, "not well-formed YAML")]
    public void What_cannot_be_read_plainly_is_a_problem_with_its_place(string text, int line, int column, string message)
    {
        var (root, problems) = Read(text);

        Assert.Null(root);
        var problem = Assert.Single(problems);
        Assert.Contains(message, problem.Message, StringComparison.Ordinal);
        Assert.Equal((line, column), (problem.Line, problem.Column));
    }

    [Theory]
    [InlineData('[')]
    [InlineData('{')]
    public void Two_hundred_thousand_nested_brackets_are_refused_and_do_not_end_the_process(char bracket)
    {
        var (root, problems) = Read("a: " + new string(bracket, 200_000));

        Assert.Null(root);
        Assert.Single(problems);
    }

    [Fact]
    public void Deep_indentation_is_refused()
    {
        var text = string.Concat(Enumerable.Range(0, 500).Select(level => new string(' ', level) + "a:\n"));

        Assert.Contains("nested deeper", Assert.Single(Read(text).Problems).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_oversize_text_is_refused_before_it_is_parsed() =>
        Assert.Contains("at most", Assert.Single(Read(new string('#', YamlReader.MaxLength + 1)).Problems).Message, StringComparison.Ordinal);

    [Fact]
    public void An_empty_text_is_an_empty_document()
    {
        var (root, problems) = Read("# nothing\n");

        Assert.Empty(problems);
        Assert.True(root!.IsNull);
    }

    [Fact]
    public void No_text_of_a_hostile_corpus_throws()
    {
        var pieces = new[] { ":", "-", "?", "[", "]", "{", "}", "&", "*", "!", "|", ">", "'", "\"", "%", "@", "`", "#", ",", "\n", "\t", " ", "a", "---", "...", "\0", "\uFEFF", "\\x", "<<" };
        var random = new Random(17);
        for (var round = 0; round < 5000; round++)
        {
            Read(string.Concat(Enumerable.Range(0, random.Next(1, 20)).Select(_ => pieces[random.Next(pieces.Length)])));
        }
    }

    [Theory]
    [InlineData("lisen", "listen")]
    [InlineData("pubilcUrl", "publicUrl")]
    [InlineData("PUBLICURL", "publicUrl")]
    [InlineData("zebra", null)]
    [InlineData("", null)]
    public void The_nearest_word_is_suggested_only_when_it_is_near(string word, string? expected) =>
        Assert.Equal(expected, NearestWord.Of(word, ["listen", "publicUrl", "data"]));
}
