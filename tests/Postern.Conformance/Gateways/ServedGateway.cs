using System.Text.RegularExpressions;
using Postern.Conformance.Peers;
using Postern.Demo.Issuer;

namespace Postern.Conformance.Gateways;

/// <summary>
/// <c>postern serve</c> in a process of its own, which can be killed and started again on the same data.
/// </summary>
internal sealed partial class ServedGateway : IAsyncDisposable
{
    private readonly DemoIssuer _issuer;
    private readonly DirectoryInfo _folder;
    private readonly SmallDisk? _disk;
    private Child? _child;

    private ServedGateway(DemoIssuer issuer, DirectoryInfo folder, SmallDisk? disk)
    {
        _issuer = issuer;
        _folder = folder;
        _disk = disk;
    }

    /// <summary>Where it is since its last start.</summary>
    public string Url { get; private set; } = string.Empty;

    /// <summary>Where the connection is.</summary>
    public string ConnectionUrl => $"{Url}/mcp/{TestGateway.Connection}";

    /// <summary>Where readiness is, when its data is on a disk of its own.</summary>
    public string ManagementUrl { get; private set; } = string.Empty;

    /// <summary>The folder of database, journals and keys.</summary>
    public string Data => _disk is null ? Path.Combine(_folder.FullName, "data") : SmallDisk.Seen(ProcessId, Path.Combine(_folder.FullName, "data"));

    /// <summary>Its process since the last start.</summary>
    public int ProcessId => _child!.Id;

    /// <summary>True once the process ended by itself.</summary>
    public bool HasExited => _child!.HasExited;

    /// <summary>What its process has in its environment, beyond what tests have.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; set; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>Runs its command inside another.</summary>
    public Func<string[], string[]> Around { get; set; } = static command => command;

    /// <summary>The policy file, which it follows.</summary>
    public string PolicyFile => Path.Combine(_folder.FullName, "policy.yaml");

    /// <summary>What it said on stderr since its last start.</summary>
    public string Errors => _child?.Errors ?? string.Empty;

    /// <summary>Writes the configuration; <see cref="StartAsync"/> starts the process.</summary>
    /// <param name="target">The target's URL, or all of the connection.</param>
    /// <param name="policy">The policy file.</param>
    /// <param name="cancellationToken">Ends the preparation.</param>
    /// <param name="isWhole">True when <paramref name="target"/> is the connection as the configuration writes it.</param>
    /// <param name="disk">A disk for its data; by default that of the test.</param>
    /// <param name="listen">More listeners, as the configuration writes them: <c>postgres: {…}</c>.</param>
    /// <param name="isWatched">True for a management listener, which a disk of its own brings anyway.</param>
    /// <param name="more">More of the configuration.</param>
    /// <param name="holds">More of what it says of holds: <c>, webhook: {…}</c>.</param>
    public static async Task<ServedGateway> PrepareAsync(
        string target, string policy, CancellationToken cancellationToken, bool isWhole = false, SmallDisk? disk = null, string? listen = null, bool isWatched = false, string more = "", string holds = "")
    {
        var folder = Directory.CreateTempSubdirectory("postern-served-");
        var issuer = await DemoIssuer.StartAsync(new DemoIssuerOptions { DefaultAudience = TestGateway.Audience }, cancellationToken);
        await File.WriteAllTextAsync(Path.Combine(folder.FullName, "policy.yaml"), policy, cancellationToken);
        await File.WriteAllTextAsync(
            Path.Combine(folder.FullName, "postern.yaml"),
            $$"""
            listen: { url: "http://127.0.0.1:0", management: {{(disk is null && !isWatched ? "none" : "\"http://127.0.0.1:0\"")}}{{(listen is null ? "" : ", " + listen)}} }
            data: data
            issuers:
              demo: { authority: "{{issuer.Issuer}}", audience: "{{TestGateway.Audience}}", clientId: {{DemoClient.GatewayId}}, clientSecret: {{DemoClient.GatewaySecret}} }
            connections:
              {{TestGateway.Connection}}: {{(isWhole ? target : $$"""{ protocol: mcp, url: "{{target}}" }""")}}
            policy: [policy.yaml]
            holds: { wait: none{{holds}} }
            limits: { questions: 10000 } # what hundreds of kills leave unanswered belongs to one person
            {{more}}
            """,
            cancellationToken);
        return new ServedGateway(issuer, folder, disk);
    }

    /// <summary>A token of one of the demo's people, as an agent holds it.</summary>
    public string Token(string person) => _issuer.IssueToken(person, client: "demo-agent");

    /// <summary>Starts the process and waits until it says that it serves.</summary>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        Launch();
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(TimeSpan.FromSeconds(60));
        while (true)
        {
            if (Serves().Match(_child!.Errors) is { Success: true } said)
            {
                Url = said.Groups["url"].Value;
                ManagementUrl = said.Groups["management"].Value;
                return;
            }
            if (_child.HasExited) throw new InvalidOperationException($"the gateway did not start: {_child.Errors}");
            await Task.Delay(10, patience.Token);
        }
    }

    /// <summary>Starts the process and does not wait for it.</summary>
    public void Launch()
    {
        var dll = Path.Combine(Checkout.Root, "src", "Postern.Cli", "bin", new DirectoryInfo(AppContext.BaseDirectory).Parent!.Name, "net10.0", "postern.dll");
        string[] command = ["dotnet", dll, "serve", "--config", Path.Combine(_folder.FullName, "postern.yaml")];
        if (_disk is not null) command = _disk.Around(Path.Combine(_folder.FullName, "data"), command);
        command = Around(command);
        _child = Child.Start(command[0], command[1..], Environment, _folder.FullName);
    }

    /// <summary>The identity provider is gone, and does not come back.</summary>
    public Task StopIssuerAsync() => _issuer.DisposeAsync().AsTask();

    /// <summary>Does something to its disk, as the shell of the machine that it runs on.</summary>
    public async Task DoAsync(string command, CancellationToken cancellationToken)
    {
        await _child!.WriteLineAsync(command);
        if (await _child.ReadLineAsync(cancellationToken) is not "done 0") throw new InvalidOperationException($"`{command}` failed: {_child.Errors}");
    }

    /// <summary>kill -9 at this instant, on this thread; <see cref="KillAsync"/> waits until it is gone.</summary>
    public void Kill() => _child!.Kill();

    /// <summary>kill -9, wherever it stands.</summary>
    public Task KillAsync() => _child!.KillAsync();

    /// <summary>
    /// Sends the process a signal that it dies of, and returns all that it said, on both streams, until it was gone. A fault comes back until
    /// somebody dies of it, as one of the processor's would: the runtime's first answer to it is to put the system's own handler back.
    /// </summary>
    public async Task<string> CrashAsync(string signal, CancellationToken cancellationToken)
    {
        var said = _child!.ReadToEndAsync(cancellationToken);
        for (var again = 0; again < 100 && !_child.HasExited; again++)
        {
            using var kill = System.Diagnostics.Process.Start("kill", ["-" + signal, ProcessId.ToString(System.Globalization.CultureInfo.InvariantCulture)]);
            await kill.WaitForExitAsync(cancellationToken);
            await Task.WhenAny(said, Task.Delay(TimeSpan.FromMilliseconds(200), cancellationToken));
        }
        if (!_child.HasExited) await KillAsync();
        return await said + Errors;
    }

    public async ValueTask DisposeAsync()
    {
        if (_child is not null) await _child.DisposeAsync();
        await _issuer.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    [GeneratedRegex(@"serves at (?<url>http://127\.0\.0\.1:\d+)(, health at (?<management>http://127\.0\.0\.1:\d+)/)?", RegexOptions.ExplicitCapture | RegexOptions.NonBacktracking)]
    private static partial Regex Serves();
}
