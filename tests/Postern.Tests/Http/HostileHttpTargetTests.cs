using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Postern.Tests.Http;

/// <summary>A target that lies about its answers. What cannot be passed on safely is a 502, and its connection serves nobody else.</summary>
public sealed class HostileHttpTargetTests
{
    [Theory]
    [Row("H11")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Split: a\rSet-Cookie: x=y\r\n\r\nok")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Split: a\nSet-Cookie: x=y\r\n\r\nok")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Nul: a\0b\r\n\r\nok")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nBad Name: a\r\n\r\nok")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: text/plain\r\nContent-Type: text/html\r\n\r\nok")]
    [Row("H12")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nok")]
    [InlineData("HTTP/1.1 101 Switching Protocols\r\nUpgrade: anything\r\nConnection: Upgrade\r\n\r\nraw")]
    [InlineData("HTTP/2 200\r\n\r\n")]
    [InlineData("nonsense\r\n\r\n")]
    [InlineData(null)]
    public async Task An_answer_with_two_readings_is_a_502(string? answer)
    {
        await using var bed = await HttpBed.StartAsync();
        bed.Target.Answer = _ => answer;

        var got = await bed.GetAsync("/a");

        Assert.Equal(HttpStatusCode.BadGateway, got.Status);
        Assert.StartsWith("upstream.", got.Json.GetProperty("code").GetString(), StringComparison.Ordinal);
        Assert.DoesNotContain("x=y", got.Everything, StringComparison.Ordinal);
        // The connection that said so serves nobody else.
        bed.Target.Answer = _ => RawTarget.Reply("text/plain", "sound");
        Assert.Equal("sound", (await bed.GetAsync("/b")).Body);
        Assert.Equal(2, bed.Target.Connections);
    }

    [Fact]
    [Row("H12")]
    public async Task A_flood_of_interim_answers_ends_in_a_502()
    {
        await using var bed = await HttpBed.StartAsync();
        bed.Target.Answer = _ => string.Concat(Enumerable.Repeat("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", 1000)) + RawTarget.Reply("text/plain", "late");

        Assert.Equal(HttpStatusCode.BadGateway, (await bed.GetAsync("/a")).Status);
    }

    [Fact]
    [Row("H12"), Row("F07")]
    public async Task A_short_body_is_cut_and_never_looks_whole()
    {
        await using var bed = await HttpBed.StartAsync();
        bed.Target.ClosesAfterwards = true;
        bed.Target.Answer = _ => "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 100000\r\n\r\nbegin";

        await Assert.ThrowsAnyAsync<HttpRequestException>(async () =>
        {
            var got = await bed.GetAsync("/a");
            if (got.Status == HttpStatusCode.BadGateway) throw new HttpRequestException("answered with an error instead");
        });
    }

    [Fact]
    [Row("H12")]
    public async Task Bytes_behind_an_answer_are_nobodys_answer()
    {
        await using var bed = await HttpBed.StartAsync();
        bed.Target.Answer = request => request.Target == "/a" ? RawTarget.Reply("text/plain", "first") + RawTarget.Reply("text/plain", "poison") : RawTarget.Reply("text/plain", "second");

        Assert.Equal("first", (await bed.GetAsync("/a")).Body);
        Assert.Equal("second", (await bed.GetAsync("/b")).Body);
    }

    [Theory]
    [Row("H14")]
    [InlineData("http://169.254.169.254/latest/meta-data")]
    [InlineData("//evil.test/a")]
    [InlineData("https://evil.test/a")]
    public async Task A_redirect_is_passed_on_and_never_followed(string location)
    {
        await using var bed = await HttpBed.StartAsync();
        bed.Target.Answer = _ => $"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n";

        var got = await bed.GetAsync("/a");

        Assert.Equal(HttpStatusCode.Found, got.Status);
        Assert.Equal(location, got.Header("Location"));
        Assert.Single(bed.Target.Requests);
    }

    [Fact]
    [Row("H14")]
    public async Task A_redirect_within_the_target_leads_through_the_gateway_again()
    {
        await using var bed = await HttpBed.StartAsync();
        bed.Target.Answer = _ => $"HTTP/1.1 307 Temporary Redirect\r\nLocation: {bed.Target.Url}/new?x=1\r\nContent-Length: 0\r\n\r\n";
        Assert.Equal(bed.Host.PublicUrl + "/http/api/new?x=1", (await bed.GetAsync("/a")).Header("Location"));

        bed.Target.Answer = _ => "HTTP/1.1 307 Temporary Redirect\r\nLocation: /new\r\nContent-Length: 0\r\n\r\n";
        Assert.Equal("/http/api/new", (await bed.GetAsync("/a")).Header("Location"));
    }

    [Fact]
    public async Task What_a_target_sets_for_its_own_host_is_set_for_its_connection_alone()
    {
        await using var bed = await HttpBed.StartAsync();
        bed.Target.Answer = _ => RawTarget.Reply("text/plain", "ok", "Set-Cookie: a=1; Path=/x; Domain=gateway.test; HttpOnly\r\nSet-Cookie: __Host-postern=stolen; Path=/; Secure\r\nSet-Cookie: Postern-loopback=stolen\r\n"
            + "Strict-Transport-Security: max-age=1\r\nClear-Site-Data: \"*\"\r\nAccess-Control-Allow-Origin: *\r\nAlt-Svc: h3=\":443\"\r\nContent-Security-Policy: default-src *\r\nCache-Control: public, max-age=600\r\nConnection: X-Hop\r\nX-Hop: 1\r\n");

        var got = await bed.GetAsync("/a");

        Assert.Equal("a=1; HttpOnly; Path=/http/api/x", Assert.Single(got.Headers, header => header.Key == "Set-Cookie").Value);
        Assert.Equal("sandbox", got.Header("Content-Security-Policy"));
        Assert.Equal("no-cache, private", got.Header("Cache-Control"));
        foreach (var name in new[] { "Strict-Transport-Security", "Clear-Site-Data", "Access-Control-Allow-Origin", "Alt-Svc", "X-Hop" }) Assert.Null(got.Header(name));
    }

    [Fact]
    [Row("H05"), Row("F08")]
    public async Task Nothing_is_ever_sent_twice()
    {
        await using var bed = await HttpBed.StartAsync();
        bed.Target.Answer = request => request.Target == "/a" ? RawTarget.Reply("text/plain", "ok") : null;
        await bed.GetAsync("/a");

        Assert.Equal(HttpStatusCode.BadGateway, (await bed.SendAsync("PUT", "/b", "x", "text/plain")).Status);
        Assert.Equal(HttpStatusCode.BadGateway, (await bed.GetAsync("/c")).Status);

        Assert.Single(bed.Target.Requests, request => request.Target == "/b");
        Assert.Single(bed.Target.Requests, request => request.Target == "/c");
    }

    [Fact]
    public async Task A_target_that_refuses_an_upload_early_is_heard()
    {
        await using var bed = await HttpBed.StartAsync();
        bed.Target.TakeOver = async (socket, _) =>
        {
            await socket.SendAsync(Encoding.ASCII.GetBytes("HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"));
            socket.Shutdown(SocketShutdown.Send);
            var buffer = new byte[65536];
            while (await socket.ReceiveAsync(buffer) > 0)
            {
            }
            socket.Dispose();
            return true;
        };

        var got = await bed.SendAsync("PUT", "/a", new string('x', 300_000), "application/octet-stream");

        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, got.Status);
    }
}
