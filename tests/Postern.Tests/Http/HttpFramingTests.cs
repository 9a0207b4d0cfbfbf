using System.Net;

namespace Postern.Tests.Http;

/// <summary>Requests that two readers could frame, route or name differently (guarantees.md section 3.3). None of them reaches the target.</summary>
public sealed class HttpFramingTests(SharedHttpBed shared) : IClassFixture<SharedHttpBed>
{
    private const string Chunked = "Transfer-Encoding: chunked\r\n\r\n";

    [Theory]
    [Row("H01")]
    [InlineData("POST /http/api/text HTTP/1.1\r\n{auth}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")]
    [InlineData("POST /http/api/text HTTP/1.1\r\n{auth}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n")]
    [InlineData("POST /http/api/text HTTP/1.1\r\n{auth}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n")]
    [InlineData("POST /http/api/text HTTP/1.1\r\n{auth}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n")]
    [InlineData("POST /http/api/text HTTP/1.1\r\n{auth}Transfer-Encoding:\u000bchunked\r\n\r\n0\r\n\r\n")]
    [InlineData("POST /http/api/text HTTP/1.1\r\n{auth} Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n")]
    [InlineData("POST /http/api/text HTTP/1.1\r\n{auth}X: y\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n")]
    [InlineData("POST /http/api/text HTTP/1.1\r\n{auth}Transfer-Encoding: CHUNKED\r\n\r\n0\r\n\r\n")]
    [Row("H02")]
    [InlineData("POST /http/api/text HTTP/1.1\r\n{auth}Content-Length: +1\r\n\r\na")]
    [InlineData("POST /http/api/text HTTP/1.1\r\n{auth}Content-Length: -0\r\n\r\n")]
    [InlineData("POST /http/api/text HTTP/1.1\r\n{auth}Content-Length: 0001\r\n\r\na")]
    [InlineData("POST /http/api/text HTTP/1.1\r\n{auth}Content-Length: 1, 1\r\n\r\na")]
    [InlineData("POST /http/api/text HTTP/1.1\r\n{auth}Content-Length: 1\r\nContent-Length: 1\r\n\r\na")]
    [InlineData("POST /http/api/text HTTP/1.1\r\n{auth}Content-Length: 0x1\r\n\r\na")]
    [InlineData("POST /http/api/text HTTP/1.1\r\n{auth}Content-Length:\r\n\r\n")]
    [Row("H03")]
    [InlineData("GET /http/api/a HTTP/1.1\n{auth}\r\n")]
    [InlineData("GET /http/api/a HTTP/1.1\r\n{auth}X: y\n\r\n")]
    [InlineData("GET /http/api/a HTTP/1.1\r\n{auth}X: y\rZ: w\r\n\r\n")]
    [InlineData("GET /http/api/a HTTP/1.1\r\n{auth}X: y\r\n\n")]
    [InlineData("POST /http/api/text HTTP/1.1\r\n{auth}" + Chunked + "1;a=b\nx\r\n0\r\n\r\n")]
    [InlineData("POST /http/api/text HTTP/1.1\r\n{auth}" + Chunked + "1\na\r\n0\r\n\r\n")]
    [InlineData("POST /http/api/text HTTP/1.1\r\n{auth}" + Chunked + "1\r\nab\r\n0\r\n\r\n")]
    [InlineData("POST /http/api/text HTTP/1.1\r\n{auth}" + Chunked + "+1\r\na\r\n0\r\n\r\n")]
    [InlineData("POST /http/api/text HTTP/1.1\r\n{auth}" + Chunked + "0\r\nContent-Length: 9\r\n\r\n")]
    [Row("H04")]
    [InlineData("POST /http/api/text HTTP/1.1\r\n{auth}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")]
    [InlineData("POST /http/api/text HTTP/1.1\r\n{auth}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n")]
    [InlineData("POST /http/api/text HTTP/1.1\r\n{auth}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n")]
    [InlineData("POST /http/api/text HTTP/1.0\r\n{auth}" + Chunked + "0\r\n\r\n")]
    [Row("H10")]
    [InlineData("GET http://evil.test/http/api/a HTTP/1.1\r\n{auth}\r\n")]
    [InlineData("GET http://user@{host}/http/api/a HTTP/1.1\r\n{auth}\r\n")]
    [InlineData("GET /http/api/a HTTP/1.1\r\n{auth}Host: evil.test\r\n\r\n")]
    [InlineData("GET /http/api/a HTTP/1.1\r\nHost: {host}, evil.test\r\n\r\n")]
    [InlineData("GET /http/api/a HTTP/1.1\r\nHost: {host}:80\r\n\r\n")]
    [InlineData("GET  /http/api/a HTTP/1.1\r\n{auth}\r\n")]
    [InlineData("GET /http/api/a\tb HTTP/1.1\r\n{auth}\r\n")]
    [Row("H13")]
    [InlineData("CONNECT inside:22 HTTP/1.1\r\n{auth}\r\n")]
    [InlineData("TRACE /http/api/a HTTP/1.1\r\n{auth}\r\n")]
    [InlineData("GET /http/api/a HTTP/1.1\r\n{auth}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n")]
    [InlineData("GET /http/api/a HTTP/1.1\r\n{auth}Connection: Upgrade\r\nUpgrade: TLS/1.2\r\n\r\n")]
    [InlineData("GET /http/api/a HTTP/1.1\r\n{auth}Connection: Upgrade\r\nUpgrade: websocket, h2c\r\n\r\n")]
    [Row("H07")]
    [InlineData("GET /http/api/a HTTP/1.1\r\n{auth}Connection: Authorization, X-Identity\r\nX-Identity: root\r\n\r\n")]
    [InlineData("GET /http/api/a HTTP/1.1\r\n{auth}Connection: keep-alive, X-Kept\r\nX-Kept: yes\r\n\r\n")]
    [InlineData("GET /http/api/a HTTP/1.1\r\n{auth}Connection: close\r\nConnection: Host\r\n\r\n")]
    [Row("H09")]
    [InlineData("get /http/api/a HTTP/1.1\r\n{auth}\r\n")]
    [InlineData("Get /http/api/a HTTP/1.1\r\n{auth}\r\n")]
    [InlineData("PROPFIND /http/api/a HTTP/1.1\r\n{auth}\r\n")]
    [InlineData("GET /http/api/a?_method=DELETE HTTP/1.1\r\n{auth}\r\n")]
    public async Task A_request_with_two_readings_is_refused_and_nothing_reaches_the_target(string request)
    {
        var bed = shared.Bed;
        bed.Target.Requests.Clear();

        var answer = await bed.RawAsync(request.Replace("{host}", bed.Authority, StringComparison.Ordinal));

        Assert.Matches("^HTTP/1\\.[01] (400|403|404|405|421|501) ", answer);
        Assert.Empty(bed.Target.Requests);
    }

    [Theory]
    [Row("H01"), Row("H03")]
    [InlineData("GET /http/api/a HTTP/1.1\r\n{auth}\r\n")]
    [InlineData("PUT /http/api/a HTTP/1.1\r\n{auth}Content-Length: 3\r\n\r\nabc")]
    [InlineData("PUT /http/api/a HTTP/1.1\r\n{auth}" + Chunked + "3\r\nabc\r\n0\r\n\r\n")]
    [InlineData("GET /http/api/a HTTP/1.1\r\n{auth}Content-Length: 0\r\n\r\n")]
    public async Task Sound_requests_pass_as_they_did(string request)
    {
        var bed = shared.Bed;
        bed.Target.Requests.Clear();

        Assert.StartsWith("HTTP/1.1 200 OK", await bed.RawAsync(request), StringComparison.Ordinal);
        Assert.Single(bed.Target.Requests);
    }

    [Fact]
    [Row("H01")]
    public async Task A_request_hidden_behind_another_is_never_served()
    {
        var bed = shared.Bed;
        bed.Target.Requests.Clear();

        await bed.RawAsync("POST /http/api/text HTTP/1.1\r\n{auth}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /http/api/smuggled HTTP/1.1\r\n{auth}\r\n");

        Assert.Empty(bed.Target.Requests);
    }

    [Fact]
    [Row("H05")]
    public async Task A_body_that_breaks_never_looks_whole_to_the_target()
    {
        var bed = shared.Bed;
        bed.Target.Requests.Clear();

        var answer = await bed.RawAsync("PUT /http/api/a HTTP/1.1\r\n{auth}Content-Type: application/octet-stream\r\n" + Chunked + "3\r\nabc\r\nZZ\r\nabc\r\n0\r\n\r\n");

        // whoever sent it is to blame, and is told so: neither the target nor the gateway failed
        Assert.StartsWith("HTTP/1.1 400 ", answer, StringComparison.Ordinal);
        Assert.Empty(bed.Target.Requests);
    }

    [Theory]
    [Row("H06")]
    [InlineData("/a/../b")]
    [InlineData("/a/./b")]
    [InlineData("/a/%2e%2e/b")]
    [InlineData("/a/%2E./b")]
    [InlineData("/..%2fb")]
    [InlineData("/a%2fb")]
    [InlineData("/a%5Cb")]
    [InlineData("/a\\b")]
    [InlineData("/a;x=1/b")]
    [InlineData("/a/;/../b")]
    [InlineData("//a")]
    [InlineData("/a//b")]
    [InlineData("/%252e%252e/b")]
    [InlineData("/a%252fb")]
    [InlineData("/%c0%ae%c0%ae/b")]
    [InlineData("/%c0%af")]
    [InlineData("/%ff")]
    [InlineData("/%e0%80%af")]
    [InlineData("/a%00")]
    [InlineData("/a%0d%0aX:y")]
    [InlineData("/a%7f")]
    [InlineData("/a#b")]
    [InlineData("/a%2")]
    [InlineData("/a%zz")]
    [InlineData("/a?x=%00")]
    [InlineData("/a?x=%c0%af")]
    [InlineData("/a?x=%")]
    [InlineData("/a?x#y")]
    [InlineData("/../mcp/api")]
    [InlineData("/../../api/v1/holds")]
    [InlineData("/%2e%2e/%2e%2e/api/v1/holds")]
    public async Task A_path_with_two_meanings_is_refused(string path)
    {
        var bed = shared.Bed;
        bed.Target.Requests.Clear();

        var answer = await bed.RawAsync($"GET /http/api{path} HTTP/1.1\r\n{{auth}}\r\n");

        Assert.Matches("^HTTP/1\\.1 (400|404) ", answer);
        Assert.Empty(bed.Target.Requests);
    }

    [Theory]
    [Row("H06")]
    [Guarantee("G6")]
    [InlineData("/a", "/a")]
    [InlineData("", "/")]
    [InlineData("/", "/")]
    [InlineData("?x=1", "/?x=1")]
    [InlineData("/a/", "/a/")]
    [InlineData("/%61%2Db", "/a-b")]
    [InlineData("/caf%c3%a9", "/caf%C3%A9")]
    [InlineData("/a%20b", "/a%20b")]
    [InlineData("/a%3bb", "/a%3Bb")]
    [InlineData("/a%26b", "/a&b")]
    [InlineData("/a%25", "/a%25")]
    [InlineData("/a%3fb", "/a%3Fb")]
    [InlineData("/a%23b", "/a%23b")]
    [InlineData("/a?x=a+b", "/a?x=a%20b")]
    [InlineData("/a?x=a%2Bb", "/a?x=a%2Bb")]
    [InlineData("/a?x=%61;y=2", "/a?x=a%3By%3D2")]
    [InlineData("/a?x&y=&z=1&&z=2", "/a?x&y=&z=1&z=2")]
    [InlineData("/a?u=https://b/c?d=e", "/a?u=https://b/c%3Fd%3De")]
    [InlineData("/a?f[0]=1", "/a?f%5B0%5D=1")]
    public async Task One_canonical_target_is_judged_and_sent(string asked, string sent)
    {
        var bed = shared.Bed;
        bed.Target.Requests.Clear();

        var answer = await bed.RawAsync($"GET /http/api{asked} HTTP/1.1\r\n{{auth}}\r\n");

        Assert.StartsWith("HTTP/1.1 200 OK", answer, StringComparison.Ordinal);
        Assert.Equal(sent, Assert.Single(bed.Target.Requests).Target);
    }

    [Fact]
    [Row("H07"), Row("H08"), Row("H09")]
    public async Task Identity_method_and_hop_by_hop_headers_of_the_caller_end_at_the_gateway()
    {
        var bed = shared.Bed;
        bed.Target.Requests.Clear();

        await bed.RawAsync("GET /http/api/a HTTP/1.1\r\n{auth}"
            + "Connection: keep-alive, TE\r\nX-Identity: root\r\nX_User: root\r\nx-User: root\r\nX-Forwarded-User: root\r\nX-FORWARDED-FOR: 1.1.1.1\r\nForwarded: for=1.1.1.1\r\n"
            + "X-HTTP-Method-Override: DELETE\r\nX-Method-Override: DELETE\r\nX-Original-URL: /admin\r\nX-Rewrite-URL: /admin\r\nTE: trailers\r\nTrailer: X\r\nKeep-Alive: 5\r\nProxy-Authorization: Basic eA==\r\nExpect: 100-continue\r\nImpersonate-User: root\r\n"
            + "Remote-User: root\r\nX-Postern-Identity: root\r\nCookie: postern-loopback=stolen; theme=dark; __Host-postern=x\r\nX-Kept: yes\r\nAccept: application/json\r\n\r\n");

        var received = Assert.Single(bed.Target.Requests);
        Assert.Equal([HttpBed.Credential], received.Values("Authorization"));
        Assert.Equal(["yes"], received.Values("X-Kept"));
        Assert.Equal(["theme=dark"], received.Values("Cookie"));
        Assert.Equal(["accept", "authorization", "cookie", "host", "x-kept"], received.Head.Split("\r\n", StringSplitOptions.RemoveEmptyEntries).Skip(1).Select(line => line.Split(':')[0].ToLowerInvariant()).Order(StringComparer.Ordinal));
    }

    [Theory]
    [Row("H07"), Row("H08")]
    [InlineData("X-Named")]
    [InlineData("x-named")]
    [InlineData("X_User")]
    [InlineData("Proxy-Connection")]
    [InlineData("X-Forwarded-Anything")]
    [InlineData("Impersonate-Extra-scopes")]
    public void Such_a_header_does_not_go_on(string name) => Assert.False(Postern.Protocols.HttpData.HeaderRules.GoesOn(name, "keep-alive, Authorization, X-Identity, X-Named"));

    [Fact]
    public async Task Every_reading_of_a_name_that_stands_twice_is_judged()
    {
        await using var bed = await HttpBed.StartAsync(policy: """
            version: 1
            rules:
              - { id: one, who: { groups: [support] }, on: { connection: api, methods: [GET, POST], paths: ["/**"] }, when: "query.?account.orValue(body.?account.orValue('')) == '7'", then: allow }
            """);

        Assert.Equal(HttpStatusCode.OK, (await bed.GetAsync("/a?account=7&account=7")).Status);
        Assert.Equal(HttpStatusCode.Forbidden, (await bed.GetAsync("/a?account=7&account=8")).Status);
        Assert.Equal(HttpStatusCode.Forbidden, (await bed.GetAsync("/a?account=8&account=7")).Status);
        Assert.Equal(HttpStatusCode.OK, (await bed.SendAsync("POST", "/a", "account=7&x=1+2", "application/x-www-form-urlencoded")).Status);
        Assert.Equal(HttpStatusCode.Forbidden, (await bed.SendAsync("POST", "/a", "account=7&account=8", "application/x-www-form-urlencoded")).Status);
        Assert.Equal("account=7&x=1+2", bed.Target.Requests.Last().BodyText);
    }
}
