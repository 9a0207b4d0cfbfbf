using Postern.Gateway.Configuration;

namespace Postern.Gateway.Exports;

/// <summary>Makes the sink that an export's options ask for.</summary>
internal static class ExportSinks
{
    public static IExportSink Open(ExportOptions options, TimeProvider clock) => options.Target switch
    {
        ExportTarget.Syslog syslog => new SyslogSink(syslog),
        ExportTarget.Http http => new HttpSink(http, clock),
        ExportTarget.Otlp otlp => new OtlpLogSink(otlp, clock),
        _ => throw new InvalidOperationException($"an export to `{options.Target.GetType().Name}` has no sink"),
    };
}
