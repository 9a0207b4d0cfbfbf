using System.Buffers;
using System.Text;
using System.Text.Json;
using Postern.Core.Json;

namespace Postern.Tests.Json;

public sealed class CanonicalJsonTests
{
    [Theory]
    [Row("N07")]
    [InlineData(" { \"b\" : 1 , \"a\" : [ ] } ", """{"a":[],"b":1}""")]
    [InlineData("""{"\u0062":"\u0041\/\u00e9\uD83D\uDE00"}""", """{"b":"A/é😀"}""")]
    [InlineData("\"\\u0008\\u0009\\u000a\\u000C\\u000d\\u0022\\u005c\\u001F\\u007f\"", "\"\\b\\t\\n\\f\\r\\\"\\\\\\u001f\u007f\"")]
    [InlineData("""{"z":{"b":{},"a":[{"d":1,"c":2}]},"y":null}""", """{"y":null,"z":{"a":[{"c":2,"d":1}],"b":{}}}""")]
    [InlineData("""{"10":1,"1":2,"":3,"9":4}""", """{"":3,"1":2,"10":1,"9":4}""")]
    [InlineData("""{"\"":1,"!":2,"#":3}""", """{"!":2,"\"":1,"#":3}""")]
    [InlineData("\"\\u2028<>&'\"", "\"\u2028<>&'\"")]
    [InlineData("-0", "-0")]
    [InlineData("[1E5,1.0,1,9007199254740993,1e400]", "[1E5,1.0,1,9007199254740993,1e400]")]
    public void A_document_has_one_form(string document, string form) => Assert.Equal(form, Form(document));

    [Fact]
    [Row("N07")]
    public void Names_are_ordered_by_utf16_code_units()
    {
        // U+FFEE comes after U+1F600 in UTF-16, whose first unit is D83D, but before it in UTF-8.
        Assert.Equal("{\"é\":0,\"\U0001f600\":2,\"\uffee\":1}", Form("{\"\uffee\":1,\"\U0001f600\":2,\"é\":0}"));
        Assert.Equal("{\"\ud7ff\":3,\"\U0001f600\":2,\"\ue000\":1}", Form("{\"\\ue000\":1,\"\\ud83d\\ude00\":2,\"\ud7ff\":3}"));
    }

    [Fact]
    [Row("N04")]
    public void Numbers_that_any_reader_could_tell_apart_have_different_digests()
    {
        string[] numbers = ["1", "1.0", "1e0", "1E0", "-0", "0", "9007199254740992", "9007199254740993", "1e400", "1e401", new('1', 400), new string('1', 399) + "2"];

        Assert.Equal(numbers.Length, numbers.Select(number => CanonicalJson.DigestOf(Encoding.UTF8.GetBytes(number))).Distinct().Count());
    }

    [Fact]
    [Row("N07")]
    public void Spellings_of_one_document_have_one_form_and_the_form_is_its_own_form()
    {
        for (var seed = 0; seed < 5_000; seed++)
        {
            var document = new JsonSamples(seed).Document();
            var respelt = Respell(document, seed);

            var form = Form(document);

            Assert.Equal(form, Form(respelt));
            Assert.Equal(form, Form(form));
            Assert.True(JsonElement.DeepEquals(JsonDocument.Parse(document).RootElement, JsonDocument.Parse(form).RootElement));
        }
    }

    [Fact]
    [Row("N08")]
    public void Documents_with_one_digest_mean_the_same()
    {
        var byDigest = new Dictionary<string, JsonElement>(StringComparer.Ordinal);
        var met = 0;
        for (var seed = 0; seed < 20_000; seed++)
        {
            // Shallow, so that equal documents do meet.
            var document = new JsonSamples(seed).Document(depth: 1);
            var element = JsonDocument.Parse(document).RootElement;
            var digest = CanonicalJson.DigestOf(Encoding.UTF8.GetBytes(document)).ToString();
            if (byDigest.TryGetValue(digest, out var other))
            {
                met++;
                Assert.True(JsonElement.DeepEquals(element, other), document);
            }
            else
            {
                byDigest.Add(digest, element);
            }
        }
        Assert.InRange(met, 100, 19_900);
    }

    [Fact]
    [Row("N08")]
    public void Any_change_of_a_value_changes_the_digest()
    {
        var original = CanonicalJson.DigestOf("""{"order":9,"to":"alice","lines":[{"sku":"a","n":1}]}"""u8);
        string[] changed =
        [
            """{"order":"9","to":"alice","lines":[{"sku":"a","n":1}]}""",
            """{"order":9,"to":"alice ","lines":[{"sku":"a","n":1}]}""",
            """{"order":9,"to":"alice","lines":[{"sku":"a","n":1},{}]}""",
            """{"order":9,"to":"alice","lines":{"sku":"a","n":1}}""",
            """{"order":9,"to":"alice","lines":[{"sku":"a","n":1}],"x":null}""",
            """{"order":9,"To":"alice","lines":[{"sku":"a","n":1}]}""",
            """{"order":9,"to":"аlice","lines":[{"sku":"a","n":1}]}""",
            """{"order":9,"to":"alice\u200b","lines":[{"sku":"a","n":1}]}""",
        ];

        Assert.All(changed, document => Assert.NotEqual(original, CanonicalJson.DigestOf(Encoding.UTF8.GetBytes(document))));
    }

    [Fact]
    public void What_is_not_strict_has_no_form()
    {
        Assert.Throws<ArgumentException>(() => Form("""{"a":1,"a":2}"""));
        Assert.Throws<ArgumentException>(() => Form(""));
    }

    private static string Form(string document)
    {
        var output = new ArrayBufferWriter<byte>();
        CanonicalJson.Write(Encoding.UTF8.GetBytes(document), output);
        return Encoding.UTF8.GetString(output.WrittenSpan);
    }

    /// <summary>The same document with members in another order, other escapes and other white space.</summary>
    private static string Respell(string document, int seed)
    {
        var samples = new JsonSamples(seed + 1);
        var text = new StringBuilder();
        Write(JsonDocument.Parse(document).RootElement);
        return text.ToString();

        void Write(JsonElement element)
        {
            switch (element.ValueKind)
            {
                case JsonValueKind.Object:
                    text.Append("{ ");
                    foreach (var (member, index) in element.EnumerateObject().OrderBy(_ => samples.Next(1000)).Select((member, index) => (member, index)))
                    {
                        if (index > 0) text.Append("\n, ");
                        samples.Text(text, member.Name);
                        text.Append(" :");
                        Write(member.Value);
                    }
                    text.Append('}');
                    break;
                case JsonValueKind.Array:
                    text.Append('[');
                    foreach (var (item, index) in element.EnumerateArray().Select((item, index) => (item, index)))
                    {
                        if (index > 0) text.Append(" ,\t");
                        Write(item);
                    }
                    text.Append(" ]");
                    break;
                case JsonValueKind.String:
                    samples.Text(text, element.GetString()!);
                    break;
                default:
                    text.Append(element.GetRawText());
                    break;
            }
        }
    }
}
