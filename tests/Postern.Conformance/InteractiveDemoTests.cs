using System.Diagnostics;
using System.Runtime.InteropServices;
using Postern.Demo.Acts;

namespace Postern.Conformance;

/// <summary>
/// The demo as a person plays it: it waits for the answer in the browser, goes on, and ends when told. Not by an interrupt: shells
/// start what they run in the background with interrupts ignored, and so do some CI runners.
/// </summary>
public sealed partial class InteractiveDemoTests
{
    private const int Terminate = 15;

    [Fact]
    public async Task It_waits_for_a_person_and_ends_when_it_is_told_to()
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(TimeSpan.FromMinutes(2));
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        foreach (var argument in (string[])[PosternProcess.Library, "demo", "--port", "0"]) start.ArgumentList.Add(argument);
        using var process = Process.Start(start)!;
        try
        {
            var error = process.StandardError.ReadToEndAsync(limit.Token);
            var folder = await LineAsync(process, line => line.TrimStart().StartsWith("folder ", StringComparison.Ordinal), limit.Token);
            var link = await LineAsync(process, line => line.Trim().StartsWith("http", StringComparison.Ordinal) && line.Contains("/approve/", StringComparison.Ordinal) && !line.Trim().Contains(' ', StringComparison.Ordinal), limit.Token);

            await Approver.ApproveAsync(new Uri(link.Trim()), "bob", "seen", limit.Token);

            _ = await LineAsync(process, line => line.Contains("5 of 5 acts", StringComparison.Ordinal), limit.Token);
            var client = await LineAsync(process, line => line.Contains("Authorization: Bearer ey", StringComparison.Ordinal), limit.Token);
            _ = await LineAsync(process, line => line.Contains("goes on until Ctrl-C", StringComparison.Ordinal), limit.Token);
            Assert.Equal(0, Kill(process.Id, Terminate));
            await process.WaitForExitAsync(limit.Token);
            Assert.True(process.ExitCode == 0, $"exit code {process.ExitCode}: {await error}");
            Assert.Contains("Bearer", client);
            Directory.Delete(folder.Trim()["folder ".Length..].Trim(), recursive: true);
        }
        finally
        {
            if (!process.HasExited) process.Kill(entireProcessTree: true);
        }
    }

    private static async Task<string> LineAsync(Process process, Func<string, bool> wanted, CancellationToken cancellationToken)
    {
        while (await process.StandardOutput.ReadLineAsync(cancellationToken) is { } line)
        {
            if (wanted(line)) return line;
        }
        throw new InvalidOperationException("the demo ended before it said what was waited for");
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int process, int signal);
}
