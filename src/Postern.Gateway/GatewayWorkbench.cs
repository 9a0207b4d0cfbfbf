using System.Security.Cryptography;
using Microsoft.Extensions.Logging.Abstractions;
using Postern.Gateway.Configuration;
using Postern.Gateway.Connections;
using Postern.Gateway.Listening;
using Postern.Gateway.Storage;
using Postern.Protocols.Kubernetes;
using Postern.Protocols.Postgres.Sql;

namespace Postern.Gateway;

/// <summary>A place that a gateway would listen at.</summary>
/// <param name="Key">The key that says so.</param>
/// <param name="Where">Scheme, address and port.</param>
/// <param name="Problem">Why it cannot be had; null when it is free.</param>
/// <param name="IsTaken">True when the reason is that somebody listens there.</param>
public sealed record ListenerState(string Key, string Where, string? Problem, bool IsTaken);

/// <summary>The folder that a gateway would use.</summary>
/// <param name="Exists">False when it would be made.</param>
/// <param name="IsInUse">True when a gateway uses it at this moment.</param>
/// <param name="Problem">Why it cannot be used; null when it can, or is in use.</param>
public sealed record FolderState(bool Exists, bool IsInUse, string? Problem);

/// <summary>Tries what a gateway of the same configuration does first when it starts, and lets go of it again.</summary>
public static class GatewayWorkbench
{
    /// <summary>Binds each listener for a moment.</summary>
    public static IEnumerable<ListenerState> Listeners(GatewayOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        yield return Try("listen.url", options.Url);
        if (options.Management is { } management) yield return Try("listen.management", management);
        if (options.Kubernetes is { } clusters && options.Connections.Any(connection => connection.Protocol == KubernetesVocabulary.ProtocolName)) yield return Try("listen.kubernetes", clusters);
        if (PostgresTargets.AreIn(options)) yield return Try("listen.postgres.address", $"http://{options.Postgres.Address}") with { Where = options.Postgres.Address };
    }

    /// <summary>Whether the data folder can be used. Makes nothing.</summary>
    public static FolderState Folder(GatewayOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (!Directory.Exists(options.Data)) return new FolderState(false, false, MayMake(options.Data));
        try
        {
            DataFolder.Open(options.Data).Dispose();
            return new FolderState(true, false, null);
        }
        catch (GatewayStartException refused)
        {
            var why = refused.Problems[0].Message;
            return why.Contains(DataFolder.InUse, StringComparison.Ordinal) ? new FolderState(true, true, null) : new FolderState(true, false, why);
        }
    }

    /// <summary>Reads a certificate and its key as they are served: why they cannot be, or until when they are good.</summary>
    public static (string? Problem, DateTimeOffset Ends) Certificate(TlsOptions files, TimeProvider clock)
    {
        ArgumentNullException.ThrowIfNull(files);
        try
        {
            using var served = new ServedCertificate(files, clock, NullLogger.Instance);
            return (served.Complaint(clock.GetUtcNow()), new DateTimeOffset(served.Current.TargetCertificate.NotAfter.ToUniversalTime()));
        }
        catch (GatewayStartException refused)
        {
            return (refused.Problems[0].Message, default);
        }
    }

    /// <summary>Why SQL could not be understood; null when it can, or no connection needs it. Starts a process for a moment.</summary>
    public static string? SqlFault(GatewayOptions options) => PostgresTargets.AreIn(options) ? PostgresGrammar.Fault() : null;

    private static ListenerState Try(string key, string url)
    {
        try
        {
            BoundListener.Bind(key, url).Dispose();
            return new ListenerState(key, url, null, false);
        }
        catch (GatewayStartException refused)
        {
            var why = refused.Problems[0].Message;
            return new ListenerState(key, url, why, why.Contains(BoundListener.Taken, StringComparison.Ordinal));
        }
    }

    private static string? MayMake(string path)
    {
        var above = Path.GetDirectoryName(path);
        while (above is not null && !Directory.Exists(above)) above = Path.GetDirectoryName(above);
        try
        {
            if (above is null) return $"cannot make `{path}`: nothing of its path exists";
            var probe = Path.Combine(above, $".postern-{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(6))}");
            File.Create(probe, 1, FileOptions.DeleteOnClose).Dispose();
            return null;
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
        {
            return $"cannot make `{path}`: no permission to write into `{above}`";
        }
    }
}
