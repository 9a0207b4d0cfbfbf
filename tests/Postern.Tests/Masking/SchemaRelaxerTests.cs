using System.Buffers;
using System.Text;
using System.Text.Json;
using Postern.Core.Masking;
using static Postern.Tests.Masking.MaskTest;

namespace Postern.Tests.Masking;

public sealed class SchemaRelaxerTests
{
    [Theory]
    [InlineData("$.email", """{"type":"object","properties":{"email":{"type":"string"},"name":{"type":"string","minLength":1}}}""")]
    [InlineData("$.name", """{"type":"object","properties":{"email":{"type":"string","format":"email","pattern":"@"},"name":{"type":"string"}}}""")]
    [InlineData("$", """{"type":"object","properties":{"email":{"type":"string"},"name":{"type":"string"}}}""")]
    [InlineData("$.other", """{"type":"object","properties":{"email":{"type":"string","format":"email","pattern":"@"},"name":{"type":"string","minLength":1}}}""")]
    public void Only_what_a_path_masks_is_relaxed(string path, string expected) =>
        Assert.Equal(expected, Relax(Fields(MaskKind.Redact, path), """{"type":"object","properties":{"email":{"type":"string","format":"email","pattern":"@"},"name":{"type":"string","minLength":1}}}"""));

    [Fact]
    public void Untouched_bytes_stay_as_they_are() =>
        Assert.Equal(
            " {\n  \"properties\" : { \"email\" : { \"type\": \"string\"} },\t\"x\\u0041\": [1.0] }\n",
            Relax(Fields(MaskKind.Redact, "$.email"), " {\n  \"properties\" : { \"email\" : { \"format\":\"email\", \"type\": \"string\" , \"maxLength\": 3} },\t\"x\\u0041\": [1.0] }\n"));

    [Theory]
    [InlineData("""{"pattern":"a"}""", "{}")]
    [InlineData("""{"pattern":"a","format":"b"}""", "{}")]
    [InlineData("""{"pattern":"a","type":"string","format":"b"}""", """{"type":"string"}""")]
    [InlineData("""{"type":"string","pattern":"a","format":"b","title":"t","minLength":1}""", """{"type":"string","title":"t"}""")]
    [InlineData("""{"minimum":1,"maximum":2,"multipleOf":2,"exclusiveMinimum":0,"exclusiveMaximum":9}""", """{"multipleOf":2}""")]
    [InlineData("""{"enum":["a","b"],"default":{"pattern":"x"},"examples":[{"enum":[1]}]}""", """{"default":{"pattern":"x"},"examples":[{"enum":[1]}]}""")]
    [InlineData("""{"type":"array","items":{"const":1},"uniqueItems":true,"contains":{"const":2},"maxContains":1,"minItems":1}""", """{"type":"array","items":{},"contains":{},"minItems":1}""")]
    [InlineData("""{"oneOf":[{"const":1},{"const":2}],"title":"x"}""", """{"anyOf":[{},{}],"title":"x"}""")]
    [InlineData("""{"title":"x","oneOf":[{"const":1}],"anyOf":[{}]}""", """{"title":"x","anyOf":[{}]}""")]
    [InlineData("""{"oneOf":[{"type":"string"},{"type":"null"}]}""", """{"oneOf":[{"type":"string"},{"type":"null"}]}""")]
    [InlineData("""{"not":{"const":"x"},"if":{"pattern":"a"},"then":{"minLength":3},"else":{}}""", """{"then":{},"else":{}}""")]
    [InlineData("""{"one\u004ff":[{"const":1}]}""", "{}")]
    [InlineData("true", "true")]
    public void What_a_masked_value_could_fail_goes(string schema, string expected) => Assert.Equal(expected, Relax(Fields(MaskKind.Redact, "$"), schema));

    [Fact]
    public void Paths_are_followed_through_items_branches_and_unnamed_members()
    {
        var masker = Fields(MaskKind.Redact, "$.rows[*].email");

        Assert.Equal(
            """{"properties":{"rows":{"items":{"allOf":[{"properties":{"email":{},"id":{"pattern":"b"}}}]},"prefixItems":[{"additionalProperties":{}}]}}}""",
            Relax(masker, """{"properties":{"rows":{"items":{"allOf":[{"properties":{"email":{"pattern":"a"},"id":{"pattern":"b"}}}]},"prefixItems":[{"additionalProperties":{"pattern":"c"}}]}}}"""));
        Assert.Equal("""{"patternProperties":{"^r":{"items":{"patternProperties":{"e":{}}}}}}""", Relax(masker, """{"patternProperties":{"^r":{"items":{"patternProperties":{"e":{"pattern":"a"}}}}}}"""));
        // A list of whole rows says what a masked row is no longer.
        Assert.Equal("""{"properties":{"rows":{"items":{}}}}""", Relax(masker, """{"properties":{"rows":{"items":{"enum":[{"email":"a"}]}}}}"""));
    }

    [Fact]
    public void What_is_reached_by_reference_is_relaxed_wherever_it_might_be_used()
    {
        var masker = Fields(MaskKind.Redact, "$.who.email");

        Assert.Equal(
            """{"properties":{"who":{"$ref":"#/$defs/p"},"id":{"pattern":"a"}},"$defs":{"p":{"properties":{"email":{"type":"string"}}}}}""",
            Relax(masker, """{"properties":{"who":{"$ref":"#/$defs/p"},"id":{"pattern":"a"}},"$defs":{"p":{"properties":{"email":{"type":"string","format":"email"}}}}}"""));
        Assert.Equal(
            """{"properties":{"who":{"$ref":"#/properties/boss"},"boss":{"properties":{"email":{}}}}}""",
            Relax(masker, """{"properties":{"who":{"$ref":"#/properties/boss"},"boss":{"properties":{"email":{"format":"email"}}}}}"""));
    }

    [Fact]
    public void Detectors_relax_every_string_but_keep_lists_without_anything_to_detect()
    {
        Assert.Equal(
            """{"properties":{"a":{},"b":{"enum":["open","closed"]},"c":{},"n":{}},"propertyNames":{},"patternProperties":{"@":{}}}""",
            Relax(AllValues(), """{"properties":{"a":{"pattern":"x"},"b":{"enum":["open","closed"]},"c":{"const":"bob@example.com"},"n":{"minimum":5}},"propertyNames":{"pattern":"@"},"patternProperties":{"@":{"format":"x"}},"additionalProperties":false}"""));
        Assert.Equal("""{"minimum":5,"additionalProperties":false}""", Relax(Values(MaskKind.Redact, Detectors.Email), """{"minimum":5,"additionalProperties":false}"""));
    }

    [Fact]
    public void Without_masks_and_without_anything_to_relax_nothing_changes()
    {
        const string Schema = """ {"properties":{"email":{"format":"email"}}} """;

        Assert.Equal(Schema, Relax(Masker.None, Schema));
        Assert.Equal(Schema, Relax(Fields(MaskKind.Redact, "$.other"), Schema));
        Assert.Throws<MaskingException>(() => Relax(AllValues(), "{"));
    }

    [Fact]
    public void A_relaxed_schema_is_json_whatever_the_schema()
    {
        string[] keywords = ["pattern", "enum", "oneOf", "not", "type", "minimum"];
        for (var seed = 0; seed < 2_000; seed++)
        {
            var random = new Random(seed);
            var members = keywords.Where(_ => random.Next(2) == 0).OrderBy(_ => random.Next())
                .Select(name => $"\"{name}\":" + (name is "oneOf" ? "[{\"const\":1},{}]" : name is "not" ? "{\"pattern\":\"a\"}" : "1"));
            var schema = "{" + string.Join(random.Next(2) == 0 ? "," : " ,\n", members) + "}";

            using var relaxed = JsonDocument.Parse(Relax(Fields(MaskKind.Redact, "$"), schema));

            Assert.DoesNotContain(relaxed.RootElement.EnumerateObject(), member => member.Name is not ("anyOf" or "type"));
        }
    }

    private static string Relax(Masker masker, string schema)
    {
        var output = new ArrayBufferWriter<byte>();
        SchemaRelaxer.Relax(Encoding.UTF8.GetBytes(schema), masker, output);
        return Encoding.UTF8.GetString(output.WrittenSpan);
    }
}
