using System.Collections.Immutable;
using System.Security.Cryptography.X509Certificates;

namespace Postern.Upstreams.Postgres;

/// <summary>Where a PostgreSQL server is and how the gateway signs in there, as the administrator configured it; never from a request.</summary>
/// <param name="Host">Host name or address; the name that the server's certificate must have.</param>
/// <param name="Port">TCP port.</param>
/// <param name="Database">The database.</param>
/// <param name="User">The role that is signed in as.</param>
public sealed record PostgresTarget(string Host, int Port, string Database, string User)
{
    /// <summary>Reads the password for each connection, so that a rotated secret is used at once; null when there is none. Never logged.</summary>
    public Func<string>? Password { get; init; }

    /// <summary>True: TLS, with a certificate that is trusted and has the host's name. False: in the clear, for loopback only.</summary>
    public bool UsesTls { get; init; } = true;

    /// <summary>The roots that the certificate must lead to; empty for those of the system.</summary>
    public X509Certificate2Collection Roots { get; init; } = [];

    /// <summary>How the gateway lets itself be asked for its password. What is not here is refused, so that nobody who answers in the server's place learns it.</summary>
    public ImmutableArray<PostgresMethod> Methods { get; init; } = [PostgresMethod.Scram];

    /// <summary>How long the server may take.</summary>
    public UpstreamPatience Patience { get; init; } = new();

    /// <inheritdoc/>
    public override string ToString() => $"{Host}:{Port}/{Database}";
}

/// <summary>A way of proving that the password is known.</summary>
public enum PostgresMethod
{
    /// <summary>SCRAM-SHA-256, bound to the TLS channel where the server can (RFC 5802, 7677, 5929).</summary>
    Scram,

    /// <summary>MD5 of password, user and salt: replaced by SCRAM, and good enough for nobody who can read the wire.</summary>
    Md5,

    /// <summary>The password itself.</summary>
    Cleartext,
}
