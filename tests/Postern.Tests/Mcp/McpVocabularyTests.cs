using System.Text.Json;
using Postern.Core.Operations;
using Postern.Protocols.Mcp;

namespace Postern.Tests.Mcp;

public sealed class McpVocabularyTests
{
    private static readonly Connection Shop = new("shop", "mcp", "http://127.0.0.1:1/mcp", []);

    [Fact]
    public void A_test_of_a_tool_becomes_the_operation_of_its_call()
    {
        var operation = Read(("tool", "\"refund\""), ("args", """{"amount":900}"""));

        var part = Assert.Single(operation.Parts);
        Assert.Equal("mcp.tools.call", part.Action);
        Assert.False(part.IsImplied);
        Assert.Equal("refund", Assert.Single(part.FactOrEmpty(McpVocabulary.Tool).Values));
        Assert.Equal("""{"amount":900}""", System.Text.Encoding.UTF8.GetString(Assert.Single(part.Variables).Json.Span));
        Assert.Equal("00", operation.Definition?.ToString()[..2]);
    }

    [Fact]
    public void A_prompt_and_a_uri_have_facts_of_their_own()
    {
        Assert.Equal("mcp.prompts.get", Read(("prompt", "\"weekly\"")).Parts[0].Action);
        var read = Read(("uri", "\"file:///a\"")).Parts[0];
        Assert.Equal("mcp.resources.read", read.Action);
        Assert.Equal("file:///a", Assert.Single(read.FactOrEmpty(McpVocabulary.Uri).Values));
    }

    [Fact]
    public void An_ask_that_is_not_understood_says_what_was_expected()
    {
        Assert.Contains("exactly one of", Assert.Throws<FormatException>(() => Read(("tool", "\"a\""), ("uri", "\"b\""))).Message, StringComparison.Ordinal);
        Assert.Contains("expected a map at `args`", Assert.Throws<FormatException>(() => Read(("tool", "\"a\""), ("args", "[1]"))).Message, StringComparison.Ordinal);
        Assert.Contains("expected text at `tool`", Assert.Throws<FormatException>(() => Read(("tool", "7"))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_waits_to_be_accepted_waits_in_a_question_too()
    {
        Assert.True(Read(("tool", "\"changed\"")).IsQuarantined);
        Assert.True(Read(("prompt", "\"changed\"")).IsQuarantined);
        Assert.False(Read(("tool", "\"refund\"")).IsQuarantined);
        Assert.False(Read(("tool", "\"unheard_of\"")).IsQuarantined);
    }

    private static Operation Read(params (string Key, string Json)[] ask) => McpVocabulary.Instance.ReadAsk(
        Shop, ask.ToDictionary(pair => pair.Key, pair => JsonDocument.Parse(pair.Json).RootElement), new Known(), DateTimeOffset.UnixEpoch);

    private sealed class Known : IDefinitionCatalogue
    {
        public bool Knows(string connection) => true;

        public Definition? Find(string connection, string fact, string name) => name == "refund" ? new Definition(name, new Digest(new byte[32]), default) : null;

        public bool IsQuarantined(string connection, string fact, string name) => name == "changed";

        public IEnumerable<string> Names(string connection, string fact) => ["refund"];
    }
}
