using System.Text;
using System.Text.Json;
using Postern.Core.Json;

namespace Postern.Tests.Json;

/// <summary>Our reader of tokens says what the platform's says, of documents and of what is none.</summary>
public sealed class JsonTokensTests
{
    [Theory]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData(" [ { } , [ ] , \"\" , 0 , -0.5e+10 , true , false , null ] ")]
    [InlineData("{\"a\" : {\"b\":[1,{\"c\":\"\\u0041\\n\"}]}, \"a\":\"twice\", \"long text that fills more than one register of the processor\":\"and \\\"another\\\" one of the same length\"}")]
    [InlineData("\"text\"")]
    [InlineData("12")]
    [InlineData("\"\\ud800\"")]
    [InlineData("{\"\":{\"\":{\"\":[[[[]]]]}}}")]
    [Row("N06")]
    public void Documents_and_every_change_of_one_byte_in_them_read_as_the_platform_reads_them(string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        Same(bytes, areMany: false);
        Same(bytes, areMany: true);
        foreach (var other in "{}[]\",:\\ 0-.eEtu\n\u0001x")
        {
            for (var at = 0; at < bytes.Length; at++)
            {
                var changed = bytes.ToArray();
                changed[at] = (byte)other;
                Same(changed, areMany: false);
                Same(changed, areMany: true);
            }
        }
        for (var length = 0; length < bytes.Length; length++) Same(bytes[..length], areMany: false);
    }

    [Theory]
    [InlineData("")]
    [InlineData(" \n")]
    [InlineData("{} {} []")]
    [InlineData("1 2 \"x\"")]
    [InlineData("{} x")]
    public void Documents_in_a_row_read_as_the_platform_reads_them(string text)
    {
        Same(Encoding.UTF8.GetBytes(text), areMany: true);
        Same(Encoding.UTF8.GetBytes(text), areMany: false);
    }

    [Theory]
    [InlineData(63)]
    [InlineData(64)]
    [InlineData(65)]
    [InlineData(200)]
    [Row("N03")]
    public void Nesting_ends_where_the_platform_ends_it(int depth)
    {
        Same(Encoding.ASCII.GetBytes(new string('[', depth) + new string(']', depth)), areMany: false);
        Same(Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat("{\"a\":", depth)) + "1" + new string('}', depth)), areMany: false);
    }

    private static void Same(byte[] bytes, bool areMany) =>
        Assert.Equal(Platform(bytes, areMany), Ours(bytes, areMany));

    private static string Ours(byte[] bytes, bool areMany)
    {
        var seen = new StringBuilder();
        try
        {
            var token = new JsonTokens(bytes, areMany);
            while (token.Read()) Note(seen, token.Kind, token.Depth, token.Start, token.Value, token.IsEscaped);
        }
        catch (JsonException)
        {
            return "not JSON";
        }
        return seen.ToString();
    }

    private static string Platform(byte[] bytes, bool areMany)
    {
        var seen = new StringBuilder();
        try
        {
            var reader = new Utf8JsonReader(bytes, new JsonReaderOptions { MaxDepth = StrictJson.DefaultMaxDepth, AllowMultipleValues = areMany });
            while (reader.Read()) Note(seen, reader.TokenType, reader.CurrentDepth, (int)reader.TokenStartIndex, reader.ValueSpan, reader.ValueIsEscaped);
        }
        catch (JsonException)
        {
            return "not JSON";
        }
        return seen.ToString();
    }

    private static void Note(StringBuilder seen, JsonTokenType kind, int depth, int start, ReadOnlySpan<byte> value, bool isEscaped)
    {
        var isText = kind is JsonTokenType.String or JsonTokenType.PropertyName;
        seen.Append(kind).Append(' ').Append(depth).Append(' ').Append(start).Append(' ').Append(Convert.ToHexString(value)).Append(isText && isEscaped ? " escaped\n" : "\n");
    }
}
