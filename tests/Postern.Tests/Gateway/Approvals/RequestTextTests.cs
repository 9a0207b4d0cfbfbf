using System.Text;
using Postern.Gateway.Approvals;

namespace Postern.Tests.Gateway.Approvals;

[Guarantee("G9")]
public sealed class RequestTextTests
{
    private static string Shown(string request) => RequestText.Of(Encoding.UTF8.GetBytes(request)).ToString();

    [Fact]
    public void A_request_is_laid_out_one_member_per_line()
    {
        Assert.Equal(
            """
            {
              <span class="k">&quot;name&quot;</span>: &quot;refund&quot;,
              <span class="k">&quot;arguments&quot;</span>: {
                <span class="k">&quot;amount&quot;</span>: 9.00e2,
                <span class="k">&quot;notes&quot;</span>: [
                  true,
                  null
                ],
                <span class="k">&quot;none&quot;</span>: {}
              }
            }
            """,
            Shown("""{"name":"refund","arguments":{"amount":9.00e2,"notes":[true,null],"none":{}}}"""));
    }

    [Theory]
    [InlineData("""{"a":"\u0064rop"}""", "drop")]
    [InlineData("""{"a":"\u202e"}""", "<b class=\"mark\">U+202E</b>")]
    [InlineData("{\"a\":\"pay\u200Bpal\"}", "pay<b class=\"mark\">U+200B</b>pal")]
    [InlineData("{\"a\":\"\U000E0041\"}", "<b class=\"mark\">U+E0041</b>")]
    [InlineData("""{"a":"\u001b[2J"}""", "<b class=\"mark\">U+001B</b>[2J")]
    [InlineData("""{"a":"⟨U+202E⟩"}""", "<b class=\"mark\">U+27E8</b>U+202E<b class=\"mark\">U+27E9</b>")]
    [InlineData("""{"a":"</pre><script>alert(1)</script>"}""", "&lt;/pre&gt;&lt;script&gt;")]
    [InlineData("""{"a":"x\" onclick=\"y"}""", """x\&quot; onclick=\&quot;y""")]
    [InlineData("""{"\u202ea":1}""", "<b class=\"mark\">U+202E</b>a")]
    public void What_is_hidden_in_a_request_is_visible(string request, string expected) => Assert.Contains(expected, Shown(request), StringComparison.Ordinal);

    [Theory]
    [InlineData("not json at all <b>")]
    [InlineData("{\"a\":")]
    [InlineData("""{"a":"\ud800"}""")]
    public void What_is_not_JSON_is_shown_as_its_bytes(string request)
    {
        var shown = Shown(request);

        Assert.DoesNotContain("<b>", shown, StringComparison.Ordinal);
        Assert.StartsWith(request[..1], shown, StringComparison.Ordinal);
    }

    [Fact]
    [Row("A12")]
    public void A_danger_at_the_end_of_a_megabyte_is_shown()
    {
        var shown = Shown($$"""{"a":"{{new string('x', 1024 * 1024)}}; drop table orders"}""");

        Assert.Contains("; drop table orders&quot;", shown, StringComparison.Ordinal);
    }

    /// <summary>Pairs that a person could take for the same: what is drawn must differ.</summary>
    [Fact]
    [Row("A12")]
    public void Of_five_hundred_pairs_of_safe_and_hostile_text_every_one_is_told_apart()
    {
        int[] invisible = [0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF, 0x00AD, 0x034F, 0x061C, 0x180E, 0x202A, 0x202B, 0x202D, 0x202E, 0x2066, 0x2067, 0x2069, 0x00A0, 0x2003, 0x3000, 0x2028, 0x0085, 0x001B, 0x0008, 0xFE0F, 0xE0061];
        string[] safe = ["delete", "alice", "https://shop.example.com", "amount 10", "rm -rf /tmp/a", "approve", "prod", "select 1", "pods", "ok", "x", "{}", "true", "100", "no", "a b", "/etc/passwd", "example.com", "user@example.com", "-"];
        var pairs = 0;
        foreach (var text in safe)
        {
            foreach (var character in invisible)
            {
                var hostile = text.Insert(text.Length / 2, char.ConvertFromUtf32(character));
                var drawn = Shown(System.Text.Json.JsonSerializer.Serialize(hostile));
                Assert.NotEqual(Shown(System.Text.Json.JsonSerializer.Serialize(text)), drawn);
                Assert.Contains($"U+{character:X4}", drawn, StringComparison.Ordinal);
                Assert.DoesNotContain(char.ConvertFromUtf32(character), drawn, StringComparison.Ordinal);
                pairs++;
            }
        }
        Assert.Equal(500, pairs);
    }
}
