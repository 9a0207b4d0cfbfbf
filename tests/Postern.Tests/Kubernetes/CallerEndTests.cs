using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Postern.Protocols.Kubernetes;

namespace Postern.Tests.Kubernetes;

/// <summary>A timer that lets go of a caller may come when its request has just ended; what it throws, nobody catches.</summary>
[Guarantee("G16")]
public sealed class CallerEndTests
{
    [Fact]
    public async Task Letting_go_of_a_caller_whose_request_is_over_is_nothing()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        await using var server = builder.Build();
        server.Urls.Add("http://127.0.0.1:0");
        HttpContext? kept = null;
        server.Run(context =>
        {
            kept = context;
            return Task.CompletedTask;
        });
        await server.StartAsync(TestContext.Current.CancellationToken);
        using var http = new HttpClient();
        using var answer = await http.GetAsync(new Uri(server.Urls.Single()), TestContext.Current.CancellationToken);
        await server.StopAsync(TestContext.Current.CancellationToken);

        // What this is for: an exception, on a thread where it would end the gateway.
        Assert.Throws<ObjectDisposedException>(kept!.Abort);
        kept.AbortIfOpen();
    }
}
