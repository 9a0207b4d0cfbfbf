using Postern.Core.Masking;
using static Postern.Tests.Masking.MaskTest;

namespace Postern.Tests.Masking;

[Guarantee("G11")]
[Row("M02")]
public sealed class EmbeddedDocumentTests
{
    private static readonly FrameShape s_shape = Shape([["structured"], ["content", "[*]", "text"]], [["id"]]);

    [Fact]
    public void A_document_inside_a_string_at_a_root_is_masked_like_the_document_beside_it() =>
        Assert.Equal(
            """{"id":1,"structured":{"email":"[masked:m]","n":1},"content":[{"text":"{\"email\":\"[masked:m]\",\"n\":1}"}]}""",
            Fields(MaskKind.Redact, "$.email").Apply("""{"id":1,"structured":{"email":"a","n":1},"content":[{"text":"{\"email\":\"a\",\"n\":1}"}]}""", s_shape));

    [Theory]
    [InlineData("""[{\"email\":\"a\"}]""", """[{\"email\":\"[masked:m]\"}]""")]
    [InlineData("""\n  {\u0022em\\u0061il\":\"a\"}""", """\n  {\"em\\u0061il\":\"[masked:m]\"}""")]
    [InlineData("""{\"a\":{\"email\":\"x\\\"y\\n\"}}""", """{\"a\":{\"email\":\"[masked:m]\"}}""")]
    [InlineData("""{\"email\":\"a\"}\n{\"email\":\"b\"}\n""", """{\"email\":\"[masked:m]\"}\n{\"email\":\"[masked:m]\"}\n""")]
    [InlineData("""\ufeff{\"email\":\"a\"}""", "\ufeff" + """{\"email\":\"[masked:m]\"}""")]
    public void However_the_document_is_spelt(string text, string expected) =>
        Assert.Equal(Frame(expected), Fields(MaskKind.Redact, "$..email").Apply(Frame(text), s_shape));

    [Theory]
    [InlineData("plain text")]
    [InlineData("[1] a footnote")]
    [InlineData("{name} is a template")]
    [InlineData("""{\"other\" : \"stays \\u0061s it is\"}""")]
    [InlineData("""\u0041 text \/ with escapes""")]
    [InlineData("")]
    public void Text_without_a_masked_field_stays_as_it_is(string text) =>
        Assert.Equal(Frame(text), Fields(MaskKind.Redact, "$..email").Apply(Frame(text), s_shape));

    [Theory]
    [InlineData("{\\\"email\\\":\\\"a\\\"")]
    [InlineData("""{\"email\":\"a\"} and more""")]
    [InlineData("""[{\"email\":\"a\"},]""")]
    [InlineData("""{\"email\":\"\\ud800\"}""")]
    public void Text_that_begins_as_a_document_but_is_none_is_blocked(string text) =>
        Assert.Throws<MaskingException>(() => Fields(MaskKind.Redact, "$..email").Apply(Frame(text), s_shape));

    [Fact]
    public void A_document_deeper_than_any_reader_goes_is_blocked() =>
        Assert.Throws<MaskingException>(() => Fields(MaskKind.Redact, "$..email").Apply(Frame(new string('[', 64) + """{\"email\":\"a\"}""" + new string(']', 64)), s_shape));

    [Theory]
    [InlineData("{\\\"other\\\":\\\"a\\\"")]
    [InlineData("""[{\"other\":\"a\"},]""")]
    [InlineData("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[")]
    public void Text_that_is_no_document_and_names_no_masked_field_stays_as_it_is(string text) =>
        Assert.Equal(Frame(text), Fields(MaskKind.Redact, "$..email").Apply(Frame(text), s_shape));

    [Theory]
    [InlineData("{\\\"em\\\\u0061il\\\":\\\"a\\\"")]
    [InlineData("{\\\"\\u0065mail\\\":\\\"a\\\"")]
    public void A_name_spelt_by_numbers_counts_as_a_name_in_what_is_no_document(string text) =>
        Assert.Throws<MaskingException>(() => Fields(MaskKind.Redact, "$..email").Apply(Frame(text), s_shape));

    [Fact]
    public void Without_paths_such_text_is_searched_as_text() =>
        Assert.Equal(Frame("""{\"x\":\"[masked:m]\" and more"""), AllValues().Apply(Frame("""{\"x\":\"bob@example.com\" and more"""), s_shape));

    [Fact]
    public void Detectors_see_through_the_escapes_of_the_inner_document_and_keep_it_a_document() =>
        Assert.Equal(
            Frame("""{\"a\":\"[masked:m]\",\"card\":0}"""),
            AllValues().Apply(Frame("""{\"a\":\"bob\\u0040example.com\",\"card\":4111111111111111}"""), s_shape));

    [Fact]
    public void A_masked_root_is_masked_whole() =>
        Assert.Equal(Frame("[masked:m]"), Fields(MaskKind.Redact, "$").Apply(Frame("""{\"email\":\"a\"}"""), s_shape));

    [Fact]
    public void A_string_that_is_the_whole_frame_is_a_root() =>
        Assert.Equal("""  "{\"email\":\"[masked:m]\"}"  """, Fields(MaskKind.Redact, "$.email").Apply("""  "{\"email\":\"a\"}"  """));

    [Fact]
    public void Planted_copies_are_masked_wherever_they_stand()
    {
        const string Secret = "bob@example.com";
        var frame = """{"id":1,"structured":{"e":"SECRET"},"content":[{"text":"mail SECRET"},{"resource":{"text":"{\"e\":\"SECRET\"}"}}],"_meta":{"SECRET":1,"x":["SECRET"]},"error":{"data":{"why":"no SECRET"}}}"""
            .Replace("SECRET", Secret, StringComparison.Ordinal);

        var masked = AllValues().Apply(frame, s_shape, out var count);

        Assert.Equal(6, count);
        Assert.DoesNotContain("bob", masked, StringComparison.Ordinal);
        Assert.NotNull(System.Text.Json.JsonDocument.Parse(masked));
    }

    private static string Frame(string text) => $$"""{"id":1,"content":[{"type":"text","text":"{{text}}"}]}""";
}
