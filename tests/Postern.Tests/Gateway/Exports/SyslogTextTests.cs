using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Postern.Gateway.Configuration;
using Postern.Gateway.Exports;

namespace Postern.Tests.Gateway.Exports;

/// <summary>Messages are read back by a reader of the grammar (RFC 5424, section 6; RFC 6587, section 3.4.1; CEF), written for these tests and stricter than receivers are.</summary>
public sealed class SyslogTextTests
{
    [Theory]
    [InlineData(SyslogFormat.Json)]
    [InlineData(SyslogFormat.Cef)]
    [Row("U08")]
    public void Hostile_text_stays_where_it_belongs_and_no_message_begins_another(SyslogFormat format)
    {
        var output = new ArrayBufferWriter<byte>();

        SyslogText.Write(output, [.. HostileText.Corpus.Select((text, i) => HostileText.Event(i + 1, text))], "gateway", format);

        var messages = Frames(output.WrittenSpan);
        Assert.Equal(HostileText.Corpus.Length, messages.Count);
        for (var i = 0; i < messages.Count; i++)
        {
            Assert.InRange(messages[i].Length, 1, SyslogText.MostBytes);
            var text = new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(messages[i]);
            Assert.DoesNotContain(text, character => char.IsControl(character) || character is '\u2028' or '\u2029' or '\u202e' or '\u200b');
            var (parameters, rest) = Parse(text);
            Assert.Equal("deny", parameters["decision"]);
            Assert.Equal((i + 1).ToString(CultureInfo.InvariantCulture), parameters["sequence"]);
            Assert.Equal("0123456789abcdef0123456789abcdef", parameters["journal"]);
            var isShort = HostileText.Corpus[i].Length < 500;
            if (format == SyslogFormat.Json)
            {
                using var json = JsonDocument.Parse(rest, new JsonDocumentOptions { AllowDuplicateProperties = false });
                Assert.Equal("operation.asked", json.RootElement.GetProperty("kind").GetString());
                if (isShort) Assert.Equal(HostileText.Corpus[i], json.RootElement.GetProperty("reason").GetString());
                else Assert.Equal("true", json.RootElement.GetProperty("shortened").GetString());
            }
            else
            {
                var (header, extensions) = Cef(rest);
                Assert.Equal(("operation.asked", "6"), (header[4], header[6]));
                Assert.Equal("deny", extensions["act"]);
                Assert.DoesNotContain("outcome", extensions.Keys);
                if (isShort) Assert.Equal(Postern.Core.Recording.VisibleText.OfLine("corp:" + HostileText.Corpus[i]), extensions["suser"]);
            }
        }
    }

    [Fact]
    public void A_host_name_that_syslog_cannot_write_is_left_out() => Assert.Equal(("-", "gate-1"), (SyslogText.HostOf("ü ö"), SyslogText.HostOf("gate-1")));

    /// <summary>MSG-LEN SP SYSLOG-MSG, to the last byte.</summary>
    private static List<byte[]> Frames(ReadOnlySpan<byte> bytes)
    {
        var found = new List<byte[]>();
        while (!bytes.IsEmpty)
        {
            var space = bytes.IndexOf((byte)' ');
            var length = int.Parse(Encoding.ASCII.GetString(bytes[..space]), NumberStyles.None, CultureInfo.InvariantCulture);
            found.Add(bytes.Slice(space + 1, length).ToArray());
            bytes = bytes[(space + 1 + length)..];
        }
        return found;
    }

    private static (Dictionary<string, string> Parameters, string Message) Parse(string text)
    {
        var words = text.Split(' ', 7);
        Assert.Matches("^<1(0[4-9]|1[01])>1$", words[0]);
        Assert.Matches(@"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$", words[1]);
        Assert.Equal(("gateway", "postern", "-", "operation.asked"), (words[2], words[3], words[4], words[5]));
        Assert.StartsWith("[postern@32473 ", words[6], StringComparison.Ordinal);
        var parameters = new Dictionary<string, string>(StringComparer.Ordinal);
        var at = "[postern@32473".Length;
        while (words[6][at] == ' ')
        {
            var equals = words[6].IndexOf("=\"", at, StringComparison.Ordinal);
            var name = words[6][(at + 1)..equals];
            Assert.Matches("^[A-Za-z]{1,32}$", name);
            var value = new StringBuilder();
            for (at = equals + 2; words[6][at] != '"'; at++)
            {
                Assert.NotEqual(']', words[6][at]);
                if (words[6][at] == '\\') Assert.Contains(words[6][++at], "\"\\]");
                value.Append(words[6][at]);
            }
            parameters.Add(name, value.ToString());
            at++;
        }
        Assert.Equal("] ", words[6][at..(at + 2)]);
        return (parameters, words[6][(at + 2)..]);
    }

    private static (string[] Header, Dictionary<string, string> Extensions) Cef(string text)
    {
        var header = new List<string>();
        var field = new StringBuilder();
        var at = 0;
        for (; header.Count < 7; at++)
        {
            if (text[at] == '|') { header.Add(field.ToString()); field.Clear(); continue; }
            if (text[at] == '\\') Assert.Contains(text[++at], "|\\");
            field.Append(text[at]);
        }
        Assert.Equal("CEF:0", header[0]);
        var extensions = new Dictionary<string, string>(StringComparer.Ordinal);
        // An equals sign that is not escaped ends a key, which begins behind the last space.
        string? key = null;
        var value = new StringBuilder();
        for (; at < text.Length; at++)
        {
            if (text[at] == '\\') { Assert.Contains(text[++at], "=\\"); value.Append(text[at]); continue; }
            if (text[at] != '=') { value.Append(text[at]); continue; }
            var last = value.ToString();
            var space = last.LastIndexOf(' ');
            if (key is not null) extensions.Add(key, last[..space]);
            key = last[(space + 1)..];
            Assert.Matches("^[A-Za-z0-9]+$", key);
            value.Clear();
        }
        extensions.Add(key!, value.ToString());
        return (header.ToArray(), extensions);
    }
}
