using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Postern.Tests.Doubles;
using Postern.Upstreams.Stdio;

namespace Postern.Tests.Stdio;

[Row("P32")]
[Guarantee("G12")]
public sealed class StderrLogTests
{
    [Theory]
    [InlineData("token s3cret-value here", "token [secret] here")]
    [InlineData("mail ada@example.com", "mail [masked:stderr]")]
    [InlineData("\u001b[31mred\u001b[0m", "⟨U+001B⟩[31mred⟨U+001B⟩[0m")]
    [InlineData("a\u202eb\u0007", "a⟨U+202E⟩b⟨U+0007⟩")]
    [InlineData("plain", "plain")]
    public void A_line_is_cleaned_before_it_is_logged(string line, string expected)
    {
        var target = new StdioTarget("/bin/sh", [], "/") { Secrets = ["s3cret-value", "x"] };

        Assert.Equal(expected, new StderrLog("shop", target, new SteppedClock(), NullLogger.Instance).Clean(Encoding.UTF8.GetBytes(line)));
    }
}
