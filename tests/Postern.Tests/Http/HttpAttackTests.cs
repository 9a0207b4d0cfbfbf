using System.IO.Compression;
using System.Net;
using System.Text;

namespace Postern.Tests.Http;

/// <summary>One gateway under masks of fields and of values, for targets that try to slip something past them.</summary>
public sealed class SharedMaskedBed : IAsyncLifetime
{
    internal HttpBed Bed { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Bed = await HttpBed.StartAsync("""masks: [ { id: pii, on: [ { connection: api } ], fields: ["$..secret"], detect: [email], as: redact } ]""");

    public ValueTask DisposeAsync() => Bed.DisposeAsync();
}

/// <summary>
/// What a hostile target answers to get a value past the masks: <c>field-canary</c> stands in the field that one hides, and
/// <c>value@canary.example</c> is what another detects. Neither ever reaches the caller.
/// </summary>
public sealed class HttpAttackTests(SharedMaskedBed shared) : IClassFixture<SharedMaskedBed>
{
    private const string Json = """{"secret":"field-canary","n":"value@canary.example"}""";

    public static TheoryData<string, string> Bodies => new()
    {
        // XML: values in several nodes, documents of several kinds.
        { "application/xml", "<r><n>value@can<!-- -->ary.example</n></r>" },
        { "application/xml", "<r><n>value@<![CDATA[canary.example]]></n></r>" },
        { "application/xml", "<r><n>value@<?pi x?>canary.example</n></r>" },
        { "application/xml", "<r><n>value&#64;canary.example</n><!-- value@canary.example --></r>" },
        { "application/xml", "<r><p:secret xmlns:p='u'>field-<!-- x -->canary</p:secret></r>" },
        { "application/xml", "<!DOCTYPE r [<!ENTITY e 'field-canary'>]><r><secret>&e;</secret></r>" },
        { "application/xml", "<!DOCTYPE r SYSTEM 'file:///etc/hostname'><r>value@canary.example</r>" },
        { "application/xml", "<r a='value@canary.example'/>" },
        { "application/xml", "<r/><r>value@canary.example</r>" },
        { "application/xml; charset=utf-7", "<r>value+AEA-canary.example</r>" },
        { "application/soap+xml", "<r><secret>field-canary</secret></r>" },
        // CSV: columns that a reader sees and a mask does not.
        { "text/csv", "id;secret\r\n1;field-canary\r\n" },
        { "text/csv", "id|secret\r\n1|field-canary\r\n" },
        { "text/csv", "\"\uFEFFsecret\",id\r\nfield-canary,1\r\n" },
        { "text/tab-separated-values", "id,secret\n1,field-canary\n" },
        { "text/csv; header=absent", "secret,field-canary\r\n1,field-canary\r\n" },
        { "text/csv", "secret,secret\r\nfield-canary,x\r\n" },
        { "text/csv", "secret\r\n\"field-canary\r\n" },
        { "text/csv", "id\r\n1,field-canary\r\n" },
        { "text/csv", "=cmd|value@canary.example\r\n" },
        // JSON: keys that differ for some readers only.
        { "application/json", """{"secret":"x","secret":"field-canary"}""" },
        { "application/json", """{"s\u0065cret":"field-canary"}""" },
        { "application/json", """{"a":1}{"secret":"field-canary"}""" },
        { "application/json", """)]}',{"secret":"field-canary"}""" },
        { "application/json", """{"secret":"field-canary",}""" },
        { "application/json", """{'secret':'field-canary'}""" },
        { "application/json", """{"a":{"b":[[[{"secret":{"deep":["field-canary"]}}]]]}}""" },
        { "application/json", "{\"n\":\"value\\u0040canary.example\"}" },
        { "application/json, text/html", Json },
        { "application/json; charset=utf-8; charset=utf-7", Json },
        { "application/json; charset=utf-7", Json },
        { "application/x-ndjson", "{\"secret\":\"field-canary\"}\n{\"secret\":\"x\",\"secret\":\"field-canary\"}\n" },
        { "application/json-seq", "\x1e" + Json + "\n" },
        { "text/plain", Json },
        { "text/plain", "\n  " + Json + "\n" },
        { "text/plain", Json + "\n" + Json },
        { "text/html", Json + "//" },
        { "application/yaml", "secret: field-canary\n" },
        { "text/toml", "secret = 'field-canary'\n" },
        { "application/octet-stream", Json },
        { "application/pdf", "%PDF value@canary.example" },
        { "image/svg+xml", "<svg><text>value@canary.example</text></svg>" },
        { "nonsense", Json },
        { "", Json },
        // Forms and parts.
        { "application/x-www-form-urlencoded", "secret=field-canary&n=value%40canary.example&%73ecret=field-canary" },
        { "multipart/mixed; boundary=b", "--b\r\nContent-Type: application/json\r\n\r\n" + Json + "\r\n--b--\r\n" },
        { "multipart/mixed; boundary=b", "value@canary.example\r\n--b\r\nX-N: value@canary.example\r\n\r\nvalue@canary.example\r\n--b--\r\nvalue@canary.example" },
        { "multipart/mixed; boundary=b", "--b\r\nContent-Transfer-Encoding: base64\r\n\r\ndmFsdWVAY2FuYXJ5LmV4YW1wbGU=\r\n--b--\r\n" },
        { "multipart/mixed; boundary=b", "--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\nvalue@canary.example\r\n--c--\r\n--b--\r\n" },
        { "multipart/mixed; boundary=b", "--bX\r\n\r\nvalue@canary.example\r\n--b--\r\n" },
        { "multipart/mixed; boundary=b; boundary=c", "--c\r\n\r\nvalue@canary.example\r\n--c--\r\n" },
        { "multipart/mixed", "--b\r\n\r\nvalue@canary.example\r\n--b--\r\n" },
        { "multipart/byteranges; boundary=b", "--b\r\nContent-Type: application/json\r\nContent-Range: bytes 0-1/9\r\n\r\n" + Json + "\r\n--b--\r\n" },
        { "multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"secret\"\r\nContent-Type: application/pdf\r\n\r\nfield-canary\r\n--b--\r\n" },
        // Streams: every field of an event is a value.
        { "text/event-stream", "data: " + Json + "\n\n" },
        { "text/event-stream", "data: {\"secret\":\ndata: \"field-canary\"}\n\n" },
        { "text/event-stream", "id: value@canary.example\nevent: value@canary.example\ndata: x\n\n" },
        { "text/event-stream", ": value@canary.example\nretry: value@canary.example\nunknown: value@canary.example\n\n" },
        { "text/event-stream", "\uFEFFdata: " + Json + "\r\rdata: " + Json },
        { "text/event-stream; charset=utf-16", "data: x\n\n" + Json },
    };

    [Theory]
    [Row("M06"), Row("M07"), Row("H17")]
    [MemberData(nameof(Bodies))]
    public async Task A_body_that_hides_a_value_is_masked_or_blocked(string type, string body) => await NothingLeaksAsync($"HTTP/1.1 200 OK\r\n{(type.Length == 0 ? "" : $"Content-Type: {type}\r\n")}Connection: close\r\n\r\n{RawTarget.Utf8(body)}");

    [Theory]
    [Row("H17")]
    [InlineData("utf-16LE", false)]
    [InlineData("utf-16BE", false)]
    [InlineData("utf-16LE", true)]
    [InlineData("utf-32LE", false)]
    [InlineData("utf-32LE", true)]
    public async Task A_charset_that_nobody_declared_is_read_for_certain_or_not_at_all(string charset, bool hasMark)
    {
        var encoding = Encoding.GetEncoding(charset);
        var bytes = (hasMark ? encoding.GetPreamble() : []).Concat(encoding.GetBytes(Json)).ToArray();
        foreach (var type in (string[])["application/json", "text/plain", "application/json; charset=utf-8", "text/plain; charset=utf-7", "text/plain; charset=iso-2022-jp", "application/xml"])
        {
            await NothingLeaksAsync($"HTTP/1.1 200 OK\r\nContent-Type: {type}\r\nContent-Length: {bytes.Length}\r\n\r\n{RawTarget.Bytes(bytes)}");
        }
    }

    [Fact]
    [Row("H17")]
    public async Task Overlong_and_broken_UTF_8_is_blocked()
    {
        foreach (var bytes in (byte[][])[[0x22, 0xc0, 0x80, 0x22], [0x22, 0xe0, 0x81, 0x80, 0x22], [0x22, 0xed, 0xa0, 0x80, 0x22], [0x22, 0xff, 0x22]])
        {
            foreach (var type in (string[])["application/json", "text/plain", "text/csv"])
            {
                shared.Bed.Target.Answer = _ => $"HTTP/1.1 200 OK\r\nContent-Type: {type}\r\nContent-Length: {bytes.Length}\r\n\r\n{RawTarget.Bytes(bytes)}";
                Assert.Equal(HttpStatusCode.BadGateway, (await shared.Bed.GetAsync("/a")).Status);
            }
        }
    }

    [Theory]
    [Row("H16")]
    [InlineData("gzip", "gzip")]
    [InlineData("gzip, gzip", "gzip,gzip")]
    [InlineData("gzip\r\nContent-Encoding: gzip", "gzip,gzip")]
    [InlineData("GZIP", "gzip")]
    [InlineData("x-gzip", "gzip")]
    [InlineData("deflate", "zlib")]
    [InlineData("deflate", "deflate")]
    [InlineData("br", "br")]
    [InlineData("br", "gzip")]
    [InlineData("identity", "gzip")]
    [InlineData("zstd", "gzip")]
    [InlineData("aes128gcm", "gzip")]
    [InlineData("gzip;q=1", "gzip")]
    public async Task An_encoded_body_is_decoded_or_blocked(string said, string done)
    {
        var bytes = Encoding.UTF8.GetBytes(Json);
        foreach (var coding in done.Split(',')) bytes = Packed(bytes, coding);
        await NothingLeaksAsync($"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: {said}\r\nContent-Length: {bytes.Length}\r\n\r\n{RawTarget.Bytes(bytes)}");
    }

    [Theory]
    [Row("H16"), Row("D03")]
    [InlineData("gzip", "gzip")]
    [InlineData("br", "br")]
    [InlineData("deflate", "zlib")]
    [InlineData("gzip", "gzip,gzip")]
    [InlineData("gzip, gzip", "gzip,gzip")]
    [InlineData("br, gzip", "br,gzip")]
    public async Task A_bomb_is_not_opened(string said, string done)
    {
        var bytes = Encoding.UTF8.GetBytes("\"" + new string('a', 100_000_000) + "\"");
        foreach (var coding in done.Split(',')) bytes = Packed(bytes, coding);
        shared.Bed.Target.Answer = _ => $"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: {said}\r\nContent-Length: {bytes.Length}\r\n\r\n{RawTarget.Bytes(bytes)}";

        Assert.Equal(HttpStatusCode.BadGateway, (await shared.Bed.GetAsync("/a")).Status);
    }

    [Theory]
    [Row("H15"), Row("H12"), Row("M08"), Row("M09")]
    [InlineData("HTTP/1.1 206 Partial Content\r\nContent-Type: application/json\r\nContent-Range: bytes 0-50/51\r\nConnection: close\r\n\r\n" + Json)]
    [InlineData("HTTP/1.1 500 Oops value@canary.example\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<pre>at value@canary.example</pre>")]
    [InlineData("HTTP/1.1 204 No Content\r\nX-A: value@canary.example\r\n\r\nvalue@canary.example")]
    [InlineData("HTTP/1.1 304 Not Modified\r\nETag: \"value@canary.example\"\r\n\r\nvalue@canary.example")]
    [InlineData("HTTP/1.1 205 Reset Content\r\nContent-Length: 20\r\n\r\nvalue@canary.example")]
    [InlineData("HTTP/1.1 302 Found\r\nLocation: /x?who=value@canary.example\r\nContent-Length: 0\r\n\r\n")]
    [InlineData("HTTP/1.1 302 Found\r\nLocation: https://evil.example/?who=value%40canary.example\r\nContent-Length: 0\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nSet-Cookie: who=value@canary.example\r\nSet-Cookie: b=value%40canary.example; Path=/\r\nContent-Length: 2\r\n\r\nok")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Disposition: attachment; filename=\"value@canary.example.txt\"\r\nLink: <mailto:value@canary.example>\r\nContent-Length: 2\r\n\r\nok")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Type: text/plain; who=value@canary.example\r\nContent-Length: 2\r\n\r\nok")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nvalue-canary: 1\r\nX-Folded: a\r\n value@canary.example\r\nContent-Length: 2\r\n\r\nok")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\nTrailer: X-A\r\n\r\n2\r\nok\r\n0\r\nX-A: value@canary.example\r\n\r\n")]
    [InlineData("HTTP/1.1 103 Early Hints\r\nLink: <value@canary.example>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok")]
    public async Task Nothing_of_a_head_slips_past(string answer) => await NothingLeaksAsync(answer);

    [Fact]
    [Row("H12")]
    public async Task Bytes_behind_an_answer_to_HEAD_are_nobodys_answer()
    {
        var bed = shared.Bed;
        bed.Target.Answer = request => request.Line.StartsWith("HEAD", StringComparison.Ordinal) ? RawTarget.Reply("application/json", Json) : RawTarget.Reply("text/plain", "second");

        var head = await bed.SendAsync("HEAD", "/a");
        var next = await bed.GetAsync("/b");

        Assert.Empty(head.Bytes);
        Assert.Equal("second", next.Body);
    }

    [Theory]
    [InlineData("public, max-age=600")]
    [InlineData("max-age=600, must-revalidate")]
    [InlineData("s-maxage=600")]
    public async Task What_one_person_may_see_is_kept_in_no_shared_cache(string control)
    {
        shared.Bed.Target.Answer = _ => RawTarget.Reply("text/plain", "ok", $"Cache-Control: {control}\r\n");

        Assert.Equal("no-cache, private", (await shared.Bed.GetAsync("/a")).Header("Cache-Control"));
    }

    [Theory]
    [Row("H13")]
    [InlineData("permessage-deflate")]
    [InlineData("x-webkit-deflate-frame")]
    public async Task A_target_that_switches_on_an_extension_that_nobody_offered_gets_no_connection(string extension)
    {
        await using var bed = await HttpBed.StartAsync(policy: HttpStreamTests.Sockets);
        bed.Target.Answer = request =>
        {
            Assert.Empty(request.Values("Sec-WebSocket-Extensions"));
            return $"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {HttpStreamTests.AcceptOf(request.Head)}\r\nSec-WebSocket-Extensions: {extension}\r\n\r\n";
        };

        var fault = await Assert.ThrowsAsync<System.Net.WebSockets.WebSocketException>(() => HttpStreamTests.ConnectAsync(bed, "/live"));

        Assert.Contains("502", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Sound_bodies_of_every_form_still_pass()
    {
        foreach (var (type, body, seen) in new[]
        {
            ("application/xml", "<r a=\"1\"><secret>x</secret><n>a<b>c</b>d</n></r>", "<?xml version=\"1.0\" encoding=\"utf-8\"?><r a=\"1\"><secret>[masked:pii]</secret><n>a<b>c</b>d</n></r>"),
            ("text/csv", "id,secret\r\n1,x\r\n", "id,secret\r\n1,[masked:pii]\r\n"),
            ("text/plain", "plain [text] {of} people", "plain [text] {of} people"),
            ("text/plain", "", ""),
            ("application/json", "[]", "[]"),
        })
        {
            shared.Bed.Target.Answer = _ => RawTarget.Reply(type, body);
            Assert.Equal(seen, (await shared.Bed.GetAsync("/a")).Body);
        }
        // Where only detectors look, text of any kind is text.
        await using var bed = await HttpBed.StartAsync("""masks: [ { id: pii, on: [ { connection: api } ], detect: [email], as: redact } ]""");
        bed.Target.Answer = _ => RawTarget.Reply("application/yaml", "who: value@canary.example\n");
        Assert.Equal("who: [masked:pii]\n", (await bed.GetAsync("/a")).Body);
    }

    private async Task NothingLeaksAsync(string answer)
    {
        var bed = shared.Bed;
        bed.Target.Answer = _ => answer;
        bed.Target.ClosesAfterwards = true;
        string everything;
        try
        {
            var got = await bed.GetAsync("/a");
            everything = got.Everything + Encoding.Latin1.GetString(got.Bytes).Replace("\0", "", StringComparison.Ordinal) + Encoding.UTF8.GetString(got.Bytes.Where(one => one != 0).ToArray());
        }
        catch (HttpRequestException)
        {
            // Cut: nothing more of it came.
            return;
        }
        foreach (var canary in (string[])["field-canary", "value@canary.example", "value%40canary.example", "dmFsdWVAY2FuYXJ5"]) Assert.DoesNotContain(canary, everything, StringComparison.OrdinalIgnoreCase);
    }

    private static byte[] Packed(byte[] bytes, string coding)
    {
        var packed = new MemoryStream();
        using (Stream stream = coding switch
        {
            "gzip" => new GZipStream(packed, CompressionLevel.Optimal, leaveOpen: true),
            "br" => new BrotliStream(packed, CompressionLevel.Optimal, leaveOpen: true),
            "zlib" => new ZLibStream(packed, CompressionLevel.Optimal, leaveOpen: true),
            _ => new DeflateStream(packed, CompressionLevel.Optimal, leaveOpen: true),
        }) stream.Write(bytes);
        return packed.ToArray();
    }
}
