using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;
using Postern.Core.Pipeline;
using Postern.Gateway.Configuration;
using Postern.Gateway.Exports;
using Postern.Gateway.Health;

// The control plane's own client: it speaks to receivers that the operator configured, never to a target.
#pragma warning disable RS0030

namespace Postern.Gateway.Telemetry;

/// <summary>
/// Sends spans of operations and the gateway's metrics to a collector, by the OpenTelemetry SDK. Unlike exports of the journal these may be
/// lost: they are for watching, not for proving. What cannot be sent is dropped, and no operation ever waits.
/// </summary>
internal sealed class OtlpTelemetry : IDisposable
{
    private const int MillisecondsPerSecond = 1_000;
    private static readonly TimeSpan MetricInterval = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan LastFlush = TimeSpan.FromSeconds(2);

    private readonly TracerProvider? _traces;
    private readonly MeterProvider _metrics;

    public OtlpTelemetry(TelemetryOptions options)
    {
        var resource = ResourceBuilder.CreateEmpty().AddService("postern", serviceInstanceId: Environment.MachineName);
        // Zero percent is no listener at all: then not even the span is made.
        _traces = options.SamplePercent == 0 ? null : Sdk.CreateTracerProviderBuilder()
            .SetResourceBuilder(resource)
            .AddSource(OperationTrace.SourceName)
            // By our own dice and the trace's id alone: a caller's flag would let it choose what is kept.
            .SetSampler(new TraceIdRatioBasedSampler(options.SamplePercent / 100.0))
            .AddOtlpExporter(exporter => Apply(exporter, options, "v1/traces"))
            .Build();
        _metrics = Sdk.CreateMeterProviderBuilder()
            .SetResourceBuilder(resource)
            .AddMeter(OperationMetrics.MeterName)
            .AddOtlpExporter((exporter, reader) =>
            {
                Apply(exporter, options, "v1/metrics");
                reader.PeriodicExportingMetricReaderOptions.ExportIntervalMilliseconds = (int)MetricInterval.TotalMilliseconds;
                reader.TemporalityPreference = MetricReaderTemporalityPreference.Cumulative;
            })
            .Build();
    }

    /// <summary>Sends what is waiting, for a moment at most.</summary>
    public void Flush()
    {
        _traces?.ForceFlush((int)LastFlush.TotalMilliseconds);
        _metrics.ForceFlush((int)LastFlush.TotalMilliseconds);
    }

    public void Dispose()
    {
        _traces?.Shutdown((int)LastFlush.TotalMilliseconds);
        _metrics.Shutdown((int)LastFlush.TotalMilliseconds);
        _traces?.Dispose();
        _metrics.Dispose();
    }

    private static void Apply(OtlpExporterOptions exporter, TelemetryOptions options, string path)
    {
        exporter.Protocol = OtlpExportProtocol.HttpProtobuf;
        exporter.Endpoint = new Uri($"{options.Url.TrimEnd('/')}/{path}");
        exporter.TimeoutMilliseconds = 10 * MillisecondsPerSecond;
        // The environment has no say: a variable of another program must not add a header.
        exporter.Headers = "";
        exporter.HttpClientFactory = () =>
        {
            var http = new HttpClient(HttpDelivery.HandlerFor(options.Authorities)) { Timeout = TimeSpan.FromSeconds(10) };
            if (options.Credential is { } credential) http.DefaultRequestHeaders.TryAddWithoutValidation(credential.Header, credential.Value);
            return http;
        };
    }
}
