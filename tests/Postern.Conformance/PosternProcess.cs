using System.Diagnostics;

namespace Postern.Conformance;

/// <summary>What a run of the executable gave.</summary>
internal sealed record PosternRun(int ExitCode, string Out, string Error);

/// <summary>Runs the <c>postern</c> executable that was built with these tests.</summary>
internal static class PosternProcess
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    public static string Library => Path.Combine(AppContext.BaseDirectory, "postern.dll");

    public static Task<PosternRun> RunAsync(params string[] arguments) => RunAsync("dotnet", [Library, .. arguments]);

    /// <summary>Runs any program to its end.</summary>
    public static async Task<PosternRun> RunAsync(string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string?>? environment = null)
    {
        var start = new ProcessStartInfo(program) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true, UseShellExecute = false };
        foreach (var argument in arguments) start.ArgumentList.Add(argument);
        foreach (var (name, value) in environment ?? new Dictionary<string, string?>(StringComparer.Ordinal)) start.Environment[name] = value;
        return await RunAsync(start, null);
    }

    /// <summary>Runs it to its end, and does something with what it says on its standard error, line by line, while it runs.</summary>
    public static async Task<PosternRun> RunAsync(IEnumerable<string> arguments, IReadOnlyDictionary<string, string?> environment, Func<string, Task> onError)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true, UseShellExecute = false };
        foreach (var argument in (string[])[Library, .. arguments]) start.ArgumentList.Add(argument);
        foreach (var (name, value) in environment) start.Environment[name] = value;
        return await RunAsync(start, onError);
    }

    private static async Task<PosternRun> RunAsync(ProcessStartInfo start, Func<string, Task>? onError)
    {
        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(Patience);
        try
        {
            var output = process.StandardOutput.ReadToEndAsync(limit.Token);
            var error = onError is null ? process.StandardError.ReadToEndAsync(limit.Token) : ReadAsync(process.StandardError, onError, limit.Token);
            await process.WaitForExitAsync(limit.Token);
            return new PosternRun(process.ExitCode, await output, await error);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw;
        }
    }

    private static async Task<string> ReadAsync(StreamReader error, Func<string, Task> onError, CancellationToken cancellationToken)
    {
        var all = new System.Text.StringBuilder();
        while (await error.ReadLineAsync(cancellationToken) is { } line)
        {
            all.Append(line).Append('\n');
            await onError(line);
        }
        return all.ToString();
    }
}
