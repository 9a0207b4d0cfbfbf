namespace Postern.Gateway.Listening;

/// <summary>
/// Lets socket completions run on the thread that polls the kernel, which saves two thread hops per operation and is the
/// largest single speed lever measured. The rule that pays for it: nothing on those threads blocks.
/// </summary>
public static class InlineCompletions
{
    // Read once by the runtime, when the first socket of the process is made; there is no other switch.
    private const string Variable = "DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS";

    /// <summary>True when this process runs with them.</summary>
    public static bool AreOn => Environment.GetEnvironmentVariable(Variable) == "1";

    /// <summary>
    /// Turns them on for this process, unless the operator set the variable to something else. Takes effect only before the
    /// process's first socket, so <c>serve</c> calls it first of all; a process that is also a client (tests, the demo) does not.
    /// </summary>
    public static void Prefer()
    {
        if (Environment.GetEnvironmentVariable(Variable) is null) Environment.SetEnvironmentVariable(Variable, "1");
    }
}
