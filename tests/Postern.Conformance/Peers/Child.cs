using System.Diagnostics;
using System.Text;

namespace Postern.Conformance.Peers;

/// <summary>A process that a test started, and ends by its own id. It dies with the test: its stdin closes.</summary>
internal sealed class Child : IAsyncDisposable
{
    private readonly Process _process;
    private readonly StringBuilder _errors = new();
    private readonly Task _reading;
    private int _disposed;

    private Child(Process process)
    {
        _process = process;
        _reading = ReadErrorsAsync();
    }

    /// <summary>The process id.</summary>
    public int Id => _process.Id;

    /// <summary>True once it ended.</summary>
    public bool HasExited => _process.HasExited;

    /// <summary>What it said on stderr so far.</summary>
    public string Errors
    {
        get
        {
            lock (_errors) return _errors.ToString();
        }
    }

    /// <summary>Starts a program with these arguments and these additions to a small environment.</summary>
    public static Child Start(string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment = null, string? folder = null)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = folder ?? Checkout.Node,
        };
        foreach (var name in start.Environment.Keys.Where(name => name.StartsWith("POSTERN", StringComparison.OrdinalIgnoreCase)).ToArray()) start.Environment.Remove(name);
        start.Environment["POSTERN_TEST_CHILD"] = "1";
        foreach (var (name, value) in environment ?? new Dictionary<string, string>()) start.Environment[name] = value;
        return new Child(Process.Start(start) ?? throw new InvalidOperationException($"`{program}` did not start"));
    }

    /// <summary>The next line of its stdout; null when there are no more.</summary>
    public async Task<string?> ReadLineAsync(CancellationToken cancellationToken) => await _process.StandardOutput.ReadLineAsync(cancellationToken);

    /// <summary>Everything it writes to stdout until it ends.</summary>
    public async Task<string> ReadToEndAsync(CancellationToken cancellationToken)
    {
        var text = await _process.StandardOutput.ReadToEndAsync(cancellationToken);
        await _process.WaitForExitAsync(cancellationToken);
        await _reading;
        return text;
    }

    /// <summary>Writes one line to its stdin.</summary>
    public async Task WriteLineAsync(string line)
    {
        await _process.StandardInput.WriteLineAsync(line);
        await _process.StandardInput.FlushAsync();
    }

    /// <summary>The exit code, once it ended.</summary>
    public async Task<int> WaitAsync(CancellationToken cancellationToken)
    {
        await _process.WaitForExitAsync(cancellationToken);
        return _process.ExitCode;
    }

    /// <summary>kill -9 at this instant; does not wait.</summary>
    public void Kill()
    {
        if (!_process.HasExited) _process.Kill();
    }

    /// <summary>kill -9: no handler of the process runs.</summary>
    public async Task KillAsync()
    {
        if (!_process.HasExited) _process.Kill();
        await _process.WaitForExitAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0) return;
        await KillAsync();
        await _reading;
        _process.Dispose();
    }

    private async Task ReadErrorsAsync()
    {
        while (await _process.StandardError.ReadLineAsync() is { } line)
        {
            lock (_errors) _errors.AppendLine(line);
        }
    }
}
