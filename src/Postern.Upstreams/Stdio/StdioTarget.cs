using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;

namespace Postern.Upstreams.Stdio;

/// <summary>A server that the gateway starts itself and speaks to over its standard input and output. From the configuration only, never from a request.</summary>
/// <param name="Command">The program, as a full path.</param>
/// <param name="Arguments">Its arguments, passed on as they stand; no shell reads them.</param>
/// <param name="Folder">The folder that it runs in, as a full path.</param>
public sealed record StdioTarget(string Command, ImmutableArray<string> Arguments, string Folder)
{
    /// <summary>Stands for the identity's own folder in arguments and environment.</summary>
    public const string StateMark = "{state}";

    private const int StateNameBytes = 16;

    /// <summary>All of the child's environment; nothing of the gateway's own is added. Values are secret.</summary>
    public ImmutableArray<KeyValuePair<string, string>> Environment { get; init; } = [];

    /// <summary>A folder under which each identity has one of its own, or null. Full path.</summary>
    public string? State { get; init; }

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

    /// <summary>
    /// The target as it is started for one identity, or for everybody: <see cref="StateMark"/> names that identity's folder, which is made
    /// when it is not there. A child of one's own that kept its state in a common file would have no state of one's own.
    /// </summary>
    /// <exception cref="IOException">The folder cannot be made.</exception>
    /// <exception cref="UnauthorizedAccessException">The same.</exception>
    internal StdioTarget For(string? identity)
    {
        if (State is null) return this;
        // A digest: whatever an issuer calls its subjects, nothing of it becomes a path.
        var name = identity is null ? "shared" : Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(identity))[..StateNameBytes]);
        var folder = Path.Combine(State, name);
        if (OperatingSystem.IsWindows()) Directory.CreateDirectory(folder);
        else Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return this with
        {
            Arguments = [.. Arguments.Select(argument => argument.Replace(StateMark, folder, StringComparison.Ordinal))],
            Environment = [.. Environment.Select(one => KeyValuePair.Create(one.Key, one.Value.Replace(StateMark, folder, StringComparison.Ordinal)))],
        };
    }

    /// <inheritdoc/>
    public override string ToString() => $"`{Command}` with {Arguments.Length} arguments";
}

/// <summary>How many children may run.</summary>
/// <param name="Overall">At once in this gateway, besides the gateway's own (one for each connection at most).</param>
/// <param name="PerIdentity">At once for one identity.</param>
public sealed record StdioLimits(int Overall = 64, int PerIdentity = 8);
