using System.Net;
using Yarp.ReverseProxy.Configuration;

var builder = WebApplication.CreateSlimBuilder();
builder.Logging.ClearProviders();
builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
if (args.Contains("inline")) builder.WebHost.UseSockets(sockets => sockets.UnsafePreferInlineScheduling = true);
builder.Services.AddReverseProxy().LoadFromMemory(
    [new RouteConfig { RouteId = "all", ClusterId = "echo", Match = new RouteMatch { Path = "/{**rest}" } }],
    [new ClusterConfig { ClusterId = "echo", Destinations = new Dictionary<string, DestinationConfig> { ["only"] = new() { Address = args[0] } } }]);
await using var app = builder.Build();
app.MapReverseProxy();
await app.StartAsync();
Console.WriteLine($"listening {app.Urls.Single()}");
while (await Console.In.ReadLineAsync() is not null)
{
    // Lives until the run that started it lets go.
}
