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
    public void Reading_goes_on_with_what_stands_around_the_place()
    {
        var document = """{"a":[1,{"b":[2]}],"c":{"d":3},"e":[4,5,6],"f":7}"""u8;
        Assert.Equal("StartObject0 PropertyName1 StartArray1 Number2 EndArray1 EndObject0 ", Read(document, document.IndexOf((byte)'5')));
        Assert.Equal("StartObject0 PropertyName1 Number1 EndObject0 ", Read(document, document.IndexOf((byte)'7')));
        Assert.Equal("StartObject0 EndObject0 ", Read(document, document.Length));
        Assert.Equal("StartObject0 PropertyName1 StartObject1 PropertyName2 Number2 EndObject1 EndObject0 ", Read(document, document.IndexOf((byte)'3')));

        static string Read(ReadOnlySpan<byte> document, int place)
        {
            var token = new JsonTokens(document);
            var seen = new StringBuilder();
            while (token.Read())
            {
                seen.Append(token.Kind).Append(token.Depth).Append(' ');
                if (token.Container > 0) token.GoTowards(token.Place <= place ? place : document.Length);
            }
            return seen.ToString();
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void What_is_left_out_ends_at_the_last_comma_of_the_container_or_at_its_end(int seed)
    {
        var samples = new JsonSamples(seed);
        for (var round = 0; round < 300; round++)
        {
            var document = Encoding.UTF8.GetBytes(samples.Document(depth: 6));
            var reader = new Utf8JsonReader(document);
            while (reader.Read())
            {
                if (reader.TokenType is not (JsonTokenType.StartArray or JsonTokenType.StartObject)) continue;
                var from = (int)reader.BytesConsumed;
                var before = from + samples.Next(document.Length - from + 1);
                Assert.Equal(Slowly(document, from, before), JsonBrackets.LastBetween(document, from, before));
            }
        }
    }

    private static int Slowly(byte[] document, int from, int before)
    {
        var (depth, last, isText) = (0, -1, false);
        for (var at = from; at < before; at++)
        {
            var current = (char)document[at];
            if (isText && current == '\\') at++;
            else if (current == '"') isText = !isText;
            else if (isText) continue;
            else if (current is '[' or '{') depth++;
            else if (current is ']' or '}' && --depth < 0) return at;
            else if (current == ',' && depth == 0) last = at;
        }
        return last;
    }
}
