using Postern.Gateway.Exports;

namespace Postern.Gateway.Configuration;

/// <summary>One place that the journal is sent to.</summary>
public sealed record ExportOptions
{
    /// <summary>Its name, in metrics and in the file of its cursor.</summary>
    public required string Name { get; init; }

    /// <summary>Where, and how it speaks.</summary>
    public required ExportTarget Target { get; init; }

    /// <summary>Which events.</summary>
    internal ExportKinds Events { get; init; } = ExportKinds.All;

    /// <summary>True when requests and replies go with them, after masks.</summary>
    public bool HasContent { get; init; }

    /// <summary>True when new work is refused once the sink is further behind than <see cref="MaxLag"/>.</summary>
    public bool IsRequired { get; init; }

    /// <summary>Bytes of the journal that the sink may be behind.</summary>
    public long MaxLag { get; init; } = 1024L * 1024 * 1024;
}

/// <summary>Where events go.</summary>
public abstract record ExportTarget
{
    private ExportTarget()
    {
    }

    /// <summary>A syslog receiver over TCP.</summary>
    public sealed record Syslog(string Host, int Port, bool UsesTls, string? Authorities, SyslogFormat Format) : ExportTarget;

    /// <summary>JSON over HTTP.</summary>
    public sealed record Http(string Url, HttpShape Shape, CredentialOptions? Credential, string? Authorities) : ExportTarget;

    /// <summary>An OpenTelemetry collector's path for logs.</summary>
    public sealed record Otlp(string Url, CredentialOptions? Credential, string? Authorities) : ExportTarget;
}

/// <summary>What stands in a syslog message behind its structured data.</summary>
public enum SyslogFormat
{
    /// <summary>The event as JSON.</summary>
    Json,

    /// <summary>The event in the Common Event Format.</summary>
    Cef,
}

/// <summary>How events stand in the body of a POST.</summary>
public enum HttpShape
{
    /// <summary>For Splunk's HTTP event collector.</summary>
    Hec,

    /// <summary>One on each line.</summary>
    Lines,

    /// <summary>All in one array.</summary>
    Array,
}
