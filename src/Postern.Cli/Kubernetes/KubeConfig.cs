using System.ComponentModel;
using System.Diagnostics;

namespace Postern.Cli.Kubernetes;

/// <summary>
/// Writes a context with kubectl's own commands: kubectl knows which file it reads, merges into it under its own lock, and keeps everything else there
/// as it was.
/// </summary>
/// <param name="file">The file to write; null for kubectl's own choice.</param>
internal sealed class KubeConfig(string? file)
{
    // The older version of the plugin's interface is known to every kubectl since 1.11, and asks for no interactive mode.
    private const string ExecVersion = "client.authentication.k8s.io/v1beta1";

    /// <exception cref="CommandException">kubectl is missing or refuses.</exception>
    public async Task WriteAsync(string context, Uri gateway, string connection, KubeListener listener, bool makeCurrent, CancellationToken cancellationToken)
    {
        string[] trust = [];
        string? authority = null;
        try
        {
            if (listener.Authority is { } pem)
            {
                authority = Path.GetTempFileName();
                await File.WriteAllTextAsync(authority, pem, cancellationToken);
                trust = [$"--certificate-authority={authority}", "--embed-certs=true"];
            }
            await RunAsync(["config", "set-cluster", context, $"--server={listener.Url}/k8s/{connection}", .. trust], cancellationToken);
        }
        finally
        {
            if (authority is not null) File.Delete(authority);
        }
        var (program, arguments) = Self();
        await RunAsync(
            [
                "config", "set-credentials", context, $"--exec-api-version={ExecVersion}", $"--exec-command={program}",
                .. arguments.Concat(["kube", "token", "--gateway", gateway.AbsoluteUri.TrimEnd('/')]).Select(argument => $"--exec-arg={argument}"),
            ],
            cancellationToken);
        await RunAsync(["config", "set-context", context, $"--cluster={context}", $"--user={context}"], cancellationToken);
        if (makeCurrent) await RunAsync(["config", "use-context", context], cancellationToken);
    }

    // How this very program is started: by its own name, or by a host that is told the assembly.
    private static (string Program, string[] Arguments) Self()
    {
        var program = Environment.ProcessPath ?? "postern";
        return Path.GetFileNameWithoutExtension(program) is "dotnet" ? (program, [Environment.GetCommandLineArgs()[0]]) : (program, []);
    }

    private async Task RunAsync(string[] arguments, CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo("kubectl", arguments) { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        if (file is not null) start.Environment["KUBECONFIG"] = Path.GetFullPath(file);
        try
        {
            using var process = Process.Start(start) ?? throw new CommandException(ExitCode.Failure, "`kubectl` did not start");
            var said = process.StandardOutput.ReadToEndAsync(cancellationToken);
            var complaint = await process.StandardError.ReadToEndAsync(cancellationToken);
            await said;
            await process.WaitForExitAsync(cancellationToken);
            if (process.ExitCode != 0) throw new CommandException(ExitCode.Failure, $"`kubectl {arguments[0]} {arguments[1]}` failed: {Postern.Core.Recording.VisibleText.OfLine(complaint.Trim())}");
        }
        catch (Win32Exception)
        {
            throw new CommandException(ExitCode.Failure, "there is no `kubectl` on the path; install it, then run this again");
        }
    }
}
