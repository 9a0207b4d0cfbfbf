using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;

namespace Postern.Tests.Cli;

/// <summary>What the control API refuses becomes an exit code and one line that says what to do.</summary>
public sealed class ControlApiTests
{
    [Theory]
    [InlineData(401, "{}", 3, "sign in with `postern login`")]
    [InlineData(403, """{"detail":"not for you"}""", 4, "not for you")]
    [InlineData(404, "{}", 7, "does not exist, or is not yours to see")]
    [InlineData(503, "{}", 8, "cannot work at the moment")]
    [InlineData(500, "no json", 1, "answered 500")]
    [InlineData(302, "", 1, "answered 302")]
    [InlineData(200, "<html>", 1, "not as a Postern gateway does")]
    [InlineData(200, """{"key":"demo:alice","groups":["support"]}""", 0, "")]
    public async Task Each_answer_has_its_exit_code(int status, string body, int exitCode, string error)
    {
        await using var gateway = await GatewayThatAnswersAsync(status, body);

        var result = await CommandLine.RunAsync(["whoami", "--gateway", gateway.Urls.Single()], new() { ["POSTERN_TOKEN"] = "t" });

        Assert.Equal(exitCode, result.ExitCode);
        Assert.Contains(error, result.Error);
        if (exitCode != 0) Assert.Single(result.Error.TrimEnd('\n').Split('\n'));
    }

    [Fact]
    public async Task Nobody_there_is_exit_8()
    {
        var result = await CommandLine.RunAsync("whoami", "--gateway", "http://127.0.0.1:9");

        Assert.Equal(8, result.ExitCode);
        Assert.Contains("nothing listens there", result.Error);
    }

    [Theory]
    [InlineData("open", 5)]
    [InlineData("denied", 6)]
    [InlineData("expired", 6)]
    [InlineData("approved", 0)]
    [InlineData("consumed", 0)]
    [InlineData("something-new", 1)]
    public async Task Where_an_approval_stands_is_its_exit_code(string state, int exitCode)
    {
        await using var gateway = await GatewayThatAnswersAsync(200, $$"""{"id":"h1","state":"{{state}}","summary":"refund\u001b[2J","request":"{\n\u202e}"}""");

        var result = await CommandLine.RunAsync(["approvals", "show", "h1", "--gateway", gateway.Urls.Single()], new() { ["POSTERN_TOKEN"] = "t" });

        Assert.Equal(exitCode, result.ExitCode);
        Assert.Contains("refund⟨U+001B⟩[2J", result.Out);
        Assert.Contains("{\n⟨U+202E⟩}", result.Out);
    }

    [Theory]
    [InlineData("ftp://x")]
    [InlineData("localhost:7600")]
    public async Task What_is_no_url_is_a_matter_of_usage(string gateway)
    {
        var result = await CommandLine.RunAsync("whoami", "--gateway", gateway);

        Assert.Equal(2, result.ExitCode);
    }

    [Fact]
    public async Task The_token_goes_to_the_gateway_and_follows_no_redirect()
    {
        var seen = new List<string>();
        await using var elsewhere = await GatewayThatAnswersAsync(200, "{}", request => seen.Add(request.Headers.Authorization!));
        await using var gateway = await GatewayThatAnswersAsync(307, "", location: elsewhere.Urls.Single());

        var result = await CommandLine.RunAsync(["whoami", "--gateway", gateway.Urls.Single()], new() { ["POSTERN_TOKEN"] = "secret" });

        Assert.Equal(1, result.ExitCode);
        Assert.Empty(seen);
    }

    private static async Task<WebApplication> GatewayThatAnswersAsync(int status, string body, Action<HttpRequest>? see = null, string? location = null)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        var app = builder.Build();
        app.Run(context =>
        {
            see?.Invoke(context.Request);
            context.Response.StatusCode = status;
            context.Response.ContentType = "application/json";
            if (location is not null) context.Response.Headers.Location = location;
            return context.Response.WriteAsync(body);
        });
        await app.StartAsync();
        return app;
    }
}
