using System.Text;
using System.Text.Json;
using Postern.Core.Json;

namespace Postern.Tests.Json;

/// <summary>Skipping an array or object ends where reading through it ends.</summary>
public sealed class JsonBracketsTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Skipping_ends_where_the_platform_reads_the_closing_bracket(int seed)
    {
        var samples = new JsonSamples(seed);
        for (var round = 0; round < 400; round++)
        {
            var document = Encoding.UTF8.GetBytes(samples.Document(depth: 6));
            var reader = new Utf8JsonReader(document);
            while (reader.Read())
            {
                if (reader.TokenType is not (JsonTokenType.StartArray or JsonTokenType.StartObject)) continue;
                var start = (int)reader.TokenStartIndex;
                var through = reader;
                through.Skip();
                var end = (int)through.BytesConsumed;
                Assert.Equal(end, JsonBrackets.EndOf(document, start + 1));
                Assert.Equal(-1, JsonBrackets.EndOf(document.AsSpan(0, end - 1), start + 1));
            }
        }
    }

    [Fact]
    public void Quotes_brackets_and_backslashes_in_texts_are_no_structure_wherever_they_fall()
    {
        foreach (var inside in new[] { "]", "}", "\\\"]", "\\\\", "\\\\\\\"]", "[", "{\\\"", "\\\\\\\\" })
        {
            for (var before = 0; before < 70; before++)
            {
                var document = Encoding.ASCII.GetBytes($"[\"{new string('x', before)}{inside}\",[{{}}],\"{inside}\"]  ");
                Assert.Equal(document.Length - 2, JsonBrackets.EndOf(document, 1));
            }
        }
    }

    [Fact]
    public void Reading_goes_on_behind_what_was_skipped()
    {
        var document = "{\"a\":[1,{\"b\":[2]}],\"c\":{\"d\":3},\"e\":4}"u8;
        var token = new JsonTokens(document);
        var seen = new StringBuilder();
        while (token.Read())
        {
            seen.Append(token.Kind).Append(token.Depth).Append(' ');
            if (token.Kind is JsonTokenType.StartArray or JsonTokenType.StartObject) seen.Append(token.TrySkip(document.Length - 7) ? "skipped " : "kept ");
        }
        Assert.Equal("StartObject0 kept PropertyName1 StartArray1 skipped PropertyName1 StartObject1 skipped PropertyName1 Number1 EndObject0 ", seen.ToString());
    }
}
