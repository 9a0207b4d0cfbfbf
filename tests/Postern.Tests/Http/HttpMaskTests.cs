using System.IO.Compression;
using System.Net;
using System.Text;
using System.Text.Json;

namespace Postern.Tests.Http;

/// <summary>Masks over everything that a target can answer with (rows M06 to M09, H15 to H17).</summary>
public sealed class HttpMaskTests
{
    private const string Canary = "canary@example.org";
    private const string Card = "4111111111111111";

    private const string Masks = """
        masks:
          - { id: pii, on: [ { connection: api } ], fields: ["$..email"], as: redact }
          - { id: found, on: [ { connection: api } ], detect: [email, credit-card], as: redact }
        """;

    [Theory]
    [Row("M06")]
    [InlineData("application/json", """{"a":[{"email":"canary@example.org"}],"n":"call canary@example.org"}""")]
    [InlineData("application/vnd.api+json; charset=utf-8", """{"email":"canary@example.org"}""")]
    [InlineData("application/problem+json", """{"detail":"no such user canary@example.org"}""")]
    [InlineData("application/x-ndjson", "{\"email\":\"canary@example.org\"}\n{\"x\":\"canary@example.org\"}\n")]
    [InlineData("application/jsonl", "{\"email\":\"canary@example.org\"}")]
    [InlineData("text/event-stream", "event: a\nid: 1\ndata: {\"email\":\"canary@example.org\"}\n\n: canary@example.org\n\ndata: ok\ndata: x canary@example.org\n\n")]
    [InlineData("application/x-www-form-urlencoded", "email=canary%40example.org&x=a+canary%40example.org")]
    [InlineData("text/csv", "id,email,note\r\n1,canary@example.org,\"a \"\"q\"\", canary@example.org\"\r\n")]
    [InlineData("application/xml", "<?xml version=\"1.0\"?><a x=\"canary@example.org\"><n:email xmlns:n=\"u\">canary@example.org</n:email><!-- canary@example.org --><b>see <![CDATA[canary@example.org]]></b></a>")]
    [InlineData("text/plain", "write to canary@example.org")]
    [InlineData("text/plain", "{\"email\":\"canary@example.org\"}")]
    [InlineData("text/html; charset=utf-8", "<a href=\"mailto:canary@example.org\">canary@example.org</a>")]
    [InlineData("multipart/mixed; boundary=b", "--b\r\nContent-Type: application/json\r\nX-Of: canary@example.org\r\n\r\n{\"email\":\"canary@example.org\"}\r\n--b\r\n\r\ntext canary@example.org\r\n--b--\r\n")]
    public async Task Every_type_that_can_be_read_comes_masked_and_well_formed(string type, string body)
    {
        await using var bed = await HttpBed.StartAsync(Masks);
        bed.Target.Answer = _ => RawTarget.Reply(type, RawTarget.Utf8(body));

        var got = await bed.GetAsync("/a");

        Assert.True(got.Status == HttpStatusCode.OK, got.Everything);
        Assert.Contains("[masked:", Uri.UnescapeDataString(got.Body), StringComparison.Ordinal);
        Assert.DoesNotContain("canary", got.Everything, StringComparison.Ordinal);
        Assert.DoesNotContain(Canary, await bed.JournalAsync(), StringComparison.Ordinal);
    }

    [Fact]
    [Row("M06")]
    public async Task What_is_written_again_says_what_it_said()
    {
        await using var bed = await HttpBed.StartAsync(Masks);
        bed.Target.Answer = request => request.Target switch
        {
            "/csv" => RawTarget.Reply("text/csv", "id,email,note\r\n1,C-1,\"a \"\"q\"\", b\"\r\n2,,\r\n"),
            "/xml" => RawTarget.Reply("application/xml", "<a y='1 &lt; 2'>t &amp; u<email>C-1</email><b/></a>"),
            "/form" => RawTarget.Reply("application/x-www-form-urlencoded", "b=1&b=2&email=C-1&z=%26"),
            "/sse" => RawTarget.Reply("text/event-stream", "retry: 5\nevent: e\nid: 7\ndata: one\ndata: two\n\n"),
            _ => RawTarget.Reply("multipart/mixed; boundary=\"b b\"", "pre\r\n--b b\r\nContent-Type: text/plain\r\n\r\n\r\nhi\r\n--b b--\r\nepilogue"),
        };

        Assert.Equal("id,email,note\r\n1,[masked:pii],\"a \"\"q\"\", b\"\r\n2,,\r\n", (await bed.GetAsync("/csv")).Body.Replace("2,[masked:pii],", "2,,", StringComparison.Ordinal));
        Assert.Equal("<?xml version=\"1.0\" encoding=\"utf-8\"?><a y=\"1 &lt; 2\">t &amp; u<email>[masked:pii]</email><b></b></a>", (await bed.GetAsync("/xml")).Body);
        Assert.Equal("b=1&b=2&email=%5Bmasked%3Apii%5D&z=%26", (await bed.GetAsync("/form")).Body);
        Assert.Equal("event: e\nid: 7\nretry: 5\ndata: one\ndata: two\n\n", (await bed.GetAsync("/sse")).Body);
        Assert.Equal("--b b\r\nContent-Type: text/plain\r\n\r\n\r\nhi\r\n--b b--\r\n", (await bed.GetAsync("/multi")).Body);
    }

    [Theory]
    [Row("M07")]
    [InlineData("application/octet-stream", "canary@example.org")]
    [InlineData("image/png", "canary@example.org")]
    [InlineData("application/pdf", "canary@example.org")]
    [InlineData("application/zip", "canary@example.org")]
    [InlineData("application/x-protobuf", "canary@example.org")]
    [InlineData("application/grpc", "canary@example.org")]
    [InlineData("application/made-up", "canary@example.org")]
    [InlineData("nonsense", "canary@example.org")]
    [Row("M06")]
    [InlineData("application/json", "{\"email\":\"canary@example.org\"")]
    [InlineData("application/json", "{\"email\":\"canary@example.org\"} trailing")]
    [InlineData("application/json", "canary@example.org")]
    [InlineData("application/x-ndjson", "{\"email\":\"canary@example.org\"}\nnot json\n")]
    [InlineData("text/csv", "a,a\r\n1,canary@example.org\r\n")]
    [InlineData("text/csv", "a\r\n1,canary@example.org\r\n")]
    [InlineData("application/xml", "<a><b>canary@example.org</a>")]
    [InlineData("application/xml", "<!DOCTYPE a [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><a>&e;canary@example.org</a>")]
    [InlineData("multipart/mixed; boundary=b", "--b\r\nContent-Type: image/png\r\n\r\ncanary@example.org\r\n--b--\r\n")]
    [InlineData("multipart/mixed", "--b\r\n\r\ncanary@example.org\r\n--b--\r\n")]
    [InlineData("multipart/mixed; boundary=b", "--b\r\nContent-Type: application/json\r\n\r\n\r\n--b--\r\n")]
    [InlineData("multipart/mixed; boundary=b", "--b\r\nContent-Type: application/json\r\n\r\n1},{\"headers\":{},\"body\":\"canary@example.org\"\r\n--b--\r\n")]
    [InlineData("multipart/mixed; boundary=b", "--b\r\nContent-Transfer-Encoding: base64\r\n\r\nY2FuYXJ5QGV4YW1wbGUub3Jn\r\n--b--\r\n")]
    [InlineData("text/plain", "{\"email\":\"canary@example.org\"")]
    public async Task What_cannot_be_read_under_a_mask_is_blocked(string type, string body)
    {
        await using var bed = await HttpBed.StartAsync(Masks);
        bed.Target.Answer = _ => RawTarget.Reply(type, body);

        var text = "";
        try
        {
            var got = await bed.GetAsync("/a");
            text = got.Everything;
            // A stream may have begun: then it is cut.
            Assert.True(got.Status == HttpStatusCode.BadGateway, text);
            Assert.Equal("upstream.invalid", got.Json.GetProperty("code").GetString());
        }
        catch (HttpRequestException) when (type == "application/x-ndjson")
        {
            // Cut: that is the answer.
        }

        Assert.DoesNotContain("canary", text, StringComparison.Ordinal);
        Assert.DoesNotContain(Canary, await bed.JournalAsync(), StringComparison.Ordinal);
    }

    [Fact]
    [Row("M07")]
    public async Task Bytes_pass_where_no_mask_touches_them()
    {
        await using var bed = await HttpBed.StartAsync("""masks: [ { id: pii, on: [ { connection: api, paths: ["/people/**"] } ], fields: ["$..email"], as: redact } ]""");
        bed.Target.Answer = _ => RawTarget.Reply("image/png", "\u0089PNG\0\u00ff");

        Assert.Equal(HttpStatusCode.OK, (await bed.GetAsync("/pictures/1")).Status);
        Assert.Equal(HttpStatusCode.BadGateway, (await bed.GetAsync("/people/1")).Status);
    }

    [Theory]
    [Row("M08")]
    [InlineData("X-Customer: canary@example.org")]
    [InlineData("ETag: \"canary@example.org\"")]
    [InlineData("Set-Cookie: who=canary@example.org; Path=/")]
    [InlineData("Location: /next?who=canary@example.org")]
    [InlineData("Link: <https://x.test/?q=canary@example.org>; rel=next")]
    [InlineData("Content-Disposition: attachment; filename=\"canary@example.org.txt\"")]
    [InlineData("Warning: 199 - \"card 4111111111111111\"")]
    public async Task Values_in_headers_are_masked(string header)
    {
        await using var bed = await HttpBed.StartAsync(Masks);
        bed.Target.Answer = _ => RawTarget.Reply("application/json", "{}", header + "\r\n", "201 Created");

        var got = await bed.GetAsync("/a");

        Assert.Equal(HttpStatusCode.Created, got.Status);
        Assert.DoesNotContain(Canary, got.Everything, StringComparison.Ordinal);
        Assert.DoesNotContain(Card, got.Everything, StringComparison.Ordinal);
        var journal = await bed.JournalAsync();
        Assert.DoesNotContain(Canary, journal, StringComparison.Ordinal);
        Assert.DoesNotContain(Card, journal, StringComparison.Ordinal);
    }

    [Fact]
    [Row("M08")]
    public async Task A_mask_names_headers_and_cookies()
    {
        await using var bed = await HttpBed.StartAsync("""masks: [ { id: whole, on: [ { connection: api } ], headers: [X-Customer, set-cookie, cookie], as: redact } ]""");
        bed.Target.Answer = _ => RawTarget.Reply("application/json", "{}", "x-customer: C-17\r\nSet-Cookie: who=C-18\r\nX-Other: C-19\r\n");

        var got = await bed.SendAsync("GET", "/a", change: request =>
        {
            request.Headers.TryAddWithoutValidation("X-Customer", "C-20");
            request.Headers.TryAddWithoutValidation("Cookie", "who=C-21");
        });

        Assert.Equal("[masked:whole]", got.Header("X-Customer"));
        Assert.Equal("[masked:whole]", got.Header("Set-Cookie"));
        Assert.Equal("C-19", got.Header("X-Other"));
        Assert.Equal(["C-20"], Assert.Single(bed.Target.Requests).Values("X-Customer"));
        var journal = await bed.JournalAsync();
        foreach (var hidden in new[] { "C-17", "C-18", "C-20", "C-21" }) Assert.DoesNotContain(hidden, journal, StringComparison.Ordinal);
    }

    [Fact]
    [Row("M08")]
    public async Task Values_in_names_and_in_what_is_asked_are_masked_in_the_record()
    {
        await using var bed = await HttpBed.StartAsync(Masks);
        bed.Target.Answer = _ => RawTarget.Reply("application/json", """{"canary@example.org":1}""");

        var got = await bed.SendAsync("GET", "/by/canary@example.org?q=canary@example.org&email=someone", change: request => request.Headers.TryAddWithoutValidation("X-Who", Canary));

        Assert.Equal(HttpStatusCode.OK, got.Status);
        Assert.DoesNotContain(Canary, got.Everything, StringComparison.Ordinal);
        // The target gets what was asked.
        Assert.Equal("/by/canary@example.org?q=canary@example.org&email=someone", Assert.Single(bed.Target.Requests).Target);
        Assert.Equal([Canary], bed.Target.Requests.Single().Values("X-Who"));
        var journal = await bed.JournalAsync();
        Assert.DoesNotContain("q\":\"canary", journal, StringComparison.Ordinal);
        Assert.DoesNotContain("someone", journal, StringComparison.Ordinal);
    }

    [Theory]
    [Row("M09")]
    [InlineData("500 Internal Server Error")]
    [InlineData("404 Not Found")]
    [InlineData("401 Unauthorized")]
    public async Task Errors_of_the_target_are_masked_like_everything_else(string status)
    {
        await using var bed = await HttpBed.StartAsync(Masks);
        bed.Target.Answer = _ => RawTarget.Reply("text/plain", "at Shop.Find(canary@example.org)", "WWW-Authenticate: Basic realm=\"inside\"\r\n", status);

        var got = await bed.GetAsync("/a");

        Assert.Equal(status[..3], ((int)got.Status).ToString(System.Globalization.CultureInfo.InvariantCulture));
        Assert.DoesNotContain(Canary, got.Everything, StringComparison.Ordinal);
        // It speaks of the gateway's credential, which is not the caller's to give.
        Assert.Null(got.Header("WWW-Authenticate"));
    }

    [Fact]
    [Row("M09")]
    public async Task Errors_of_the_gateway_hold_nothing_of_the_target()
    {
        await using var bed = await HttpBed.StartAsync(Masks);
        bed.Target.Answer = _ => "HTTP/1.1 200 OK\r\nX-canary@example.org: a\r\nContent-Length: +1\r\n\r\ncanary@example.org";

        var got = await bed.GetAsync("/a");

        Assert.Equal(HttpStatusCode.BadGateway, got.Status);
        Assert.DoesNotContain("canary", got.Everything, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", got.Body, StringComparison.Ordinal);
    }

    [Fact]
    [Row("H15")]
    public async Task Ranges_are_not_asked_for_where_masks_apply_and_parts_are_not_passed()
    {
        await using var bed = await HttpBed.StartAsync(Masks);
        void Range(HttpRequestMessage request)
        {
            request.Headers.TryAddWithoutValidation("Range", "bytes=3-20");
            request.Headers.TryAddWithoutValidation("If-Range", "\"x\"");
        }

        Assert.Equal(HttpStatusCode.OK, (await bed.SendAsync("GET", "/a", change: Range)).Status);
        Assert.Empty(Assert.Single(bed.Target.Requests).Values("Range"));
        Assert.Empty(bed.Target.Requests.Single().Values("If-Range"));

        bed.Target.Answer = _ => RawTarget.Reply("application/json", "[1]", "Content-Range: bytes 3-5/9\r\n", "206 Partial Content");
        Assert.Equal(HttpStatusCode.BadGateway, (await bed.GetAsync("/a")).Status);
        bed.Target.Answer = _ => RawTarget.Reply("multipart/byteranges; boundary=b", "--b--\r\n", status: "200 OK");
        Assert.Equal(HttpStatusCode.BadGateway, (await bed.GetAsync("/a")).Status);
    }

    [Fact]
    [Row("H15")]
    public async Task Ranges_pass_where_no_mask_applies()
    {
        await using var bed = await HttpBed.StartAsync();
        bed.Target.Answer = _ => RawTarget.Reply("text/plain", "part", "Content-Range: bytes 3-6/9\r\n", "206 Partial Content");

        Assert.Equal(HttpStatusCode.PartialContent, (await bed.SendAsync("GET", "/a", change: request => request.Headers.TryAddWithoutValidation("Range", "bytes=3-6"))).Status);
        Assert.Equal(["bytes=3-6"], Assert.Single(bed.Target.Requests).Values("Range"));
    }

    [Theory]
    [Row("H16")]
    [InlineData("gzip", true)]
    [InlineData("x-gzip", true)]
    [InlineData("br", true)]
    [InlineData("deflate", true)]
    [InlineData("raw-deflate", true)]
    [InlineData("identity", true)]
    [InlineData("zstd", false)]
    [InlineData("gzip, gzip", false)]
    [InlineData("wrong", false)]
    public async Task A_content_coding_is_undone_or_the_answer_is_blocked(string coding, bool isRead)
    {
        await using var bed = await HttpBed.StartAsync(Masks);
        var plain = Encoding.UTF8.GetBytes("""{"email":"canary@example.org"}""");
        var body = coding switch
        {
            "gzip" or "x-gzip" => Compress(plain, stream => new GZipStream(stream, CompressionLevel.Fastest)),
            "gzip, gzip" => Compress(Compress(plain, stream => new GZipStream(stream, CompressionLevel.Fastest)), stream => new GZipStream(stream, CompressionLevel.Fastest)),
            "br" => Compress(plain, stream => new BrotliStream(stream, CompressionLevel.Fastest)),
            "deflate" => Compress(plain, stream => new ZLibStream(stream, CompressionLevel.Fastest)),
            "raw-deflate" => Compress(plain, stream => new DeflateStream(stream, CompressionLevel.Fastest)),
            _ => plain,
        };
        var name = coding switch { "raw-deflate" => "deflate", "wrong" => "gzip", _ => coding };
        bed.Target.Answer = _ => RawTarget.Reply("application/json", RawTarget.Bytes(body), $"Content-Encoding: {name}\r\n");

        var got = await bed.SendAsync("GET", "/a", change: request => request.Headers.TryAddWithoutValidation("Accept-Encoding", "gzip, br"));

        Assert.Equal(["identity"], Assert.Single(bed.Target.Requests).Values("Accept-Encoding"));
        Assert.Equal(isRead ? HttpStatusCode.OK : HttpStatusCode.BadGateway, got.Status);
        Assert.DoesNotContain("canary", got.Everything, StringComparison.Ordinal);
        if (!isRead) return;
        Assert.StartsWith("""{"email":"[masked:""", got.Body, StringComparison.Ordinal);
        Assert.Null(got.Header("Content-Encoding"));
        Assert.Equal(got.Bytes.Length.ToString(System.Globalization.CultureInfo.InvariantCulture), got.Header("Content-Length"));
    }

    [Fact]
    [Row("H16")]
    public async Task A_small_body_that_opens_to_a_huge_one_is_blocked()
    {
        await using var bed = await HttpBed.StartAsync(Masks);
        var bomb = Compress(Encoding.ASCII.GetBytes("\"" + new string('a', 8_000_000) + "\""), stream => new GZipStream(stream, CompressionLevel.SmallestSize));
        bed.Target.Answer = _ => RawTarget.Reply("application/json", RawTarget.Bytes(bomb), "Content-Encoding: gzip\r\n");

        Assert.Equal(HttpStatusCode.BadGateway, (await bed.GetAsync("/a")).Status);
    }

    public static TheoryData<string, string, bool> Charsets => new()
    {
        { "utf-8", "text/plain; charset=utf-8", true },
        { "utf-8-bom", "text/plain; charset=utf-8", true },
        { "utf-8-bom", "application/json", true },
        { "iso-8859-1", "text/plain; charset=iso-8859-1", true },
        { "utf-16", "text/plain; charset=utf-16", true },
        { "utf-16-bom", "application/json; charset=utf-16", true },
        { "utf-16BE", "text/csv; charset=utf-16be", true },
        { "utf-32", "text/plain; charset=utf-32", true },
        { "utf-16-bom", "text/plain", true },
        { "utf-16", "text/plain", false },
        { "utf-16", "application/json", false },
        { "utf-16-bom", "text/plain; charset=utf-8", false },
        { "utf-8", "text/plain; charset=utf-7", false },
        { "utf-8", "text/plain; charset=made-up", false },
        { "utf-8", "text/plain; charset=iso-2022-jp", false },
        { "iso-8859-1", "text/plain; charset=utf-8", false },
    };

    [Theory]
    [Row("H17")]
    [MemberData(nameof(Charsets))]
    public async Task Text_of_a_declared_charset_is_read_and_a_guess_is_not_made(string encoding, string type, bool isRead)
    {
        await using var bed = await HttpBed.StartAsync(Masks);
        var text = type.Contains("json", StringComparison.Ordinal) ? """{"note":"né canary@example.org"}""" : "né canary@example.org";
        var hasMark = encoding.EndsWith("-bom", StringComparison.Ordinal);
        var codec = Encoding.GetEncoding(hasMark ? encoding[..^4] : encoding);
        byte[] body = [.. hasMark ? codec.GetPreamble() : [], .. codec.GetBytes(text)];
        bed.Target.Answer = _ => RawTarget.Reply(type, RawTarget.Bytes(body));

        var got = await bed.GetAsync("/a");

        Assert.True(got.Status == (isRead ? HttpStatusCode.OK : HttpStatusCode.BadGateway), got.Everything);
        Assert.DoesNotContain("canary", Encoding.Latin1.GetString(got.Bytes).Replace("\0", "", StringComparison.Ordinal), StringComparison.Ordinal);
        if (isRead) Assert.Contains("né [masked:found]", got.Body, StringComparison.Ordinal);
    }

    [Fact]
    [Row("M01")]
    public async Task A_value_split_over_chunks_at_every_byte_is_masked()
    {
        await using var bed = await HttpBed.StartAsync(Masks);
        const string event1 = "data: see canary@example.org now\n\n";
        bed.Target.Answer = _ => "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n" + string.Concat(event1.Select(character => $"1\r\n{character}\r\n")) + "0\r\n\r\n";

        Assert.Equal("data: see [masked:found] now\n\n", (await bed.GetAsync("/a")).Body);
    }

    [Fact]
    public async Task An_exception_clears_the_callers_copy_and_never_the_record()
    {
        await using var bed = await HttpBed.StartAsync("""masks: [ { id: pii, on: [ { connection: api } ], except: { groups: [support] }, fields: ["$..email"], as: redact } ]""");
        bed.Target.Answer = _ => RawTarget.Reply("application/json", """{"email":"canary@example.org"}""");

        Assert.Contains(Canary, (await bed.GetAsync("/a")).Body, StringComparison.Ordinal);
        Assert.DoesNotContain(Canary, await bed.JournalAsync(), StringComparison.Ordinal);
    }

    private static byte[] Compress(byte[] plain, Func<Stream, Stream> coder)
    {
        using var output = new MemoryStream();
        using (var stream = coder(output)) stream.Write(plain);
        return output.ToArray();
    }
}
