using System.Collections.Concurrent;

#pragma warning disable CA1050, IDE0130 // the runtime looks for a type of this name, in no namespace

/// <summary>
/// What the runtime loads into a gateway before its first line, where a test names this assembly in <c>DOTNET_STARTUP_HOOKS</c>. It keeps
/// every exception that the gateway throws while it works, and lets all of them end the process at once when it is told to: as if nobody had caught
/// any of them. The product knows nothing of it.
/// </summary>
internal static class StartupHook
{
    /// <summary>Names the file whose appearance is the end; without it nothing is done.</summary>
    public const string Variable = "POSTERN_TEST_FAULT";

    /// <summary>What the process dies of.</summary>
    public const string Message = "faults that nobody caught";

    public static void Initialize()
    {
        if (Environment.GetEnvironmentVariable(Variable) is not { Length: > 0 } signal) return;
        var thrown = new ConcurrentDictionary<string, Exception>(StringComparer.Ordinal);
        AppDomain.CurrentDomain.FirstChanceException += (_, told) => thrown.TryAdd($"{told.Exception.GetType()}: {told.Exception.Message}", told.Exception);
        new Thread(() =>
        {
            while (!File.Exists(signal)) Thread.Sleep(20);
            throw new AggregateException(Message, thrown.Values);
        })
        { IsBackground = true }.Start();
    }
}
