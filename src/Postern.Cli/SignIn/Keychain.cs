using System.ComponentModel;
using System.Diagnostics;
using System.Text;
using Postern.Cli.Console;

namespace Postern.Cli.SignIn;

/// <summary>
/// The keychain of the person's desktop: <c>secret-tool</c> on Linux (the Secret Service), <c>security</c> on macOS. Used where it was asked for. Secrets go in and
/// out over pipes, never in an argument, which everybody on the machine could read.
/// </summary>
internal sealed class Keychain
{
    private const string Service = "postern";
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2); // a person may have to unlock it

    private readonly string _program;
    private readonly bool _isMac;

    private Keychain(string program, bool isMac) => (_program, _isMac) = (program, isMac);

    /// <summary>The keychain of this machine; null when it has none that can be spoken to.</summary>
    public static Keychain? Of(Surroundings surroundings)
    {
        var isMac = OperatingSystem.IsMacOS();
        if (!isMac && !OperatingSystem.IsLinux()) return null;
        var name = isMac ? "security" : "secret-tool";
        foreach (var folder in (surroundings.Variable("PATH") ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries))
        {
            if (Path.IsPathRooted(folder) && Path.Combine(folder, name) is var program && File.Exists(program)) return new Keychain(program, isMac);
        }
        return null;
    }

    /// <summary>Keeps a secret for a gateway, in place of the one before.</summary>
    /// <exception cref="SignInException">The keychain does not take it.</exception>
    public void Write(string gateway, string secret)
    {
        // Nothing in it can be read as a quote, an option or a line of its own.
        var text = Convert.ToBase64String(Encoding.UTF8.GetBytes(secret));
        var (code, _) = _isMac
            ? Run(["-i"], $"add-generic-password -U -s {Service} -a \"{gateway}\" -w \"{text}\"\n")
            : Run(["store", "--label", $"Postern: {gateway}", "service", Service, "gateway", gateway], text);
        if (code != 0 || Read(gateway) != secret) throw new SignInException("the keychain does not take the sign-in: is it unlocked? sign in with `--keep file` to keep it in a file that only you can read");
    }

    /// <summary>The secret for a gateway; null when there is none.</summary>
    /// <exception cref="SignInException">The keychain cannot be asked.</exception>
    public string? Read(string gateway)
    {
        var (code, text) = _isMac ? Run(["find-generic-password", "-s", Service, "-a", gateway, "-w"], null) : Run(["lookup", "service", Service, "gateway", gateway], null);
        if (code != 0 || text.Trim().Length == 0) return null;
        var bytes = new byte[text.Length];
        return Convert.TryFromBase64String(text.Trim(), bytes, out var length) ? Encoding.UTF8.GetString(bytes, 0, length) : null;
    }

    /// <summary>Forgets the secret for a gateway.</summary>
    public void Delete(string gateway) => _ = _isMac ? Run(["delete-generic-password", "-s", Service, "-a", gateway], null) : Run(["clear", "service", Service, "gateway", gateway], null);

    private (int Code, string Out) Run(string[] arguments, string? input)
    {
        var start = new ProcessStartInfo(_program) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        foreach (var argument in arguments) start.ArgumentList.Add(argument);
        try
        {
            using var process = Process.Start(start)!;
            // Read beside it: a pipe that nobody empties would stop the program.
            var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
            if (input is not null) process.StandardInput.Write(input);
            process.StandardInput.Close();
            if (!process.WaitForExit(Patience))
            {
                process.Kill(entireProcessTree: true);
                throw new SignInException($"`{Path.GetFileName(_program)}` did not answer; is the keychain unlocked?");
            }
            _ = error.GetAwaiter().GetResult();
            return (process.ExitCode, output.GetAwaiter().GetResult());
        }
        catch (Exception fault) when (fault is Win32Exception or IOException)
        {
            throw new SignInException($"`{Path.GetFileName(_program)}` cannot be run, so the keychain cannot be asked");
        }
    }
}
