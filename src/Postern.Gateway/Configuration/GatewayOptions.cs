using System.Collections.Immutable;
using System.Net;
using Postern.Upstreams;

namespace Postern.Gateway.Configuration;

/// <summary>Everything that an operator decides about one gateway, checked. Secrets are values here: never log an instance.</summary>
public sealed class GatewayOptions
{
    /// <summary>Scheme, address and port to listen on. Port 0 asks the system for a free one.</summary>
    public string Url { get; init; } = "http://127.0.0.1:7600";

    /// <summary>Scheme, address and port of health, readiness and metrics; null for none.</summary>
    public string? Management { get; init; } = "http://127.0.0.1:7601";

    /// <summary>
    /// Scheme, address and port on which clusters are served, where a connection is one: always https, because kubectl sends no token without; null
    /// for no such listener.
    /// </summary>
    public string? Kubernetes { get; init; } = "https://127.0.0.1:7643";

    /// <summary>The certificate to serve, or null for plain HTTP.</summary>
    public TlsOptions? Tls { get; init; }

    /// <summary>Where clients that speak PostgreSQL connect; opened only where a connection does.</summary>
    public PostgresListenOptions Postgres { get; init; } = new();

    /// <summary>The base of every link and the audience of tokens, without a trailing slash; null means <see cref="Url"/>.</summary>
    public string? PublicUrl { get; init; }

    /// <summary>The proxies that may speak for clients; their forwarded headers are believed, nobody else's.</summary>
    public ImmutableArray<IPNetwork> BehindProxy { get; init; } = [];

    /// <summary>The folder that holds the database, journals and keys. Full path.</summary>
    public required string Data { get; init; }

    /// <summary>Who may vouch for identities; at least one.</summary>
    public ImmutableArray<IssuerOptions> Issuers { get; init; } = [];

    /// <summary>The targets.</summary>
    public ImmutableArray<ConnectionOptions> Connections { get; init; } = [];

    /// <summary>Policy files, or folders whose <c>*.yaml</c> files are read. Full paths.</summary>
    public ImmutableArray<string> Policy { get; init; } = [];

    /// <summary>What recordings promise.</summary>
    public RecordOptions Record { get; init; } = new();

    /// <summary>Where the journal is sent to.</summary>
    public ImmutableArray<ExportOptions> Exports { get; init; } = [];

    /// <summary>Where spans and metrics are sent to, or null.</summary>
    public TelemetryOptions? Telemetry { get; init; }

    /// <summary>How the gateway logs; whoever starts it sees to that.</summary>
    public LogOptions Log { get; init; } = new();

    /// <summary>Where reviewers are told of holds, or null.</summary>
    public WebhookOptions? Webhook { get; init; }

    /// <summary>The Slack channel in which reviewers are told, or null.</summary>
    public SlackOptions? Slack { get; init; }

    /// <summary>How reviewers are told by e-mail, or null.</summary>
    public EmailOptions? Email { get; init; }

    /// <summary>How long callers are kept waiting for people.</summary>
    public WaitOptions Waits { get; init; } = new();

    /// <summary>Accounts that are one person's, <c>issuer:subject</c>; an account that stands nowhere is a person of its own.</summary>
    public ImmutableArray<ImmutableArray<string>> People { get; init; } = [];

    /// <summary>Caps on what one caller can take.</summary>
    public LimitOptions Limits { get; init; } = new();

    /// <summary>The gateway's own authorization server, or null where clients sign in at the issuers themselves.</summary>
    public AuthorizationOptions? Authorization { get; init; }

    /// <summary>Origins, besides our own, that a browser may call from.</summary>
    public ImmutableArray<string> AllowedOrigins { get; init; } = [];

    /// <summary>Host names, besides those of <see cref="PublicUrl"/> and the listener, that are served.</summary>
    public ImmutableArray<string> AllowedHosts { get; init; } = [];
}

/// <summary>A certificate with its key, as PEM files; read again when they change, without a drop.</summary>
/// <param name="Certificate">The chain, leaf first.</param>
/// <param name="Key">The private key.</param>
public sealed record TlsOptions(string Certificate, string Key);

/// <summary>The listener for PostgreSQL.</summary>
public sealed record PostgresListenOptions
{
    /// <summary>Address and port. Port 0 asks the system for a free one.</summary>
    public string Address { get; init; } = "127.0.0.1:7632";

    /// <summary>True: a client without TLS is refused.</summary>
    public bool NeedsTls { get; init; } = true;

    /// <summary>The certificate to serve; null for that of <see cref="GatewayOptions.Tls"/>.</summary>
    public TlsOptions? Tls { get; init; }
}

/// <summary>One OIDC issuer.</summary>
public sealed class IssuerOptions
{
    /// <summary>The name in policy, <c>name:value</c>.</summary>
    public required string Name { get; init; }

    /// <summary>The issuer's URL, exactly as its tokens write <c>iss</c>.</summary>
    public required string Authority { get; init; }

    /// <summary>The provider whose habits are known: a name of <see cref="Identities.IssuerPreset"/>; null for none.</summary>
    public string? Preset { get; init; }

    /// <summary>The one audience that tokens must carry; null means <see cref="Audiences"/>, or else the gateway's public URL.</summary>
    public string? Audience { get; init; }

    /// <summary>Several audiences, any of which does; empty for none besides <see cref="Audience"/>.</summary>
    public ImmutableArray<string> Audiences { get; init; } = [];

    /// <summary>The audiences that are written.</summary>
    internal ImmutableArray<string> EveryAudience => Audience is { } one ? [one] : Audiences.IsDefault ? [] : Audiences;

    /// <summary>The tenants that are let in, where the preset knows tenants.</summary>
    public ImmutableArray<string> Tenants { get; init; } = [];

    /// <summary>Where groups are asked for that are too many for a token, or null.</summary>
    public DirectoryOptions? Directory { get; init; }

    /// <summary>The client that people sign in with, on pages and in the CLI.</summary>
    public string? ClientId { get; init; }

    /// <summary>That client's secret, if it has one.</summary>
    public string? ClientSecret { get; init; }

    /// <summary>How a directory pushes users and groups here, or null.</summary>
    public ScimOptions? Scim { get; init; }

    /// <summary>Where the issuer is asked whether tokens still count, or null.</summary>
    public IntrospectionOptions? Introspection { get; init; }

    /// <summary>The claim that lists groups; null for that of the preset, or <c>groups</c>.</summary>
    public string? GroupsClaim { get; init; }

    /// <summary>The claim that lists roles, by name or JSON pointer; null for that of the preset, <c>none</c> for none.</summary>
    public string? RolesClaim { get; init; }

    /// <summary>The signature algorithms that are accepted; default for those of the preset, or RS256 and ES256.</summary>
    public ImmutableArray<string> Algorithms { get; init; }

    /// <summary>The token types (<c>typ</c>) that are accepted; default for those of the preset, or <c>at+jwt</c>.</summary>
    public ImmutableArray<string> Types { get; init; }

    /// <summary>Readable names for the issuer's group ids: name to id.</summary>
    public ImmutableArray<KeyValuePair<string, string>> Names { get; init; } = [];

    /// <summary>How far the issuer's clock may differ from ours; at most a minute.</summary>
    public TimeSpan ClockSkew { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>The longest life, <c>iat</c> to <c>exp</c>, that a token may claim.</summary>
    public TimeSpan TokenLife { get; init; } = TimeSpan.FromHours(24);

    /// <summary>Claims that every access token must have with exactly this text.</summary>
    public ImmutableArray<KeyValuePair<string, string>> RequiredClaims { get; init; } = [];

    /// <summary>Scopes that a person's access token must have been issued for, as clients ask for them.</summary>
    public ImmutableArray<string> Scopes { get; init; } = [];

    /// <summary>Claims any of which, with this text, says that a token stands for a program and for no person; default for those of the preset, or <c>idtyp: app</c>.</summary>
    public ImmutableArray<KeyValuePair<string, string>> WorkloadClaims { get; init; }
}

/// <summary>A directory that knows the groups of an issuer's principals (Microsoft Graph v1.0), and whom the gateway is there.</summary>
/// <param name="Url">Its base, such as <c>https://graph.microsoft.com/v1.0</c>.</param>
/// <param name="ClientId">The gateway's application there.</param>
/// <param name="ClientSecret">Its secret.</param>
public sealed record DirectoryOptions(string Url, string ClientId, string ClientSecret)
{
    /// <summary>Where its token is asked for; null for the token endpoint that the issuer names.</summary>
    public string? TokenUrl { get; init; }

    /// <summary>The scope that is asked for: all that the application was given for this directory.</summary>
    public string Scope { get; init; } = $"{new Uri(Url).GetLeftPart(UriPartial.Authority)}/.default";

    /// <inheritdoc/>
    public override string ToString() => $"{Url} (secret)";
}

/// <summary>What a directory needs to push users and groups of an issuer (SCIM 2.0).</summary>
/// <param name="Token">The secret that it brings as a bearer token.</param>
/// <param name="Subject">Which attribute of a user is the subject in tokens: <c>externalId</c> or <c>userName</c>.</param>
public sealed record ScimOptions(string Token, string Subject)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Subject} (secret)";
}

/// <summary>Where an issuer says whether a token still counts (RFC 7662), and whom the gateway is there.</summary>
/// <param name="Url">The introspection endpoint.</param>
/// <param name="ClientId">The gateway's client there.</param>
/// <param name="ClientSecret">Its secret.</param>
public sealed record IntrospectionOptions(string Url, string ClientId, string ClientSecret)
{
    /// <summary>How often each live token is asked about.</summary>
    public TimeSpan Every { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a token counts without an answer.</summary>
    public TimeSpan MaxStale { get; init; } = TimeSpan.FromMinutes(2);

    /// <inheritdoc/>
    public override string ToString() => $"{Url} (secret)";
}

/// <summary>One target.</summary>
public sealed class ConnectionOptions
{
    /// <summary>The name in policy and URLs.</summary>
    public required string Name { get; init; }

    /// <summary>How it speaks.</summary>
    public required string Protocol { get; init; }

    /// <summary>Where it is; empty for one that the gateway starts.</summary>
    public string Url { get; init; } = "";

    /// <summary>How the gateway starts it, or null for one at an URL.</summary>
    public StdioOptions? Stdio { get; init; }

    /// <summary>An OpenAPI document (JSON) that names the target's operations, or null. Full path.</summary>
    public string? OpenApi { get; init; }

    /// <summary>Host names that lead to its root, in lower case.</summary>
    public ImmutableArray<string> HostNames { get; init; } = [];

    /// <summary>How long sessions on it are kept; null as <see cref="RecordOptions.Keep"/>.</summary>
    public TimeSpan? Keep { get; init; }

    /// <summary>True when it is spoken to in HTTP/2.</summary>
    public bool IsHttp2 { get; init; }

    /// <summary>Words that policies may select by.</summary>
    public ImmutableArray<string> Tags { get; init; } = [];

    /// <summary>What the gateway authenticates with at the target, or null. Never shown to callers, never recorded.</summary>
    public CredentialOptions? Credential { get; init; }

    /// <summary>How the gateway signs in at a PostgreSQL server, or null.</summary>
    public PostgresTargetOptions? Postgres { get; init; }

    /// <summary>A file of the certificate authorities that alone are trusted for this target (PEM); null for the system's own. Full path.</summary>
    public string? Authorities { get; init; }

    /// <summary>True when the gateway names the caller to the target, which then acts under the caller's own rights there.</summary>
    public bool Impersonates { get; init; }

    /// <summary>How long the target may take.</summary>
    public UpstreamPatience Patience { get; init; } = new();
}

/// <summary>How the gateway signs in at a PostgreSQL server.</summary>
/// <param name="User">The role.</param>
/// <param name="Password">Its password, or null; secret.</param>
public sealed record PostgresTargetOptions(string User, string? Password)
{
    /// <summary>True: TLS with a verified certificate.</summary>
    public bool UsesTls { get; init; } = true;

    /// <summary>A PEM file with the roots that the certificate must lead to; null for those of the system. Full path.</summary>
    public string? Roots { get; init; }

    /// <summary>How the server may ask for the password.</summary>
    public ImmutableArray<Upstreams.Postgres.PostgresMethod> Methods { get; init; } = [Upstreams.Postgres.PostgresMethod.Scram];

    /// <inheritdoc/>
    public override string ToString() => $"{User} (secret)";
}

/// <summary>A header that is lent to every request to a target.</summary>
/// <param name="Header">The header's name.</param>
/// <param name="Value">Its whole value; secret.</param>
public sealed record CredentialOptions(string Header, string Value)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Header}: (secret)";
}

/// <summary>A server that the gateway starts and speaks to over stdin and stdout.</summary>
public sealed class StdioOptions
{
    /// <summary>The program: a path, or a name that is looked for in the <c>PATH</c> that the child will have.</summary>
    public required string Command { get; init; }

    /// <summary>Its arguments, as they stand.</summary>
    public ImmutableArray<string> Arguments { get; init; } = [];

    /// <summary>The folder that it runs in. Full path.</summary>
    public required string Folder { get; init; }

    /// <summary>Variables besides the few essentials. Values are secret.</summary>
    public ImmutableArray<KeyValuePair<string, string>> Environment { get; init; } = [];

    /// <summary>A folder under which each identity has one of its own, which <c>{state}</c> in arguments and environment stands for; null for none. Full path.</summary>
    public string? State { get; init; }

    /// <summary>True when what it says on stderr goes to the log.</summary>
    public bool LogsErrors { get; init; } = true;

    /// <summary>After this long without use a child is ended.</summary>
    public TimeSpan Idle { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>True when one child serves everybody.</summary>
    public bool IsShared { get; init; }
}

/// <summary>What recordings promise.</summary>
/// <param name="IsStrict">True: nothing is forwarded or released before it is on disk. False: before it is handed to the system.</param>
/// <param name="ContentBytes">How much of a reply is kept for replay; all of it is digested.</param>
public sealed record RecordOptions(bool IsStrict = true, int ContentBytes = 1024 * 1024)
{
    /// <summary>A checkpoint at least this often, also when nothing happened.</summary>
    public TimeSpan Heartbeat { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>Where the signing key comes from; null for one of the gateway's own.</summary>
    public Core.Recording.JournalKeyOptions? Key { get; init; }

    /// <summary>How long sessions are kept, where their connection does not say; null for ever.</summary>
    public TimeSpan? Keep { get; init; }

    /// <summary>Where the master key comes from; null for one of the gateway's own.</summary>
    public MasterKeyOptions? MasterKey { get; init; }

    /// <summary>Who is told of checkpoints.</summary>
    public ImmutableArray<WitnessOptions> Witnesses { get; init; } = [];

    /// <summary>How long a witness may hear of nothing before new work is refused; null for any time.</summary>
    public TimeSpan? RefuseWithoutWitness { get; init; }

    /// <summary>Where recordings are kept besides the local disk; null for nowhere.</summary>
    public StoreOptions? Store { get; init; }
}

/// <summary>Where the key comes from that data keys are wrapped with. It has a file or a value.</summary>
/// <param name="File">32 random bytes, as they are, in hexadecimal or in base64; readable by its owner only.</param>
/// <param name="Value">The same as text.</param>
/// <param name="PreviousFile">The key before it: what it wrapped is wrapped anew at the next start.</param>
public sealed record MasterKeyOptions(string? File, string? Value, string? PreviousFile);

/// <summary>One witness; it has a file, a URL or a bucket.</summary>
/// <param name="Name">Its name.</param>
/// <param name="File">Appended to.</param>
/// <param name="Url">Posted to.</param>
/// <param name="Token">Bearer token for it, or null.</param>
public sealed record WitnessOptions(string Name, string? File, string? Url, string? Token)
{
    /// <summary>Each checkpoint becomes an object there.</summary>
    public StoreTarget.S3? S3 { get; init; }
}

/// <summary>Where reviewers are told of holds.</summary>
/// <param name="Url">Receives a signed POST for each hold.</param>
/// <param name="Secret">Keys the signature.</param>
public sealed record WebhookOptions(string Url, string Secret)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Url} (secret)";
}

/// <summary>A Slack channel in which reviewers are told, and can deny.</summary>
/// <param name="Workspace">The workspace's id.</param>
/// <param name="Channel">The channel's id.</param>
/// <param name="Token">The app's bot token.</param>
/// <param name="SigningSecret">By which presses of buttons are known.</param>
public sealed record SlackOptions(string Workspace, string Channel, string Token, string SigningSecret)
{
    /// <summary>Member id to <c>issuer:subject</c>.</summary>
    public IReadOnlyDictionary<string, string> Users { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>Slack's API.</summary>
    public string Api { get; init; } = "https://slack.com/api";

    /// <inheritdoc/>
    public override string ToString() => $"{Channel} of {Workspace} (secrets)";
}

/// <summary>A mail server, and who writes to whom.</summary>
/// <param name="Host">The mail server.</param>
/// <param name="Port">Its port.</param>
/// <param name="From">The sender's address.</param>
/// <param name="To">The reviewers' addresses.</param>
public sealed record EmailOptions(string Host, int Port, string From, ImmutableArray<string> To)
{
    /// <summary>True: STARTTLS with a trusted certificate.</summary>
    public bool UsesTls { get; init; } = true;

    /// <summary>Whom to sign in as, or null.</summary>
    public string? User { get; init; }

    /// <summary>That user's password; secret.</summary>
    public string? Password { get; init; }

    /// <inheritdoc/>
    public override string ToString() => $"{Host}:{Port} (secrets)";
}

/// <summary>How long callers are kept waiting for people before they are told to come back.</summary>
public sealed record WaitOptions
{
    /// <summary>At a stretch; zero answers at once.</summary>
    public TimeSpan Longest { get; init; } = TimeSpan.FromSeconds(50);

    /// <summary>For one SQL statement.</summary>
    public TimeSpan Statement { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>For clients by the name that they give themselves; others by what is known of them.</summary>
    public IReadOnlyDictionary<string, TimeSpan> Clients { get; init; } = new Dictionary<string, TimeSpan>(StringComparer.Ordinal);
}

/// <summary>Caps on what one caller can take.</summary>
public sealed record LimitOptions
{
    /// <summary>Bytes of one request on a data path; more is refused, never cut short.</summary>
    public int Body { get; init; } = 4 * 1024 * 1024;

    /// <summary>Connections open at once.</summary>
    public int Connections { get; init; } = 10_000;

    /// <summary>Servers over stdio that run at once, besides the gateway's own.</summary>
    public int Children { get; init; } = 64;

    /// <summary>Servers over stdio that run at once for one identity.</summary>
    public int ChildrenPerIdentity { get; init; } = 8;

    /// <summary>Callers of one identity that are kept waiting for people at once; further ones are told at once to come back.</summary>
    public int Waiting { get; init; } = 1_000;

    /// <summary>Questions of one identity that wait for people at once; further ones are not put.</summary>
    public int Questions { get; init; } = Core.Approvals.ApprovalDesk.UsualMaxOpen;

    /// <summary>Connections of a listener that is not HTTP, not signed in yet, at once.</summary>
    public int SigningIn { get; init; } = 200;

    /// <summary>How long its sessions may take to sign in and be idle.</summary>
    public Protocols.SessionLimits Sessions { get; init; } = new();

    /// <summary>How long a stop waits for work in flight before it cuts it.</summary>
    public TimeSpan Drain { get; init; } = TimeSpan.FromSeconds(10);
}
