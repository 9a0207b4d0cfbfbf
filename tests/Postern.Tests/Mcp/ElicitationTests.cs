using System.Text;
using System.Text.Json;
using Postern.Protocols.Mcp;

namespace Postern.Tests.Mcp;

/// <summary>What a server may not ask a person for, whatever a rule permits.</summary>
[Row("P10")]
public sealed class ElicitationTests
{
    [Theory]
    [InlineData("""{"password":{"type":"string"}}""")]
    [InlineData("""{"userPassword":{"type":"string"}}""")]
    [InlineData("""{"p_a_s_s_w_o_r_d":{"type":"string"}}""")]
    [InlineData("""{"PASSWD":{"type":"string"}}""")]
    [InlineData("""{"ｐａｓｓｗｏｒｄ":{"type":"string"}}""")]
    [InlineData("""{"pass\u200bword":{"type":"string"}}""")]
    [InlineData("""{"passwörd":{"type":"string"}}""")]
    [InlineData("""{"a":{"type":"string","title":"API key"}}""")]
    [InlineData("""{"a":{"type":"string","description":"Your personal access token"}}""")]
    [InlineData("""{"a":{"type":"string","format":"password"}}""")]
    [InlineData("""{"apiKey":{"type":"string"}}""")]
    [InlineData("""{"client-secret":{}}""")]
    [InlineData("""{"card_number":{"type":"integer"}}""")]
    [InlineData("""{"a":{"type":"string","title":"Credit card"}}""")]
    [InlineData("""{"cvv":{"type":"string"}}""")]
    [InlineData("""{"a":{"type":"number","title":"One-time code"}}""")]
    [InlineData("""{"pin":{"type":"string"}}""")]
    [InlineData("""{"a":{"type":"string","description":"SSN, nine digits"}}""")]
    [InlineData("""{"kennwort":{"type":"string"}}""")]
    [InlineData("""{"contraseña":{"type":"string"}}""")]
    [InlineData("""{"a":{"type":"object","properties":{"password":{"type":"string"}}}}""")]
    [InlineData("""{"private key":{"type":"string"}}""")]
    [InlineData("""{"half\ud800":{"type":"string","title":"\udc00"}}""")]
    [InlineData("""{"password":{"type":"array","items":{"type":"string"}}}""")]
    [InlineData("""{"passwords":{"type":"array"}}""")]
    [InlineData("""{"password":{"type":"string","enum":[]}}""")]
    [InlineData("""{"password":{"type":"string","oneOf":[{}]}}""")]
    [InlineData("""{"a":{"$ref":"#/$defs/b"}}""")]
    [InlineData("""{"a":{"allOf":[{"title":"Password"}]}}""")]
    public void A_form_that_asks_for_a_secret_is_refused(string properties) => Assert.NotNull(Fault(properties));

    [Theory]
    [InlineData("Please enter your password to go on")]
    [InlineData("Type the API key of the shop")]
    [InlineData("Paste a fresh access token here")]
    public void A_question_for_a_secret_is_refused_whatever_its_field_is_called(string message) => Assert.NotNull(Fault("""{"value":{"type":"string"}}""", message));

    [Theory]
    [InlineData("""{"name":{"type":"string"},"email":{"type":"string","format":"email"}}""")]
    [InlineData("""{"maxTokens":{"type":"integer"}}""")]
    [InlineData("""{"reset_password":{"type":"boolean","title":"Reset the password?"}}""")]
    [InlineData("""{"secret_level":{"type":"string","enum":["public","secret"]}}""")]
    [InlineData("""{"cardinality":{"type":"integer"},"pinned":{"type":"string"},"discard":{"type":"string"},"shipping":{"type":"string"}}""")]
    [InlineData("""{"keyword":{"type":"string"},"monkey":{"type":"string"},"code":{"type":"string","title":"Postal code"}}""")]
    public void A_form_that_asks_for_anything_else_is_not(string properties) => Assert.Null(Fault(properties));

    [Theory]
    [InlineData("""{"level":{"type":"string","oneOf":[{"const":"secret","title":"Secret"},{"const":"public","title":"Public"}]}}""")]
    [InlineData("""{"secrets":{"type":"array","items":{"anyOf":[{"const":"a","title":"A"}]}}}""")]
    public void A_list_to_choose_from_carries_no_secret(string properties) => Assert.Null(Fault(properties));

    [Theory]
    [InlineData("""{"type":"object","allOf":[{"properties":{"password":{"type":"string"}}}]}""")]
    [InlineData("""{"$ref":"#/$defs/form","$defs":{"form":{"properties":{"password":{"type":"string"}}}}}""")]
    [InlineData("""{"type":"object","patternProperties":{"^p":{"type":"string"}}}""")]
    public void A_form_that_hides_its_fields_is_refused(string schema) => Assert.NotNull(FaultOf($$"""{"message":"m","requestedSchema":{{schema}} }"""));

    [Theory]
    [InlineData("https://sign-in.example/consent?for=shop", true)]
    [InlineData("HTTPS://sign-in.example", true)]
    [InlineData("http://127.0.0.1:8080/go", true)]
    [InlineData("http://localhost/go", true)]
    [InlineData("https://sign-in.example/?as=eve@example.com", true)]
    [InlineData("http://sign-in.example/", false)]
    [InlineData("https://bank.example@evil.example/", false)]
    [InlineData("https://bank.example\\\\@evil.example/", false)]
    [InlineData("https:/evil.example/", false)]
    [InlineData("https:evil.example", false)]
    [InlineData("https:///evil.example", false)]
    [InlineData("javascript:alert(1)", false)]
    [InlineData("file:///etc/passwd", false)]
    [InlineData("data:text/html,x", false)]
    [InlineData("vbscript://x", false)]
    [InlineData("/relative", false)]
    [InlineData("https://sign-in.example/\\u202egnp.exe", false)]
    [InlineData("https://sign-in.example/ a", false)]
    [InlineData("", false)]
    public void A_link_must_show_where_it_leads(string url, bool isShown) =>
        Assert.Equal(isShown, FaultOf($$"""{"mode":"url","message":"m","elicitationId":"e","url":"{{url}}"}""") is null);

    [Theory]
    [InlineData("""{"mode":"url","message":"m"}""")]
    [InlineData("""{"mode":"voice","message":"m"}""")]
    [InlineData("""{"mode":7}""")]
    [InlineData("7")]
    public void What_is_not_understood_is_refused(string parameters) => Assert.NotNull(FaultOf(parameters));

    [Fact]
    public void A_question_that_two_readers_could_read_differently_is_refused() =>
        Assert.NotNull(Elicitation.FaultOf("elicitation", """{"params":{"mode":"form","message":"m","requestedSchema":{},"requestedSchema":{"properties":{"password":{}}}}}"""u8.ToArray(), out _));

    private static string? Fault(string properties, string message = "Please fill this in.") =>
        FaultOf($$"""{"message":{{JsonSerializer.Serialize(message)}},"requestedSchema":{"type":"object","properties":{{properties}} } }""");

    private static string? FaultOf(string parameters) => Elicitation.FaultOf("elicitation", Encoding.UTF8.GetBytes($$"""{"method":"elicitation/create","params":{{parameters}} }"""), out _);
}
