using System.Buffers;
using System.Net;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Postern.Core.Json;
using Postern.Gateway.Listening;
using Postern.Protocols.HttpData;
using Postern.Protocols.HttpData.Forms;
using Postern.Protocols.HttpData.Wire;
using Postern.Tests.Doubles;

namespace Postern.Tests.Fuzz;

/// <summary>What HTTP adds to the readers of foreign bytes: framing, targets, and each form in which masks see bodies.</summary>
[Trait("Lane", "fuzz")]
public sealed class HttpFuzzTests
{
    private static readonly byte[][] Connections =
    [
        .. new[]
        {
            "GET /http/api/a?x=1 HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer x\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n",
            "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\nhelloGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "PUT /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\na\r\n0123456789\r\n0\r\nX-Sum: 7\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /live HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x01a",
            "POST / HTTP/1.0\r\nContent-Length: 0\r\n\r\n",
        }.Select(Encoding.Latin1.GetBytes),
    ];

    private static readonly byte[][] Targets = [.. new[] { "/a/b?x=1&y=%20", "/caf%c3%a9/%41", "/a%25b?q=a+b&q=c", "/?a;b=%2F", "/a/../b", "//x", "/%2e%2e/x", "/a\\b", "/f[0]?f[0]=1&&z", "/a%2fb" }.Select(Encoding.Latin1.GetBytes)];

    /// <summary>Bodies by the content type that they are read as.</summary>
    private static readonly (string Type, string[] Bodies)[] Forms =
    [
        ("application/x-www-form-urlencoded", ["a=1&b=c%20d&a=2&e", "email=x%40y.z&x=+1"]),
        ("text/csv", ["id,email\r\n1,a@b.example\r\n2,\"x,\"\"y\"\"\r\nz\"\r\n", "a\n1\n\n2\n", ""]),
        ("text/tab-separated-values", ["a\tb\n1\t2\n"]),
        ("application/xml", ["<?xml version=\"1.0\"?><r xmlns:p=\"u\"><p:e a=\"1\">x<!-- c -->y<![CDATA[<z>]]></p:e><e/>&amp;&#65;</r>"]),
        ("text/plain", ["some text", "{\"a\":1}", ""]),
        ("multipart/mixed; boundary=b", ["--b\r\nContent-Type: application/json\r\n\r\n{\"email\":\"x\"}\r\n--b\r\nX-A: c\r\n\r\ntext\r\n--b--\r\n", "--b\r\n\r\n\r\n--b--"]),
    ];

    private static readonly JsonSerializerOptions s_deep = new() { MaxDepth = 128 };

    [Fact]
    [Row("H01"), Row("H02"), Row("H03"), Row("H04")]
    public void The_framing_of_requests_is_the_same_in_any_chunking() => Fuzz(Connections, bytes =>
    {
        var whole = Reading(bytes, bytes.Length);
        Assert.Equal(whole, Reading(bytes, 1));
        Assert.Equal(whole, Reading(bytes, 7));

        // What is said of a line that is both too long and not a number may differ; that it is refused may not.
        static (bool, bool) Reading(byte[] bytes, int piece)
        {
            var framing = new RequestFraming();
            for (var at = 0; at < bytes.Length; at += piece) framing.Read(bytes.AsSpan(at, Math.Min(piece, bytes.Length - at)));
            return (framing.Fault is null, framing.IsInBody);
        }
    });

    [Fact]
    [Row("H18")]
    public void Frames_are_counted_alike_in_any_chunking() => Fuzz([[.. "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 1, 1, 4, 0, 0, 0, 1, 130, 0, 0, 0, 9, 0, 0, 0, 0, 1]], bytes =>
    {
        Assert.Equal(Reading(bytes, bytes.Length), Reading(bytes, 1));

        static string? Reading(byte[] bytes, int piece)
        {
            var watch = new FrameWatch(new SteppedClock());
            for (var at = 0; at < bytes.Length; at += Math.Max(1, piece)) watch.Read(bytes.AsSpan(at, Math.Min(Math.Max(1, piece), bytes.Length - at)));
            return watch.Fault;
        }
    });

    [Fact]
    [Row("H06")]
    public void A_canonical_target_is_its_own_canonical_target_and_holds_nothing_with_two_meanings() => Fuzz(Targets, bytes =>
    {
        var raw = Encoding.Latin1.GetString(bytes);
        if (CanonicalTarget.Read(raw, out var fault) is not { } target)
        {
            Assert.NotNull(fault);
            return;
        }
        var again = CanonicalTarget.Read(target.Text, out _);
        Assert.NotNull(again);
        Assert.Equal(target.Text, again.Text);
        Assert.Equal(target.Path, again.Path);
        Assert.Equal(target.Query.AsEnumerable(), again.Query.AsEnumerable());
        Assert.StartsWith("/", target.Text, StringComparison.Ordinal);
        Assert.DoesNotContain(target.Text, character => character is <= ' ' or >= '\x7f' or '\\' or '#');
        var path = target.Text.Split('?')[0];
        Assert.DoesNotContain("//", path, StringComparison.Ordinal);
        Assert.DoesNotContain(path.Split('/'), segment => WebUtility.UrlDecode(segment) is "." or "..");
        // What a server that decodes once sees is what the policy saw.
        Assert.Equal(target.Path, Uri.UnescapeDataString(path));
    });

    [Fact]
    [Row("M07"), Row("H17")]
    public void A_body_is_blocked_or_written_again_as_what_masks_saw()
    {
        // A fuzz target for each form, one after the other in one run of inputs: the first byte says which.
        var samples = Forms.SelectMany((form, index) => form.Bodies.Select(body => (byte[])[(byte)index, .. Encoding.UTF8.GetBytes(body)])).ToArray();
        Fuzz(samples, bytes =>
        {
            if (bytes.Length == 0) return;
            Assert.True(MediaType.TryRead(Forms[bytes[0] % Forms.Length].Type, out var type));
            var form = BodyForms.Of(type)!;
            if (Seen(form, bytes.AsMemory(1)) is not { } seen) return;
            // What is no JSON the masker refuses, as everywhere.
            if (StrictJson.Check(seen.Span) is not null) return;
            var written = new ArrayBufferWriter<byte>();
            form.FromJson(seen.Span, written);
            // Whoever reads what was written sees what the masks saw, and nothing else.
            var again = Seen(form, written.WrittenMemory);
            Assert.NotNull(again);
            // as texts: comparing the values of numbers stumbles over `1e99999999999`
            Assert.Equal(Text(seen), Text(again.Value));
        });
    }

    [Fact]
    [Row("H16"), Row("H17")]
    public void Codings_and_charsets_are_undone_or_refused()
    {
        var packed = new MemoryStream();
        using (var gzip = new System.IO.Compression.GZipStream(packed, System.IO.Compression.CompressionLevel.Fastest, leaveOpen: true)) gzip.Write("some text, some text"u8);
        Fuzz([packed.ToArray(), [0xff, 0xfe, (byte)'a', 0], "caf\u00e9"u8.ToArray()], bytes =>
        {
            foreach (var coding in new[] { "gzip", "br", "deflate", "identity", "gzip, gzip" })
            {
                try
                {
                    Assert.True(ContentCoding.Decode(bytes, coding, 1 << 20).Length <= 1 << 20);
                }
                catch (FormatException)
                {
                }
            }
            foreach (var charset in new[] { null, "utf-8", "utf-16", "utf-16be", "utf-32", "iso-8859-1", "us-ascii", "utf-7" })
            {
                try
                {
                    Assert.True(System.Text.Unicode.Utf8.IsValid(Charsets.ToUtf8(bytes, charset).Span));
                }
                catch (FormatException)
                {
                }
            }
        });
    }

    private static string? Text(ReadOnlyMemory<byte> json) => JsonNode.Parse(json.Span, documentOptions: new JsonDocumentOptions { MaxDepth = 128 })?.ToJsonString(s_deep);

    private static ReadOnlyMemory<byte>? Seen(BodyForm form, ReadOnlyMemory<byte> body)
    {
        var json = new ArrayBufferWriter<byte>();
        try
        {
            form.ToJson(Charsets.ToUtf8(body, null).Span, json);
            return json.WrittenMemory;
        }
        catch (FormatException)
        {
            return null;
        }
    }

    private static void Fuzz(IReadOnlyList<byte[]> samples, Action<byte[]> target, [CallerMemberName] string name = "") => FuzzRun.Run(name, samples, target);
}
