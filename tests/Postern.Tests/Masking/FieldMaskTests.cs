using System.Buffers;
using System.Text;
using Postern.Core.Masking;
using static Postern.Tests.Masking.MaskTest;

namespace Postern.Tests.Masking;

[Guarantee("G11")]
public sealed class FieldMaskTests
{
    [Theory]
    [InlineData("$.email", """{"email":"[masked:m]","x":{"email":"b"}}""")]
    [InlineData("$..email", """{"email":"[masked:m]","x":{"email":"[masked:m]"}}""")]
    [InlineData("$.x.email", """{"email":"a","x":{"email":"[masked:m]"}}""")]
    [InlineData("$.x", """{"email":"a","x":{"email":"[masked:m]"}}""")]
    [InlineData("$", """{"email":"[masked:m]","x":{"email":"[masked:m]"}}""")]
    [InlineData("$.other", """{"email":"a","x":{"email":"b"}}""")]
    [InlineData("$[*].email", """{"email":"a","x":{"email":"b"}}""")]
    public void A_path_leads_to_what_it_says(string path, string expected) =>
        Assert.Equal(expected, Fields(MaskKind.Redact, path).Apply("""{"email":"a","x":{"email":"b"}}"""));

    [Theory]
    [InlineData("$.rows[*].card", """{"rows":[{"card":"[masked:m]"},{"card":"[masked:m]"},["z"]]}""")]
    [InlineData("$..card", """{"rows":[{"card":"[masked:m]"},{"card":"[masked:m]"},["z"]]}""")]
    [InlineData("$.rows[*]", """{"rows":[{"card":"[masked:m]"},{"card":"[masked:m]"},["[masked:m]"]]}""")]
    [InlineData("$.rows[*][*]", """{"rows":[{"card":"x"},{"card":"y"},["[masked:m]"]]}""")]
    [InlineData("$.rows.card", """{"rows":[{"card":"x"},{"card":"y"},["z"]]}""")]
    [InlineData("$..rows[*]..card", """{"rows":[{"card":"[masked:m]"},{"card":"[masked:m]"},["z"]]}""")]
    public void Items_are_reached_by_their_step_only(string path, string expected) =>
        Assert.Equal(expected, Fields(MaskKind.Redact, path).Apply("""{"rows":[{"card":"x"},{"card":"y"},["z"]]}"""));

    [Fact]
    public void A_deep_path_goes_on_inside_what_it_passed() =>
        Assert.Equal(
            """{"a":{"x":{"a":{"b":"[masked:m]"}},"b":"[masked:m]"},"b":1}""",
            Fields(MaskKind.Redact, "$..a.b").Apply("""{"a":{"x":{"a":{"b":"1"}},"b":"2"},"b":1}"""));

    [Fact]
    public void Types_are_kept() =>
        Assert.Equal(
            """{"x":{"s":"[masked:m]","n":0,"t":false,"f":false,"z":null,"o":{},"a":[],"e":"[masked:m]"},"n":1.50}""",
            Fields(MaskKind.Redact, "$.x").Apply("""{"x":{"s":"v","n":-1.5e3,"t":true,"f":false,"z":null,"o":{},"a":[],"e":""},"n":1.50}"""));

    [Fact]
    public void Every_replaced_value_is_counted()
    {
        Fields(MaskKind.Redact, "$..x").Apply("""{"x":[1,"a",true,null,{"y":2}],"z":3}""", null, out var count);

        Assert.Equal(4, count);
    }

    [Fact]
    [Row("N01")]
    public void However_a_name_is_spelt_and_however_often_it_stands_its_value_is_masked() =>
        Assert.Equal(
            """{"\u0065mail":"[masked:m]","e\u006dail":"[masked:m]","email":"[masked:m]"}""",
            Fields(MaskKind.Redact, "$.email").Apply("""{"\u0065mail":"a","e\u006dail":"b","email":"c"}"""));

    [Fact]
    public void Untouched_bytes_stay_as_they_are() =>
        Assert.Equal(
            " { \"a\\u0020b\" : 1.0e5 ,\n\t\"email\" :  \"[masked:m]\" , \"c\":[ 1 , \"\\/é\" ] }\r\n",
            Fields(MaskKind.Redact, "$.email").Apply(" { \"a\\u0020b\" : 1.0e5 ,\n\t\"email\" :  \"x\\ny\" , \"c\":[ 1 , \"\\/é\" ] }\r\n"));

    [Theory]
    [Row("M14")]
    [InlineData("", "[masked:m]")]
    [InlineData("a", "[masked:m]")]
    [InlineData("1234567", "[masked:m]")]
    [InlineData("12345678", "****78")]
    [InlineData("123456789012", "****012")]
    [InlineData("1234567890123456", "****3456")]
    [InlineData("a very long value indeed, of many characters", "****ters")]
    [InlineData("äöüäöüäé", "****äé")]
    [InlineData("😀😀😀😀😀😀😀😁", "****😀😁")]
    public void Partial_keeps_at_most_a_quarter_and_at_most_four(string value, string expected) =>
        Assert.Equal($"\"{expected}\"", Fields(MaskKind.Partial, "$").Apply($"\"{value}\""));

    [Fact]
    [Row("M14")]
    public void Partial_says_no_length_and_escapes_what_it_keeps() =>
        Assert.Equal("\"****ab\\\"\\n\"", Fields(MaskKind.Partial, "$").Apply("\"" + new string('x', 40) + "a\\u0062\\u0022\\u000a\""));

    [Fact]
    [Row("M14")]
    public void A_hash_is_keyed_sixteen_digits_long_and_equal_for_equal_values()
    {
        var masker = Fields(MaskKind.Hash, "$[*]");
        var other = Masker.Compile([Rule("m", MaskKind.Hash, ["$[*]"], [])], [.. Key.Reverse()]);

        var hashes = masker.Apply("""["bob","b\u006fb","Bob",7,true,null]""");

        var items = System.Text.Json.JsonDocument.Parse(hashes).RootElement.EnumerateArray().Select(item => item.ToString()).ToArray();
        Assert.Matches("^\\[hash:[0-9a-f]{16}\\]$", items[0]);
        Assert.Equal(items[0], items[1]);
        Assert.NotEqual(items[0], items[2]);
        Assert.Equal(["0", "False", ""], items[3..]);
        Assert.NotEqual(hashes, other.Apply("""["bob","b\u006fb","Bob",7,true,null]"""));
    }

    [Fact]
    [Row("M14")]
    public void A_short_hash_key_is_refused() =>
        Assert.Throws<ArgumentException>(() => Masker.Compile([Rule("m", MaskKind.Hash, ["$"], [])], Key.AsSpan(0, 31)));

    [Fact]
    public void The_strongest_mask_wins_in_any_order()
    {
        var redact = Rule("r", MaskKind.Redact, ["$.a"], []);
        var hash = Rule("h", MaskKind.Hash, ["$.a", "$.b"], []);
        var partial = Rule("p", MaskKind.Partial, ["$"], []);
        var first = Masker.Compile([redact, hash, partial], Key);
        var second = Masker.Compile([partial, redact, hash], Key);
        const string Document = """{"a":"0123456789","b":"0123456789","c":"0123456789"}""";

        Assert.Equal(first.Apply(Document), second.Apply(Document));
        Assert.StartsWith("""{"a":"[masked:r]","b":"[hash:""", first.Apply(Document), StringComparison.Ordinal);
        Assert.EndsWith("\"c\":\"****89\"}", first.Apply(Document), StringComparison.Ordinal);
    }

    [Fact]
    public void A_stronger_detector_takes_a_partly_masked_field_whole() =>
        Assert.Equal(
            """{"note":"[masked:d]"}""",
            Masker.Compile([Rule("p", MaskKind.Partial, ["$.note"], []), Rule("d", MaskKind.Redact, [], [Detectors.Email])], Key)
                .Apply("""{"note":"write to bob@example.com"}"""));

    [Fact]
    [Row("M15")]
    public void What_looks_masked_already_is_masked_all_the_same()
    {
        Assert.Equal("\"[masked:m]\"", Fields(MaskKind.Redact, "$").Apply("\"[masked:other] 4111\""));
        Assert.Equal("\"[masked:[masked:m]]\"", AllValues().Apply("\"[masked:bob@example.com]\""));
        Assert.NotEqual("\"[hash:0123456789abcdef]\"", Fields(MaskKind.Hash, "$").Apply("\"[hash:0123456789abcdef]\""));
    }

    [Fact]
    public void Paths_start_at_each_root_and_never_touch_structure()
    {
        var shape = Shape([["result", "data"], ["result", "items", "[*]", "body"]], [["id"], ["result", "kind"]]);
        const string Frame = """{"id":"i","email":"out","result":{"kind":{"email":"k"},"data":{"email":"a","x":{"email":"b"}},"items":[{"body":{"email":"c"},"email":"d"}]}}""";

        Assert.Equal(
            """{"id":"i","email":"out","result":{"kind":{"email":"k"},"data":{"email":"[masked:m]","x":{"email":"b"}},"items":[{"body":{"email":"[masked:m]"},"email":"d"}]}}""",
            Fields(MaskKind.Redact, "$.email").Apply(Frame, shape));
        Assert.Equal(
            """{"id":"i","email":"out","result":{"kind":{"email":"k"},"data":{"email":"[masked:m]","x":{"email":"[masked:m]"}},"items":[{"body":{"email":"[masked:m]"},"email":"d"}]}}""",
            Fields(MaskKind.Redact, "$").Apply(Frame, shape));
    }

    [Fact]
    public void Structure_inside_a_root_stays_and_detectors_leave_it_alone()
    {
        var shape = Shape([], [["a", "id"]]);

        Assert.Equal("""{"a":{"id":["bob@example.com"],"b":"[masked:m]"}}""", Fields(MaskKind.Redact, "$").Apply("""{"a":{"id":["bob@example.com"],"b":"c"}}""", shape));
        Assert.Equal("""{"a":{"id":["bob@example.com"],"b":"[masked:m]"}}""", AllValues().Apply("""{"a":{"id":["bob@example.com"],"b":"bob@example.com"}}""", shape));
    }

    [Theory]
    [Row("N06"), Row("N05")]
    [InlineData("")]
    [InlineData("{\"a\":1")]
    [InlineData("{'a':1}")]
    [InlineData("{} {}")]
    [InlineData("{\"email\":\"\\ud800\"}")]
    [InlineData("{\"\\udc00\":1}")]
    [InlineData("\ufeff{}")]
    public void What_cannot_be_read_is_blocked_and_nothing_of_it_is_written(string content)
    {
        var output = new ArrayBufferWriter<byte>();

        var blocked = Assert.Throws<MaskingException>(() => Fields(MaskKind.Redact, "$..email").Apply(Encoding.UTF8.GetBytes(content), FrameShape.Json, output));

        Assert.Equal(0, output.WrittenCount);
        Assert.Null(blocked.InnerException);
    }

    [Fact]
    [Row("N03"), Row("N05")]
    public void Depth_and_bad_utf8_are_blocked_too()
    {
        Assert.Throws<MaskingException>(() => Fields(MaskKind.Redact, "$..email").Apply(new string('[', 65) + new string(']', 65)));
        Assert.Throws<MaskingException>(() => Fields(MaskKind.Redact, "$..email").Apply([(byte)'"', 0xff, (byte)'"'], FrameShape.Json, new ArrayBufferWriter<byte>()));
        Assert.Throws<MaskingException>(() => AllValues().Apply([0xff], FrameShape.Text, new ArrayBufferWriter<byte>()));
    }

    [Fact]
    public void No_mask_copies_whatever_comes()
    {
        var output = new ArrayBufferWriter<byte>();

        Assert.Equal(0, Masker.None.Apply([0xff, (byte)'{'], FrameShape.Json, output));
        Assert.Equal([0xff, (byte)'{'], output.WrittenSpan.ToArray());
        Assert.True(Masker.None.IsEmpty);
        Assert.True(Masker.Compile([], Key).IsEmpty);
        Assert.False(AllValues().IsEmpty);
    }

    [Fact]
    public void Text_has_one_value_which_the_root_path_covers()
    {
        Assert.Equal("[masked:m]", Fields(MaskKind.Redact, "$").Apply("{\"email\": plain text", FrameShape.Text));
        Assert.Equal("{\"email\": plain text", Fields(MaskKind.Redact, "$..email").Apply("{\"email\": plain text", FrameShape.Text));
    }

    [Fact]
    public void Many_paths_are_followed_at_once()
    {
        var paths = Enumerable.Range(0, 300).Select(i => $"$..n{i}[*].x{i}").ToArray();
        var masker = Fields(MaskKind.Redact, paths);
        var document = "[" + string.Join(',', Enumerable.Range(0, 300).Select(i => $$"""{"n{{i}}":[{"x{{i}}":"s","x{{i + 1}}":"s"}]}""")) + "]";

        masker.Apply(document, null, out var count);

        Assert.Equal(300, count);
    }
}
