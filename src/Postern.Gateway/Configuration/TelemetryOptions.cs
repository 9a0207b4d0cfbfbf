namespace Postern.Gateway.Configuration;

/// <summary>A collector for spans and metrics.</summary>
/// <param name="Url">Its base; <c>/v1/traces</c> and <c>/v1/metrics</c> lie below it.</param>
public sealed record TelemetryOptions(string Url)
{
    /// <summary>Of a hundred traces, how many are sent; zero makes no spans.</summary>
    public int SamplePercent { get; init; }

    /// <summary>What the gateway authenticates with there, or null.</summary>
    public CredentialOptions? Credential { get; init; }

    /// <summary>A PEM file of the roots that alone are trusted there; null for the system's own. Full path.</summary>
    public string? Authorities { get; init; }
}

/// <summary>How the gateway logs.</summary>
/// <param name="IsJson">True: one JSON object on each line.</param>
/// <param name="Level">The least that is logged.</param>
public sealed record LogOptions(bool IsJson = false, Microsoft.Extensions.Logging.LogLevel Level = Microsoft.Extensions.Logging.LogLevel.Information);
