using System.Diagnostics;
using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Postern.Benchmarks.Streams;

namespace Postern.Benchmarks.Kubernetes;

/// <summary>
/// The answers of an API server without its work: one pod, a list of them, a watch at a steady pace. A process of its own (<c>cluster</c>), which ends when
/// its stdin closes.
/// </summary>
internal static class ClusterUpstream
{
    public const int ListLength = 500;

    /// <summary>The pod that a get asks for.</summary>
    public static byte[] One { get; } = JsonSerializer.SerializeToUtf8Bytes(Pod(1, alone: true, note: "of the shop"));

    /// <summary>The list.</summary>
    public static byte[] List { get; } = JsonSerializer.SerializeToUtf8Bytes(new JsonObject
    {
        ["kind"] = "PodList", ["apiVersion"] = "v1", ["metadata"] = new JsonObject { ["resourceVersion"] = "4711" },
        ["items"] = new JsonArray([.. Enumerable.Range(0, ListLength).Select(i => Pod(i, alone: false, note: "of the shop"))]),
    });

    public static async Task RunAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Listen(IPAddress.Loopback, 0);
            kestrel.AddServerHeader = false;
        });
        builder.WebHost.UseSockets(sockets => sockets.UnsafePreferInlineScheduling = true);
        await using var app = builder.Build();
        app.MapGet("/cluster" + ClusterRun.Pods + "/web-1", (HttpContext context) => AnswerAsync(context.Response, One));
        app.MapGet("/cluster" + ClusterRun.Pods, (HttpContext context) => context.Request.Query.ContainsKey("watch") ? WatchAsync(context) : AnswerAsync(context.Response, List));
        await app.StartAsync();
        Console.WriteLine($"listening {app.Urls.Single()}/cluster");
        while (await Console.In.ReadLineAsync() is not null)
        {
            // Lives until the run that started it lets go.
        }
    }

    private static Task AnswerAsync(HttpResponse response, byte[] document)
    {
        response.ContentType = "application/json";
        response.ContentLength = document.Length;
        return response.Body.WriteAsync(document).AsTask();
    }

    private static async Task WatchAsync(HttpContext context)
    {
        var events = int.Parse(context.Request.Query["events"]!, System.Globalization.CultureInfo.InvariantCulture);
        var every = TimeSpan.FromMilliseconds(int.Parse(context.Request.Query["every"]!, System.Globalization.CultureInfo.InvariantCulture));
        context.Response.ContentType = "application/json";
        // The event is made once, but for the instant in it.
        var (before, after) = Parts();
        using var pace = new PeriodicTimer(every);
        for (var step = 0; step < events; step++)
        {
            await pace.WaitForNextTickAsync();
            await context.Response.Body.WriteAsync(Encoding.UTF8.GetBytes($"{before}{PacedStream.Now}{after}\n"));
            await context.Response.Body.FlushAsync();
        }
    }

    private static (string Before, string After) Parts()
    {
        var line = new JsonObject { ["type"] = "MODIFIED", ["object"] = Pod(1, alone: true, note: PacedStream.Mark + "0 of the shop") }.ToJsonString();
        var at = line.IndexOf(PacedStream.Mark, StringComparison.Ordinal) + PacedStream.Mark.Length;
        return (line[..at], line[(at + 1)..]);
    }

    /// <summary>A pod as a deployment makes them; one value of its environment is what masks look for.</summary>
    private static JsonObject Pod(int index, bool alone, string note)
    {
        var pod = new JsonObject();
        if (alone) (pod["kind"], pod["apiVersion"]) = ("Pod", "v1");
        pod["metadata"] = new JsonObject
        {
            ["name"] = $"web-{index}", ["namespace"] = "shop", ["uid"] = $"0f6a7e1c-53b1-4c62-9a0a-{index:d12}", ["resourceVersion"] = $"{4000 + index}", ["creationTimestamp"] = "2026-11-20T08:00:00Z",
            ["labels"] = new JsonObject { ["app"] = "web", ["pod-template-hash"] = "5d8c7b9f4" },
            ["annotations"] = new JsonObject { ["shop.example/note"] = note },
            ["ownerReferences"] = new JsonArray(new JsonObject { ["apiVersion"] = "apps/v1", ["kind"] = "ReplicaSet", ["name"] = "web-5d8c7b9f4", ["uid"] = "a1c1c1c1-53b1-4c62-9a0a-000000000001", ["controller"] = true }),
        };
        pod["spec"] = new JsonObject
        {
            ["containers"] = new JsonArray(new JsonObject
            {
                ["name"] = "web", ["image"] = "registry.example/shop/web:2026.11.1", ["imagePullPolicy"] = "IfNotPresent", ["ports"] = new JsonArray(new JsonObject { ["containerPort"] = 8080, ["protocol"] = "TCP" }),
                ["env"] = new JsonArray(new JsonObject { ["name"] = "MODE", ["value"] = "fast" }, new JsonObject { ["name"] = "OWNER", ["value"] = $"ada{index}@example.com" }),
                ["resources"] = new JsonObject { ["requests"] = new JsonObject { ["cpu"] = "100m", ["memory"] = "128Mi" }, ["limits"] = new JsonObject { ["memory"] = "256Mi" } },
            }),
            ["restartPolicy"] = "Always", ["nodeName"] = $"node-{index % 7}", ["serviceAccountName"] = "web", ["schedulerName"] = "default-scheduler",
        };
        pod["status"] = new JsonObject
        {
            ["phase"] = "Running", ["hostIP"] = "10.0.0.4", ["podIP"] = $"10.1.{index / 250}.{index % 250}",
            ["conditions"] = new JsonArray([.. new[] { "Initialized", "Ready", "ContainersReady", "PodScheduled" }.Select(type => (JsonNode)new JsonObject { ["type"] = type, ["status"] = "True", ["lastTransitionTime"] = "2026-11-20T08:00:10Z" })]),
            ["containerStatuses"] = new JsonArray(new JsonObject { ["name"] = "web", ["ready"] = true, ["restartCount"] = 0, ["image"] = "registry.example/shop/web:2026.11.1", ["state"] = new JsonObject { ["running"] = new JsonObject { ["startedAt"] = "2026-11-20T08:00:08Z" } } }),
        };
        return pod;
    }
}
