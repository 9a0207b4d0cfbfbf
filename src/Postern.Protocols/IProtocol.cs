using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging;
using Postern.Core.Approvals;
using Postern.Core.Operations;
using Postern.Core.Pipeline;
using Postern.Core.Policy;
using Postern.Core.Recording;
using Postern.Upstreams;
using Postern.Upstreams.Postgres;

namespace Postern.Protocols;

/// <summary>One protocol: its name, the words a policy may use for it, and where it listens.</summary>
public interface IProtocol
{
    /// <summary>The name in <c>connections.*.protocol</c>.</summary>
    string Name { get; }

    /// <summary>The words that a policy may use.</summary>
    Vocabulary Vocabulary { get; }

    /// <summary>Adds the protocol's routes to the gateway's HTTP listener.</summary>
    void Map(IEndpointRouteBuilder endpoints, ProtocolServices services);

    /// <summary>What serves a host name that leads to this connection's root; null where the protocol has none. After <see cref="Map"/>.</summary>
    Microsoft.AspNetCore.Http.RequestDelegate? AtHost(string connection) => null;

    /// <summary>Takes a document that describes a connection's target, before anything is asked.</summary>
    /// <exception cref="FormatException">The protocol reads none, or not this one; the message says why.</exception>
    void Describe(string connection, ReadOnlyMemory<byte> document) => throw new FormatException("this protocol reads no document");

    /// <summary>Compares what the credential of a connection may do at its target with what the policy could ever give there; null where the protocol cannot ask.</summary>
    /// <exception cref="Core.Pipeline.UpstreamException">The target could not be asked; the message says why.</exception>
    ValueTask<CredentialReport?> CheckCredentialAsync(Connection connection, CancellationToken cancellationToken) => ValueTask.FromResult<CredentialReport?>(null);

    /// <summary>
    /// Asks a connection's target whether it is there, speaks the protocol, and lets the gateway in; changes nothing there. Needs no <see cref="Map"/>.
    /// Null where the protocol cannot ask.
    /// </summary>
    ValueTask<TargetAnswer?> AskTargetAsync(ProtocolServices services, Connection connection, CancellationToken cancellationToken) => ValueTask.FromResult<TargetAnswer?>(null);

    /// <summary>Forgets the sessions of an identity that was revoked; what runs in them is cut by the leash.</summary>
    /// <param name="identityKey"><c>issuer:subject</c>.</param>
    void EndSessions(string identityKey);
}

/// <summary>What every protocol is given.</summary>
public sealed class ProtocolServices
{
    /// <summary>The six steps.</summary>
    public required OperationPipeline Pipeline { get; init; }

    /// <summary>A token in, an identity out.</summary>
    public required IAuthenticator Authenticator { get; init; }

    /// <summary>The targets.</summary>
    public required IConnectionDirectory Connections { get; init; }

    /// <summary>The policy in force; lists ask it what may be shown.</summary>
    public required IPolicySource Policies { get; init; }

    /// <summary>For occurrences outside operations (a refused credential).</summary>
    public required IRecorder Recorder { get; init; }

    /// <summary>Streams to targets.</summary>
    public required IUpstreamDialer Upstreams { get; init; }

    /// <summary>Sessions at PostgreSQL servers; null where no connection needs one.</summary>
    public IPostgresDialer? Postgres { get; init; }

    /// <summary>What sessions of raw protocols may take.</summary>
    public SessionLimits Sessions { get; init; } = new();

    /// <summary>Where accepted definitions are kept.</summary>
    public required IDefinitionStore Definitions { get; init; }

    /// <summary>Seals what callers are told to bring back.</summary>
    public required ContinuationSeal Continuations { get; init; }

    /// <summary>How long a caller that can wait is kept waiting for people at a stretch; zero for nobody.</summary>
    public TimeSpan LongestWait { get; init; } = TimeSpan.FromSeconds(50);

    /// <summary>How long one statement is kept waiting for people, in a session whose client cannot do anything else meanwhile; zero for none.</summary>
    public TimeSpan StatementWait { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>The operator's own say for clients by the name that they give themselves; comes before what the protocol knows of them.</summary>
    public IReadOnlyDictionary<string, TimeSpan> ClientWaits { get; init; } = new Dictionary<string, TimeSpan>();

    /// <summary>Connections at whose targets the gateway acts in the caller's name, by a credential that may.</summary>
    public IReadOnlySet<string> Impersonating { get; init; } = System.Collections.Frozen.FrozenSet<string>.Empty;

    /// <summary>The base of every link and the default audience; no trailing slash.</summary>
    public required string PublicUrl { get; init; }

    /// <summary>Authorization servers for protected-resource metadata (RFC 9728).</summary>
    public required IReadOnlyList<string> AuthorizationServers { get; init; }

    /// <summary>The same for connections alone, where clients sign in elsewhere for these than for the gateway itself; null for the same.</summary>
    public IReadOnlyList<string>? ConnectionAuthorizationServers { get; init; }

    /// <summary>What clients ask for when they sign in (RFC 6749 section 3.3), told in challenges and metadata; empty where it is up to them.</summary>
    public IReadOnlyList<string> Scopes { get; init; } = [];

    /// <summary>Origins a browser may call from; the gateway's own is always allowed.</summary>
    public IReadOnlyList<string> AllowedOrigins { get; init; } = [];

    /// <summary>Host header values that are served, besides those of <see cref="PublicUrl"/> and the listener's own address.</summary>
    public IReadOnlyList<string> AllowedHosts { get; init; } = [];

    /// <summary>All time comes from here.</summary>
    public required TimeProvider Clock { get; init; }

    /// <summary>Logs carry ids and reasons, never bodies.</summary>
    public required ILoggerFactory Logs { get; init; }

    /// <summary>Fires when the gateway stops.</summary>
    public CancellationToken Stopping { get; init; }
}

/// <summary>How long sessions of protocols with a listener of their own may be idle.</summary>
public sealed record SessionLimits
{
    /// <summary>From the first byte to the identity.</summary>
    public TimeSpan SignIn { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>Without a request.</summary>
    public TimeSpan Idle { get; init; } = TimeSpan.FromHours(1);

    /// <summary>Without a request inside a transaction, whose locks others wait for.</summary>
    public TimeSpan IdleInTransaction { get; init; } = TimeSpan.FromMinutes(10);
}

/// <summary>Keeps definitions between runs. Changes are durable when the task completes.</summary>
public interface IDefinitionStore
{
    /// <summary>Everything known of a connection, accepted or waiting.</summary>
    ValueTask<IReadOnlyList<StoredDefinition>> LoadAsync(string connection, CancellationToken cancellationToken);

    /// <summary>Adds or replaces by (connection, fact, name).</summary>
    ValueTask SaveAsync(string connection, IReadOnlyList<StoredDefinition> definitions, CancellationToken cancellationToken);
}

/// <summary>One definition as it was accepted, and as it stands at the target when that differs.</summary>
/// <param name="Fact">The fact that names of this kind fill.</param>
/// <param name="Name">Exact name.</param>
/// <param name="AcceptedHash">Hash that is accepted; null while it waits for its first acceptance.</param>
/// <param name="AcceptedDocument">The definition as accepted (UTF-8 JSON), or empty.</param>
/// <param name="SeenHash">Hash last seen at the target.</param>
/// <param name="SeenDocument">The definition last seen (UTF-8 JSON).</param>
/// <param name="SeenAt">When.</param>
public sealed record StoredDefinition(string Fact, string Name, string? AcceptedHash, ReadOnlyMemory<byte> AcceptedDocument, string SeenHash, ReadOnlyMemory<byte> SeenDocument, DateTimeOffset SeenAt);
