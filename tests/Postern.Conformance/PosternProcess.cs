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
        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(Patience);
        try
        {
            var output = process.StandardOutput.ReadToEndAsync(limit.Token);
            var error = process.StandardError.ReadToEndAsync(limit.Token);
            await process.WaitForExitAsync(limit.Token);
            return new PosternRun(process.ExitCode, await output, await error);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw;
        }
    }
}
