using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Postern.Benchmarks.Measuring;
using Postern.Tests;

namespace Postern.Benchmarks.Echo;

/// <summary>One way to the upstream: a process in between, or none.</summary>
internal sealed class Peer : IDisposable
{
    private readonly Process? _process;

    private Peer(string name, string url, Process? process)
    {
        Name = name;
        Url = url;
        _process = process;
    }

    /// <summary>As tables call it.</summary>
    public string Name { get; }

    /// <summary>Where calls go.</summary>
    public string Url { get; }

    /// <summary>The process in between; 0 without one.</summary>
    public int ProcessId => _process?.Id ?? 0;

    /// <summary>CPU seconds that the process in between has spent; 0 without one.</summary>
    public double CpuSeconds => _process is null ? 0 : ProcessCpu.Seconds(_process.Id);

    /// <summary>No process in between.</summary>
    public static Peer Direct(string upstream) => new("direct", upstream, null);

    /// <summary>Starts a program and waits for a line of its output, which names the URL behind this mark.</summary>
    public static Peer Start(string name, string path, string mark, string program, string[] arguments, IReadOnlyDictionary<string, string>? environment = null)
    {
        var process = Launch(program, arguments, environment);
        var said = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        void Listen(object sender, DataReceivedEventArgs line)
        {
            if (line.Data?.IndexOf(mark, StringComparison.Ordinal) is { } at and >= 0) said.TrySetResult(line.Data[(at + mark.Length)..].Split([' ', ','], 2)[0].Trim());
        }
        process.OutputDataReceived += Listen;
        process.ErrorDataReceived += Listen;
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        if (said.Task.Wait(TimeSpan.FromSeconds(60))) return new Peer(name, said.Task.Result + path, process);
        End(process);
        throw new InvalidOperationException($"`{name}` did not say where it listens");
    }

    /// <summary>Starts a program that listens on a port it was told, and waits until it answers.</summary>
    public static Peer StartOn(string name, int port, string path, string program, params string[] arguments) => StartOn(name, port, path, environment: null, program, arguments);

    /// <summary>The same, with variables of its own.</summary>
    public static Peer StartOn(string name, int port, string path, IReadOnlyDictionary<string, string>? environment, string program, params string[] arguments)
    {
        var process = Launch(program, arguments, environment);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        for (var tries = 0; tries < 200; tries++)
        {
            try
            {
                using var probe = new TcpClient();
                probe.Connect(IPAddress.Loopback, port);
                return new Peer(name, $"http://127.0.0.1:{port}{path}", process);
            }
            catch (SocketException)
            {
                Thread.Sleep(50);
            }
        }
        End(process);
        throw new InvalidOperationException($"`{name}` does not listen on {port}");
    }

    public void Dispose()
    {
        if (_process is not null) End(_process);
    }

    private static Process Launch(string program, string[] arguments, IReadOnlyDictionary<string, string>? environment)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var (name, value) in environment ?? new Dictionary<string, string>()) start.Environment[name] = value;
        return Process.Start(start) ?? throw new InvalidOperationException($"`{program}` did not start");
    }

    private static void End(Process process)
    {
        if (!process.HasExited) process.Kill(entireProcessTree: true);
        process.WaitForExit();
        process.Dispose();
    }
}
