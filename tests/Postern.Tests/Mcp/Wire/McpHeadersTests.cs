using System.Text;
using Postern.Protocols.Mcp.Wire;

namespace Postern.Tests.Mcp.Wire;

public sealed class McpHeadersTests
{
    private const string Modern = "2026-07-28";

    [Theory]
    [InlineData("refund", "refund")]
    [InlineData("=?base64?cmVmdW5k?=", "refund")]
    [InlineData("=?base64?w7xidW5n?=", "übung")]
    [InlineData("=?base64?YSA=?=", "a ")]
    [InlineData("=?base64?cmVm", "=?base64?cmVm")] // half a wrapping stands for itself
    [InlineData("=?base64?", "=?base64?")]
    [InlineData("cmVm?=", "cmVm?=")]
    public void Values_are_plain_or_wrapped(string raw, string expected)
    {
        Assert.True(McpHeaders.TryDecode(raw, out var decoded));
        Assert.Equal(expected, decoded);
    }

    [Theory]
    [Row("P05")]
    [InlineData("=?base64?YSA?=")] // no padding
    [InlineData("=?base64?YSA==?=")] // too much
    [InlineData("=?base64?YSB=?=")] // bits after the end
    [InlineData("=?base64?YS A=?=")] // white space that lenient decoders skip
    [InlineData("=?base64?YQ0KYg==?=")] // CR LF inside
    [InlineData("=?base64?YQBi?=")] // NUL inside
    [InlineData("=?base64?wK8=?=")] // overlong UTF-8
    [InlineData("=?base64?=")]
    [InlineData("übung")]
    [InlineData("a\tb")]
    public void A_value_that_could_be_read_in_two_ways_is_refused(string raw) => Assert.False(McpHeaders.TryDecode(raw, out _));

    [Fact]
    public void The_mirror_of_an_argument_may_be_any_text_once_it_is_wrapped()
    {
        Assert.True(McpHeaders.TryDecodeText("=?base64?YQ0KYg==?=", out var decoded));
        Assert.Equal("a\r\nb", decoded);
        Assert.False(McpHeaders.TryDecodeText("=?base64?YQ0KYg=?=", out _));
    }

    [Theory]
    [Row("P04")]
    [InlineData(Modern, "tools/list", "refund")]
    [InlineData(Modern, "TOOLS/CALL", "refund")]
    [InlineData(Modern, null, "refund")]
    [InlineData(Modern, "tools/call", "list_orders")]
    [InlineData(Modern, "tools/call", "Refund")]
    [InlineData(Modern, "tools/call", null)]
    [InlineData(Modern, "tools/call", "=?base64?bGlzdA==?=")]
    [InlineData(null, "tools/call", "refund")]
    [InlineData("2025-11-25", "tools/call", "refund")]
    public void A_header_that_says_something_else_than_the_body_is_a_mismatch(string? version, string? method, string? name)
    {
        var fault = McpHeaders.Check(version, method, name, Body(Modern), out _);

        Assert.Equal(JsonRpcCodes.HeaderMismatch, fault?.Code);
    }

    [Fact]
    public void Agreeing_headers_pass_in_both_eras()
    {
        Assert.Null(McpHeaders.Check(Modern, "tools/call", "=?base64?cmVmdW5k?=", Body(Modern), out var era));
        Assert.Equal(McpEra.Stateless, era);
        Assert.Null(McpHeaders.Check("2025-06-18", null, null, Body(null), out era));
        Assert.Equal(McpEra.Sessions, era);
        Assert.Null(McpHeaders.Check(null, null, null, Body(null), out _));
    }

    [Theory]
    [Row("P06")]
    [InlineData("2027-01-01")]
    [InlineData("1.0")]
    [InlineData("")]
    [InlineData("2025-11-25 ")]
    public void A_version_that_is_not_known_is_refused(string version) =>
        Assert.True(McpHeaders.Check(version, "tools/call", "refund", Body(null), out _)?.IsVersion);

    private static JsonRpcMessage Body(string? version) => JsonRpcReader.Read(Encoding.UTF8.GetBytes(version is null
        ? """{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"refund"}}"""
        : $$$$"""{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"refund","_meta":{"io.modelcontextprotocol/protocolVersion":"{{{{version}}}}"}}}"""));
}
