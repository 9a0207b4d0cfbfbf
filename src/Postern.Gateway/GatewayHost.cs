using System.Collections.Immutable;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Postern.Core.Yaml;
using Postern.Gateway.Configuration;
using Postern.Gateway.Connections;
using Postern.Gateway.Health;
using Postern.Gateway.Listening;
using Postern.Gateway.Storage;

namespace Postern.Gateway;

/// <summary>What surrounds a gateway and is not configuration.</summary>
public sealed record GatewaySurroundings
{
    /// <summary>All time comes from here.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;

    /// <summary>Where logs go.</summary>
    public ILoggerFactory Logs { get; init; } = Microsoft.Extensions.Logging.Abstractions.NullLoggerFactory.Instance;
}

/// <summary>A running gateway. Used alike by <c>serve</c>, the demo and the tests.</summary>
public sealed class GatewayHost : IAsyncDisposable
{
    private readonly Teardown _teardown;
    private int _stopped;

    private GatewayHost(string url, string? managementUrl, Teardown teardown)
    {
        Url = url;
        ManagementUrl = managementUrl;
        _teardown = teardown;
    }

    /// <summary>Where clients reach it, with the real port; no trailing slash.</summary>
    public string Url { get; }

    /// <summary>Where health and readiness are, or null.</summary>
    public string? ManagementUrl { get; }

    /// <summary>Starts a gateway; when the task completes, it serves.</summary>
    /// <exception cref="GatewayStartException">It cannot start; every problem that can be known is in it.</exception>
    public static async Task<GatewayHost> StartAsync(GatewayOptions options, GatewaySurroundings? surroundings = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        surroundings ??= new GatewaySurroundings();
        var teardown = new Teardown();
        try
        {
            return await ComposeAsync(options, surroundings, teardown, cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            await teardown.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Takes no more work, lets what is in flight end within the configured time, cuts the rest, and closes the journal.</summary>
    public async Task StopAsync()
    {
        if (Interlocked.Exchange(ref _stopped, 1) == 0) await _teardown.DisposeAsync().ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync() => await StopAsync().ConfigureAwait(false);

    private static async Task<GatewayHost> ComposeAsync(GatewayOptions options, GatewaySurroundings surroundings, Teardown teardown, CancellationToken cancellationToken)
    {
        // Whatever is wrong with the options is said at once, and before anything is touched.
        var problems = GatewayOptionsCheck.Problems(options).Select(problem => new SourceProblem("configuration", 0, 0, problem.Message)).ToImmutableArray();
        if (!problems.IsEmpty) throw new GatewayStartException(problems);

        var listener = teardown.Own(BoundListener.Bind("listen.url", options.Url));
        var management = options.Management is { } url ? teardown.Own(BoundListener.Bind("listen.management", url)) : null;
        var certificate = options.Tls is { } tls ? teardown.Own(new ServedCertificate(tls, surroundings.Clock, surroundings.Logs.CreateLogger("Postern.Tls"))) : null;
        var folder = teardown.Own(DataFolder.Open(options.Data));
        var database = teardown.Own(GatewayDatabase.Open(folder.Path));
        var connections = new ConnectionDirectory(options.Connections);

        var readiness = new Readiness([new ReadinessCheck("database", database.ComplaintAsync)]);
        if (management is not null) await RunAsync(ManagementServer.Build(management, readiness, surroundings.Logs), teardown, cancellationToken).ConfigureAwait(false);
        return new GatewayHost(listener.Url, management?.Url, teardown);
    }

    private static async Task RunAsync(WebApplication server, Teardown teardown, CancellationToken cancellationToken)
    {
        teardown.Own(server);
        await server.StartAsync(cancellationToken).ConfigureAwait(false);
    }
}
