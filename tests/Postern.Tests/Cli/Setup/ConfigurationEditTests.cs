using Postern.Cli;
using Postern.Cli.Setup;

namespace Postern.Tests.Cli.Setup;

public sealed class ConfigurationEditTests
{
    private static readonly string[] _lines = ["protocol: mcp", "url: \"https://tools.example/mcp\""];

    public static TheoryData<string> Files =>
    [
        "issuers:\n  corp: { authority: https://login.example.com/ }\npolicy: [policy.yaml]\n",
        "policy: [policy.yaml] # no line feed at the end",
        "connections:\n  shop:\n    protocol: mcp\n    url: http://127.0.0.1:1/mcp\n",
        "connections:\n  shop:\n    protocol: mcp\n    url: http://127.0.0.1:1/mcp",
        "# head\nconnections:   # ours\n    # the shop\n    shop: { protocol: mcp, url: \"http://127.0.0.1:1/mcp\" } # one\n\n    # the bank\n    bank:\n        protocol: http\n        url: 'http://127.0.0.1:2/'\n        tags: [ a,\n                b ]\n\n# what follows\npolicy: [policy.yaml]\n\n# the end\n",
        "connections:\n  shop:\n    protocol: mcp\n# a comment on the left\n    url: http://127.0.0.1:1/mcp\n# another\npolicy: [policy.yaml]\n",
        "connections:\r\n  shop:\r\n    protocol: mcp\r\n    url: http://127.0.0.1:1/mcp\r\npolicy: [policy.yaml]\r\n",
        "connections:\n  shop:\n    protocol: mcp\n    stdio:\n      command: node\n      args:\n      - a\n      - |\n        two\n        lines\n\n\npolicy: [policy.yaml]\n",
        "data: data\nconnections:\n\npolicy: [policy.yaml]\n",
        "connections: # none yet\npolicy: [policy.yaml]\n",
        "connections: ~\npolicy: [policy.yaml]\n",
        "policy: [policy.yaml]\nconnections:",
    ];

    [Theory]
    [MemberData(nameof(Files))]
    public void Without_what_was_added_the_file_is_what_it_was_byte_for_byte(string before)
    {
        if (before.Contains("connections: ~", StringComparison.Ordinal))
        {
            Assert.Throws<CommandException>(() => ConfigurationEdit.Add("postern.yaml", before, "tools", _lines));
            return;
        }
        var after = ConfigurationEdit.Add("postern.yaml", before, "tools", _lines);

        var feed = before.Contains("\r\n", StringComparison.Ordinal) ? "\r\n" : "\n";
        var indent = before.Contains("    shop: {", StringComparison.Ordinal) ? "    " : "  ";
        var added = $"{indent}tools:{feed}{indent}  protocol: mcp{feed}{indent}  url: \"https://tools.example/mcp\"{feed}";
        if (!before.Contains("connections:", StringComparison.Ordinal)) added = $"{feed}connections:{feed}{added}";
        var at = after.IndexOf(added, StringComparison.Ordinal);
        Assert.True(at > 0, after);
        var rest = after.Remove(at, added.Length);
        Assert.Equal(before, rest == before ? rest : rest.Remove(at - feed.Length, feed.Length));
    }

    [Fact]
    public void Empty_braces_make_room_for_the_first_entry() =>
        Assert.Equal("a: b\nconnections: # none\n  tools:\n    protocol: mcp\n    url: \"https://tools.example/mcp\"\nc: d\n", ConfigurationEdit.Add("postern.yaml", "a: b\nconnections: {} # none\nc: d\n", "tools", _lines));

    [Fact]
    public void What_stands_in_braces_is_left_alone_and_shown_as_it_should_be()
    {
        var refusal = Assert.Throws<CommandException>(() => ConfigurationEdit.Add("postern.yaml", "connections: { shop: { protocol: mcp, url: \"http://127.0.0.1:1/\" } }\n", "tools", _lines));

        Assert.Contains("by hand:\n  tools:\n    protocol: mcp", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_name_that_is_taken_is_said_with_its_place()
    {
        var refusal = Assert.Throws<CommandException>(() => ConfigurationEdit.Add("postern.yaml", "connections:\n  tools:\n    protocol: mcp\n", "tools", _lines));

        Assert.StartsWith("postern.yaml:3: there is a connection `tools` already", refusal.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("node server.js /tmp", "node|server.js|/tmp")]
    [InlineData("  node   'a b' \"c \\\"d\\\"\" e'f'g ''", "node|a b|c \"d\"|efg|")]
    [InlineData("", "")]
    [InlineData("sh -c $HOME;rm", "sh|-c|$HOME;rm")]
    public void A_command_line_becomes_words_and_nothing_is_expanded(string line, string words) => Assert.Equal(words, string.Join('|', CommandWords.Of(line)!));

    [Fact]
    public void A_quote_that_is_not_closed_makes_no_words() => Assert.Null(CommandWords.Of("node 'a b"));
}
