using System.Collections.Frozen;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Postern.Core.Yaml;
using Postern.Gateway.Configuration;
using Postern.Upstreams.Postgres;

namespace Postern.Gateway.Connections;

/// <summary>The PostgreSQL servers: what of the configuration makes which target, and what stands against it.</summary>
internal static class PostgresTargets
{
    public const string Protocol = "postgres";

    private const string Scheme = "postgresql";
    private const int UsualPort = 5432;

    /// <summary>True when some connection speaks it, so that there is something to listen for.</summary>
    public static bool AreIn(GatewayOptions options) => options.Connections.Any(connection => connection.Protocol == Protocol);

    /// <summary>What stands against a connection, each with the key it belongs to.</summary>
    public static IEnumerable<(string Path, string Message)> Problems(ConnectionOptions connection)
    {
        var path = $"connections.{connection.Name}";
        var isUrl = ConfigurationValue.TryTarget(connection.Url, out var url);
        if (connection.Protocol != Protocol)
        {
            if (isUrl && url.Scheme == Scheme) yield return ($"{path}.url", $"a `{connection.Protocol}` target is reached over http or https, found `{connection.Url}`");
            yield break;
        }
        if (connection.Stdio is not null) yield return ($"{path}.stdio", "a PostgreSQL server is not started by the gateway; give `url`");
        if (connection.Credential is not null) yield return ($"{path}.credential", "a PostgreSQL server takes no header; give `user` and `password` or `passwordFile`");
        if (!isUrl) yield break;
        if (url.Scheme != Scheme || url.AbsolutePath.Length < 2 || url.AbsolutePath.AsSpan(1).Contains('/')) yield return ($"{path}.url", $"expected `postgresql://host:port/database`, found `{connection.Url}`");
        if (connection.Postgres is not { } postgres) yield break;
        if (!postgres.UsesTls && !GatewayOptionsCheck.IsLoopback(url)) yield return ($"{path}.tls.mode", $"without TLS everything would travel in the clear to `{connection.Url}`; leave `tls.mode` at `verify`");
        if (postgres.Roots is { } roots && !TryRoots(roots, out _)) yield return ($"{path}.tls.ca", $"cannot use `{roots}`: expected certificates in PEM");
    }

    /// <summary>What stands against the listener.</summary>
    public static IEnumerable<(string Path, string Message)> ListenerProblems(GatewayOptions options)
    {
        if (!AreIn(options)) yield break;
        var listen = options.Postgres;
        if (!IPEndPoint.TryParse(listen.Address, out var address) || !listen.Address.Contains(':'))
        {
            yield return ("listen.postgres.address", $"expected an IP address and a port, such as `127.0.0.1:7632`, found `{listen.Address}`");
            yield break;
        }
        if (!listen.NeedsTls && !IPAddress.IsLoopback(address.Address)) yield return ("listen.postgres.tls", $"`{listen.Address}` is reachable from other machines, and tokens would travel in the clear; leave `tls` at `required`");
        if (listen.NeedsTls && listen.Tls is null && options.Tls is null) yield return ("listen.postgres.certificate", "clients of PostgreSQL are served over TLS: give `certificate` and `key` here, or `listen.tls`; on loopback `tls: optional` goes without");
    }

    /// <summary>The lookup of targets by connection name.</summary>
    public static Func<string, PostgresTarget?> Of(GatewayOptions options)
    {
        var targets = options.Connections.Where(connection => connection.Postgres is not null).ToFrozenDictionary(connection => connection.Name, TargetOf, StringComparer.Ordinal);
        return name => targets.GetValueOrDefault(name);
    }

    /// <summary>The method that a word of the configuration stands for.</summary>
    public static PostgresMethod MethodOf(string word) => word switch
    {
        "md5" => PostgresMethod.Md5,
        "password" => PostgresMethod.Cleartext,
        _ => PostgresMethod.Scram,
    };

    private static PostgresTarget TargetOf(ConnectionOptions connection)
    {
        var url = new Uri(connection.Url);
        var postgres = connection.Postgres!;
        return new PostgresTarget(url.IdnHost, url.Port > 0 ? url.Port : UsualPort, Uri.UnescapeDataString(url.AbsolutePath[1..]), postgres.User)
        {
            Password = postgres.Password is { } password ? () => password : null,
            UsesTls = postgres.UsesTls,
            Roots = postgres.Roots is { } path && TryRoots(path, out var roots) ? roots : [],
            Methods = postgres.Methods,
            Patience = connection.Patience,
        };
    }

    private static bool TryRoots(string path, out X509Certificate2Collection roots)
    {
        roots = [];
        try
        {
            roots.ImportFromPemFile(path);
            return roots.Count > 0;
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException or CryptographicException)
        {
            return false;
        }
    }
}
