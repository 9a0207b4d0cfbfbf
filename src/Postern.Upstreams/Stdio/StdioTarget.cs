using System.Collections.Immutable;

namespace Postern.Upstreams.Stdio;

/// <summary>A server that the gateway starts itself and speaks to over its standard input and output. From the configuration only, never from a request.</summary>
/// <param name="Command">The program, as a full path.</param>
/// <param name="Arguments">Its arguments, passed on as they stand; no shell reads them.</param>
/// <param name="Folder">The folder that it runs in, as a full path.</param>
public sealed record StdioTarget(string Command, ImmutableArray<string> Arguments, string Folder)
{
    /// <summary>All of the child's environment; nothing of the gateway's own is added. Values are secret.</summary>
    public ImmutableArray<KeyValuePair<string, string>> Environment { get; init; } = [];

    /// <summary>Values that must not show in what the child says on stderr.</summary>
    public ImmutableArray<string> Secrets { get; init; } = [];

    /// <summary>True when what the child says on stderr goes to the log, cleaned; otherwise it is counted alone.</summary>
    public bool LogsErrors { get; init; } = true;

    /// <summary>After this long without a request or an open stream the child is ended.</summary>
    public TimeSpan Idle { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>How long a stream that answers a request may be silent.</summary>
    public TimeSpan Silence { get; init; } = new UpstreamPatience().Silence;

    /// <summary>True when one child serves everybody; otherwise nobody's child is ever another's.</summary>
    public bool IsShared { get; init; }

    /// <inheritdoc/>
    public override string ToString() => $"`{Command}` with {Arguments.Length} arguments";
}

/// <summary>How many children may run.</summary>
/// <param name="Overall">At once in this gateway, besides the gateway's own (one for each connection at most).</param>
/// <param name="PerIdentity">At once for one identity.</param>
public sealed record StdioLimits(int Overall = 64, int PerIdentity = 8);
