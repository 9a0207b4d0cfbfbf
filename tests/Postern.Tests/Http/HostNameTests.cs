using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;
using Postern.Gateway.Configuration;

namespace Postern.Tests.Http;

/// <summary>A connection at a host name of its own: the same path, and nothing of the gateway there.</summary>
public sealed class HostNameTests
{
    [Fact]
    [Row("H06"), Row("H10")]
    public async Task A_host_name_leads_to_the_root_of_its_connection()
    {
        await using var bed = await HttpBed.StartAsync(hostNames: ["billing.example"]);
        var port = new Uri(bed.Host.Url).Port;
        foreach (var host in (string[])["billing.example", $"billing.example:{port}", "BILLING.example"])
        {
            foreach (var path in (string[])["/", "/approvals", "/api/v1/approvals", "/http/api/a", "/mcp/api", "/.well-known/oauth-protected-resource", "/caf%c3%a9?x=a+b"])
            {
                bed.Target.Requests.Clear();
                Assert.StartsWith("HTTP/1.1 200 ", await AskAsync(bed, host, path), StringComparison.Ordinal);
                Assert.Equal(path == "/caf%c3%a9?x=a+b" ? "/caf%C3%A9?x=a%20b" : path, Assert.Single(bed.Target.Requests).Target);
            }
        }
        bed.Target.Requests.Clear();
        Assert.StartsWith("HTTP/1.1 403 ", await AskAsync(bed, "billing.example", "/admin/x"), StringComparison.Ordinal);
        foreach (var path in (string[])["/a/../b", "/%2e%2e/a", "//a", "/a;b", "/a%2fb", "/a\\b", "http://evil.test/a", "*"]) Assert.Matches("^HTTP/1\\.1 40[05] ", await AskAsync(bed, "billing.example", path));
        foreach (var host in (string[])["billing.example:1", "billing.example.", "x.billing.example", "billing.exampl", "root@billing.example", "billing.example, billing.example"]) Assert.Matches("^HTTP/1\\.1 4(00|21) ", await AskAsync(bed, host, "/a"));
        // No token of nobody's, and the challenge leads to the gateway.
        var challenge = await bed.RawAsync("GET /a HTTP/1.1\r\nHost: billing.example\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 401 ", challenge, StringComparison.Ordinal);
        Assert.Contains($"resource_metadata=\"{bed.Host.PublicUrl}/.well-known/oauth-protected-resource/http/api\"", challenge, StringComparison.Ordinal);
        Assert.Empty(bed.Target.Requests);
    }

    [Fact]
    [Row("H14")]
    public async Task Places_and_cookies_are_those_of_the_host_name()
    {
        await using var bed = await HttpBed.StartAsync(hostNames: ["billing.example"]);
        bed.Target.Answer = _ => $"HTTP/1.1 307 Temporary Redirect\r\nLocation: {bed.Target.Url}/new\r\nSet-Cookie: a=1; Path=/x\r\nContent-Length: 0\r\n\r\n";

        var answer = await AskAsync(bed, "billing.example", "/a");

        Assert.Contains("Location: http://billing.example/new\r\n", answer, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("Set-Cookie: a=1; Path=/x\r\n", answer, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    [Row("H10")]
    public async Task What_a_caller_says_of_another_host_is_not_believed()
    {
        await using var bed = await HttpBed.StartAsync(hostNames: ["billing.example"]);

        Assert.StartsWith("HTTP/1.1 200 ", await AskAsync(bed, "billing.example", "/a", "X-Forwarded-Host: evil.test\r\nForwarded: host=evil.test\r\nX-Host: evil.test\r\nX-Forwarded-For: 10.0.0.1\r\n"), StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 421 ", await AskAsync(bed, "evil.test", "/a", "X-Forwarded-Host: billing.example\r\nForwarded: host=billing.example\r\n"), StringComparison.Ordinal);
        Assert.DoesNotContain("evil.test", Assert.Single(bed.Target.Requests).Head, StringComparison.Ordinal);
    }

    [Fact]
    [Row("H10")]
    public async Task A_name_of_the_handshake_that_is_not_the_one_asked_for_is_refused()
    {
        await using var bed = await HttpBed.StartAsync(tls: true, hostNames: ["billing.example"]);
        Assert.StartsWith("HTTP/1.1 200 ", await OverTlsAsync(bed, "billing.example", "billing.example"), StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 200 ", await OverTlsAsync(bed, "", "billing.example"), StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 421 ", await OverTlsAsync(bed, "other.example", "billing.example"), StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 421 ", await OverTlsAsync(bed, "billing.example", bed.Authority), StringComparison.Ordinal);

        // A proxy opens TLS under the name by which it knows us.
        await using var behind = await HttpBed.StartAsync(tls: true, hostNames: ["billing.example"], behindProxy: true);
        Assert.StartsWith("HTTP/1.1 200 ", await OverTlsAsync(behind, "inside.example", "billing.example"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("hostnames: [Billing.example]", "expected a host name in lower-case")]
    [InlineData("hostnames: [\"billing.example:443\"]", "without a port")]
    [InlineData("hostnames: [\"*.example\"]", "expected a host name")]
    [InlineData("hostnames: [\"billing.example.\"]", "expected a host name")]
    [InlineData("hostnames: [10.0.0.1]", "is the machine's")]
    [InlineData("hostnames: [localhost]", "is the machine's")]
    [InlineData("hostnames: [gateway.example]", "already leads to the gateway itself")]
    [InlineData("hostnames: [also.example]", "already leads to the gateway itself (`allowedHosts`)")]
    [InlineData("hostnames: [b.example, b.example]", "already leads to connection `billing`")]
    [InlineData("hostnames: [a.example]", "already leads to connection `another`")]
    [InlineData("protocol: mcp, hostnames: [b.example]", "only an `http` connection")]
    [InlineData("stdio: { command: /bin/cat }", "a `http` target is reached at an URL")]
    [InlineData("protocol: kubernetes, stdio: { command: /bin/cat }", "a `kubernetes` target is reached at an URL")]
    [InlineData("protocol: mcp, stdio: { command: /bin/cat }, http2: true", "only a target over HTTP is spoken to in HTTP/2")]
    [InlineData("protocol: mcp, url: \"https://b.example/mcp\", openapi: x.json", "has no OpenAPI document")]
    [InlineData("protocol: postgres, url: \"postgresql://127.0.0.1/x\", credential: { user: a }, http2: true", "only a target over HTTP is spoken to in HTTP/2")]
    [InlineData("url: \"postgresql://127.0.0.1/x\"", "a `http` target is reached over http or https")]
    [InlineData("url: \"http://127.0.0.1:1\", tls: { ca: ca.pem }", "has no certificate")]
    public void What_cannot_be_meant_is_refused_when_it_is_read(string keys, string complaint)
    {
        if (!keys.Contains("protocol:", StringComparison.Ordinal)) keys = "protocol: http, " + keys;
        if (!keys.Contains("url:", StringComparison.Ordinal) && !keys.Contains("stdio:", StringComparison.Ordinal)) keys += ", url: \"https://billing.internal\"";
        var text = $$"""
            publicUrl: https://gateway.example
            allowedHosts: ["also.example:8443"]
            issuers: { demo: { authority: "https://issuer.example" } }
            policy: [policy.yaml]
            connections:
              another: { protocol: http, url: "https://another.internal", hostnames: [a.example] }
              billing: { {{keys}} }
            """;

        var result = ConfigurationLoader.Parse("postern.yaml", text, [], ["http", "kubernetes", "mcp", "postgres"]);

        Assert.Null(result.Options);
        Assert.Contains(result.Problems, problem => problem.Message.Contains(complaint, StringComparison.Ordinal) && problem.Line > 1);
    }

    private static Task<string> AskAsync(HttpBed bed, string host, string path, string more = "") => bed.RawAsync($"GET {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {bed.Token}\r\n{more}\r\n");

    private static async Task<string> OverTlsAsync(HttpBed bed, string name, string host)
    {
        using var client = new TcpClient();
        await client.ConnectAsync("127.0.0.1", new Uri(bed.Host.Url).Port);
        await using var tls = new SslStream(client.GetStream());
        await tls.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = name, RemoteCertificateValidationCallback = static (_, _, _, _) => true });
        await tls.WriteAsync(Encoding.ASCII.GetBytes($"GET {(host == bed.Authority ? "/http/api" : "")}/a HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {bed.Token}\r\nConnection: close\r\n\r\n"));
        using var reader = new StreamReader(tls, Encoding.Latin1);
        return await reader.ReadToEndAsync();
    }
}
