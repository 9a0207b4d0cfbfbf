using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Postern.Tests;

namespace Postern.Conformance.Postgres;

/// <summary>
/// A PostgreSQL 15 of its own: a fresh cluster in a temporary folder, on loopback and a free port, TLS with an authority made for it,
/// passwords by SCRAM-SHA-256. A small shell stands between: when its stdin closes, because this process ended in whatever way, it
/// ends the server and removes the folder.
/// </summary>
internal sealed class Cluster : IAsyncDisposable
{
    /// <summary>Where Debian keeps what is not meant for everybody's path.</summary>
    public const string Programs = "/usr/lib/postgresql/15/bin";

    /// <summary>The superuser.</summary>
    public const string Admin = "admin";

    /// <summary>The role that a gateway uses.</summary>
    public const string App = "app";

    private readonly Process _shell;

    private Cluster(Process shell, string folder, int port, string password)
    {
        _shell = shell;
        Folder = folder;
        Port = port;
        Password = password;
    }

    /// <summary>Where <c>ca.pem</c> and the server's log are; readable by all.</summary>
    public string Folder { get; }

    /// <summary>The port on loopback.</summary>
    public int Port { get; }

    /// <summary>The password of both roles, known to nobody else.</summary>
    public string Password { get; }

    /// <summary>The authority that signed the server's certificate.</summary>
    public string Authority => Path.Combine(Folder, "ca.pem");

    /// <summary>The server's log.</summary>
    public string Log => File.ReadAllText(Path.Combine(Folder, "server.log"));

    /// <summary>What starts a server program: it refuses to run as root.</summary>
    public static string[] AsServer => Environment.IsPrivilegedProcess ? ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--"] : [];

    /// <summary>Makes the cluster and waits until it answers.</summary>
    /// <param name="settings">Further settings, <c>name=value</c>.</param>
    /// <param name="cancellationToken">Ends the start.</param>
    public static async Task<Cluster> StartAsync(IEnumerable<string> settings, CancellationToken cancellationToken)
    {
        if (!File.Exists(Path.Combine(Programs, "postgres"))) throw new InvalidOperationException($"`{Programs}/postgres` is not there; run ./test.sh once, it installs the servers");
        var password = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));
        var folder = Directory.CreateTempSubdirectory("postern-pg-").FullName;
        try
        {
            await PrepareAsync(folder, password, cancellationToken);
            // A port that was free a moment ago may be taken by the time the server asks for it.
            for (var attempt = 1; ; attempt++)
            {
                var port = FreePort.Take();
                var cluster = new Cluster(Launch(folder, port, settings), folder, port, password);
                if (await cluster.IsReadyAsync(cancellationToken)) return await cluster.WithRolesAsync(cancellationToken);
                var log = cluster.Log;
                if (attempt == 3 || !log.Contains("could not bind", StringComparison.Ordinal)) throw new InvalidOperationException($"the PostgreSQL server did not start: {log}");
                await cluster.EndAsync();
            }
        }
        catch
        {
            if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
            throw;
        }
    }

    /// <summary>A key=value string for libpq's and Npgsql's readers alike is not to be had; this is Npgsql's, straight to the server.</summary>
    public string Direct(string database = "postgres", string user = Admin) =>
        $"Host=127.0.0.1;Port={Port};Database={database};Username={user};Password={Password};SSL Mode=VerifyCA;Root Certificate={Authority};Pooling=false;Include Error Detail=true;Timeout=30";

    /// <summary>The environment in which <c>psql</c> and <c>pgbench</c> reach the server itself.</summary>
    public Dictionary<string, string?> DirectEnvironment(string database, string user = Admin) => new(StringComparer.Ordinal)
    {
        ["PGHOST"] = "127.0.0.1", ["PGPORT"] = $"{Port}", ["PGDATABASE"] = database, ["PGUSER"] = user, ["PGPASSWORD"] = Password, ["PGSSLMODE"] = "verify-ca", ["PGSSLROOTCERT"] = Authority,
    };

    /// <summary>Runs SQL as the superuser, straight at the server.</summary>
    public Task<string> RunAsync(string database, string sql, CancellationToken cancellationToken) => PsqlAsync(database, ["-c", sql], cancellationToken);

    /// <summary>Makes a database and runs a script in it.</summary>
    public async Task CreateDatabaseAsync(string name, string script, CancellationToken cancellationToken)
    {
        await RunAsync("postgres", $"CREATE DATABASE {name}", cancellationToken);
        await PsqlAsync(name, ["-c", script], cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        await EndAsync();
        if (Directory.Exists(Folder)) Directory.Delete(Folder, recursive: true);
    }

    private static async Task PrepareAsync(string folder, string password, CancellationToken cancellationToken)
    {
        WriteCertificates(folder);
        var secret = Path.Combine(folder, "pw");
        await File.WriteAllTextAsync(secret, password, cancellationToken);
        File.SetUnixFileMode(secret, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        File.SetUnixFileMode(Path.Combine(folder, "server.key"), UnixFileMode.UserRead | UnixFileMode.UserWrite);
        File.SetUnixFileMode(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute);
        if (Environment.IsPrivilegedProcess) await ToEndAsync("chown", ["-R", "postgres:postgres", folder], null, cancellationToken);
        string[] initialize = [.. AsServer, Path.Combine(Programs, "initdb"), "-D", Path.Combine(folder, "data"), "-A", "scram-sha-256", "-U", Admin, $"--pwfile={secret}", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"];
        await ToEndAsync(initialize[0], initialize[1..], null, cancellationToken);
        File.Delete(secret);
    }

    private static void WriteCertificates(string folder)
    {
        var from = DateTimeOffset.UtcNow.AddDays(-1);
        using var authorityKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var authority = new CertificateRequest("CN=test authority", authorityKey, HashAlgorithmName.SHA256);
        authority.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, hasPathLengthConstraint: false, 0, critical: true));
        using var signer = authority.CreateSelfSigned(from, from.AddYears(1));
        using var serverKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var server = new CertificateRequest("CN=localhost", serverKey, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        names.AddIpAddress(IPAddress.Loopback);
        server.CertificateExtensions.Add(names.Build());
        using var certificate = server.Create(signer, from, from.AddDays(300), RandomNumberGenerator.GetBytes(8));
        File.WriteAllText(Path.Combine(folder, "ca.pem"), signer.ExportCertificatePem());
        File.WriteAllText(Path.Combine(folder, "server.pem"), certificate.ExportCertificatePem());
        File.WriteAllText(Path.Combine(folder, "server.key"), serverKey.ExportPkcs8PrivateKeyPem());
    }

    private static Process Launch(string folder, int port, IEnumerable<string> settings)
    {
        string[] fixedSettings =
        [
            "listen_addresses=127.0.0.1", $"port={port}", "unix_socket_directories=", "ssl=on", $"ssl_cert_file={folder}/server.pem", $"ssl_key_file={folder}/server.key",
            "fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=300", "shared_buffers=128MB", "max_wal_size=2GB",
        ];
        string[] server = [.. AsServer, Path.Combine(Programs, "postgres"), "-D", Path.Combine(folder, "data"), .. fixedSettings.Concat(settings).SelectMany(setting => (string[])["-c", setting])];
        // $1 is the folder, the rest the server. SIGINT is PostgreSQL's fast shutdown, SIGQUIT its immediate one.
        const string Watch = """
            folder=$1; shift
            "$@" > "$folder/server.log" 2>&1 < /dev/null &
            server=$!
            trap '' INT TERM HUP PIPE
            read -r _
            kill -QUIT $server 2> /dev/null
            wait $server
            rm -rf "$folder/data"
            """;
        var start = new ProcessStartInfo("/bin/sh", ["-c", Watch, "sh", folder, .. server]) { RedirectStandardInput = true };
        return Process.Start(start) ?? throw new InvalidOperationException("`/bin/sh` did not start");
    }

    private async Task<bool> IsReadyAsync(CancellationToken cancellationToken)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(TimeSpan.FromSeconds(60));
        while (true)
        {
            var log = File.Exists(Path.Combine(Folder, "server.log")) ? Log : string.Empty;
            if (log.Contains("database system is ready to accept connections", StringComparison.Ordinal)) return true;
            if (log.Contains("FATAL", StringComparison.Ordinal)) return false;
            await Task.Delay(20, patience.Token);
        }
    }

    private async Task<Cluster> WithRolesAsync(CancellationToken cancellationToken)
    {
        await RunAsync("postgres", $"CREATE ROLE {App} LOGIN PASSWORD '{Password}' NOSUPERUSER", cancellationToken);
        return this;
    }

    private Task<string> PsqlAsync(string database, string[] arguments, CancellationToken cancellationToken) =>
        ToEndAsync(Path.Combine(Programs, "psql"), ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", .. arguments], DirectEnvironment(database), cancellationToken);

    private static async Task<string> ToEndAsync(string program, string[] arguments, Dictionary<string, string?>? environment, CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        foreach (var (name, value) in environment ?? []) start.Environment[name] = value;
        using var process = Process.Start(start) ?? throw new InvalidOperationException($"`{program}` did not start");
        process.StandardInput.Close();
        var output = process.StandardOutput.ReadToEndAsync(cancellationToken);
        var errors = process.StandardError.ReadToEndAsync(cancellationToken);
        await process.WaitForExitAsync(cancellationToken);
        return process.ExitCode == 0 ? await output : throw new InvalidOperationException($"`{program}` ended with {process.ExitCode}: {await errors}{await output}");
    }

    private async Task EndAsync()
    {
        if (!_shell.HasExited)
        {
            _shell.StandardInput.Close();
            using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(3));
            await _shell.WaitForExitAsync(patience.Token);
        }
        _shell.Dispose();
    }
}
