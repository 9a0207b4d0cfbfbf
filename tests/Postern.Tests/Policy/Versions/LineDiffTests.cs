using System.Globalization;
using System.Text;
using Postern.Core.Policy;
using Postern.Core.Policy.Versions;

namespace Postern.Tests.Policy.Versions;

public sealed class LineDiffTests
{
    [Fact]
    public void A_changed_line_stands_among_three_that_stayed()
    {
        var diff = LineDiff.Unified("a.yaml", "1\n2\n3\n4\n5\n6\n7\n8\n9\n", "a.yaml", "1\n2\n3\n4\nfive\n6\n7\n8\n9\n");

        Assert.Equal("--- a.yaml\n+++ a.yaml\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n", diff);
    }

    [Fact]
    public void Files_that_come_and_go_are_told_and_equal_ones_are_not()
    {
        var diff = PolicyDiff.Of([new PolicyFile("b", "x\n"), new PolicyFile("same", "y\n")], [new PolicyFile("a", "z"), new PolicyFile("same", "y\n")]);

        Assert.Equal("--- /dev/null\n+++ a\n@@ -0,0 +1,1 @@\n+z\n\\ No newline at end of file\n--- b\n+++ /dev/null\n@@ -1,1 +0,0 @@\n-x\n", diff);
    }

    /// <summary>Whatever the texts are, the difference turns one into the other, and is never longer than replacing all.</summary>
    [Fact]
    public void The_difference_of_any_two_texts_leads_from_one_to_the_other()
    {
        var random = new Random(20261121);
        for (var round = 0; round < 2_000; round++)
        {
            var (before, after) = (Text(random), Text(random));
            var diff = LineDiff.Unified("x", before, "x", after);

            Assert.Equal(before == after, diff.Length == 0);
            if (diff.Length > 0) Assert.Equal(after, Apply(before, diff));
        }
    }

    [Fact]
    public void Texts_that_differ_almost_everywhere_are_replaced_whole_and_soon()
    {
        var before = string.Concat(Enumerable.Range(0, 20_000).Select(line => $"a{line}\n"));
        var after = string.Concat(Enumerable.Range(0, 20_000).Select(line => $"b{line}\n"));

        Assert.Equal(after, Apply(before, LineDiff.Unified("x", before, "x", after)));
    }

    private static string Text(Random random)
    {
        var text = new StringBuilder();
        for (var lines = random.Next(0, 30); lines > 0; lines--) text.Append((char)('a' + random.Next(4))).Append('\n');
        return random.Next(3) == 0 ? text.ToString().TrimEnd('\n') : text.ToString();
    }

    // What `patch` does, without its forgiveness: every line of context and every removed line must be there.
    private static string Apply(string before, string diff)
    {
        var source = Lines(before);
        var lines = Lines(diff);
        var result = new List<string>();
        var at = 0;
        for (var i = 2; i < lines.Count;)
        {
            var head = lines[i].Split(' ');
            var range = head[1][1..].Split(',');
            var start = int.Parse(range[0], CultureInfo.InvariantCulture) - (range[1] == "0" ? 0 : 1);
            while (at < start) result.Add(source[at++]);
            for (i++; i < lines.Count && lines[i][0] != '@'; i++)
            {
                var line = lines[i][1..];
                if (i + 1 < lines.Count && lines[i + 1][0] == '\\') line = line.TrimEnd('\n');
                switch (lines[i][0])
                {
                    case ' ':
                        Assert.Equal(source[at++], line);
                        result.Add(line);
                        break;
                    case '-':
                        Assert.Equal(source[at++], line);
                        break;
                    case '+':
                        result.Add(line);
                        break;
                    default:
                        Assert.StartsWith("\\ No newline", lines[i], StringComparison.Ordinal);
                        break;
                }
            }
        }
        result.AddRange(source.Skip(at));
        return string.Concat(result);
    }

    private static List<string> Lines(string text) => [.. text.Split('\n').SkipLast(1).Select(line => line + "\n"), .. text.EndsWith('\n') || text.Length == 0 ? Array.Empty<string>() : [text[(text.LastIndexOf('\n') + 1)..]]];
}
