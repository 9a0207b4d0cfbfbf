using System.Collections.Immutable;
using System.Text.Json;
using Postern.Core.Masking;
using Postern.Core.Operations;

namespace Postern.Gateway.Policies;

/// <summary>
/// The words for administering the gateway itself: a policy grants each by name, so that nobody administers because of a
/// pattern, and without a rule nobody does.
/// </summary>
internal sealed class GatewayVocabulary : Vocabulary
{
    public const string Protocol = "gateway";

    /// <summary>Accepting a definition that changed or appeared at a target.</summary>
    public const string AcceptDefinitions = "definitions.accept";

    /// <summary>Taking back everything that an identity, a group, an agent or a credential holds; everyone may do so for themselves.</summary>
    public const string RevokeIdentities = "identities.revoke";

    /// <summary>Undoing that: credentials that were taken back and still live count again.</summary>
    public const string RestoreIdentities = "identities.restore";

    /// <summary>Seeing what was taken back.</summary>
    public const string ReadIdentities = "identities.read";

    /// <summary>Seeing what the credential of a connection may do at its target.</summary>
    public const string CheckConnections = "connections.check";

    /// <summary>Seeing everybody's grants, not only one's own and those that one could have agreed to.</summary>
    public const string ReadGrants = "grants.read";

    /// <summary>Taking back anybody's grant.</summary>
    public const string RevokeGrants = "grants.revoke";

    /// <summary>Publishing a policy version.</summary>
    public const string ApplyPolicy = "policy.apply";

    /// <summary>Reading policies: versions, who can do what, why something was decided for somebody else.</summary>
    public const string ReadPolicy = "policy.read";

    /// <summary>Running a candidate over what everybody did.</summary>
    public const string SimulatePolicy = "policy.simulate";

    /// <summary>Destroying what was said in a session.</summary>
    public const string EraseSessions = "sessions.erase";

    /// <summary>Forbidding that, whoever wants it and however old the session is; seeing what is held.</summary>
    public const string HoldSessions = "sessions.hold";

    /// <summary>Taking that back.</summary>
    public const string ReleaseSessions = "sessions.release";

    /// <summary>The gateway's own: destroying what was said in sessions that are past the time that they are kept for.</summary>
    public const string ExpireSessions = "sessions.expire";

    /// <summary>Finding and reading everybody's recordings, not only one's own.</summary>
    public const string ReadSessions = "sessions.read";

    /// <summary>Ending anybody's session; everyone may end their own.</summary>
    public const string EndSessions = "sessions.end";

    /// <summary>The gateway's own: publishing what the configured folder holds.</summary>
    public const string LoadPolicy = "policy.load";

    /// <summary>The gateway's own: taking back what a source that is configured for it says is over, or what somebody gives up themselves.</summary>
    public const string EndIdentities = "identities.end";

    /// <summary>The gateway's own: taking over who is in which group from a directory that is configured for it.</summary>
    public const string PlaceIdentities = "identities.place";

    /// <summary>The gateway's own: making whoever brought the one-time code an administrator.</summary>
    public const string FirstAdministrator = "administrators.first";

    private static readonly ImmutableArray<string> _admin = [AcceptDefinitions, RevokeIdentities, RestoreIdentities, ReadIdentities, CheckConnections, ReadGrants, RevokeGrants, ApplyPolicy, ReadPolicy, SimulatePolicy, EraseSessions, HoldSessions, ReleaseSessions, ReadSessions, EndSessions];

    // What everybody may do who is signed in, for and about themselves. No rule gives or takes these; they are named so that every route has a name.
    private static readonly ImmutableArray<string> _everyones =
    [
        "document.read", "whoami.read", "connections.list", "policy.status", "approvals.own", "sessions.own", "sessions.leave", "operations.own", "operations.explain", "access.ask",
        "requests.list", "requests.ask", "grants.own", "grants.giveUp", "identities.leave",
    ];

    /// <summary>True for what a rule can permit, by name.</summary>
    public static bool IsAdministrative(string action) => _admin.Contains(action, StringComparer.Ordinal);

    /// <summary>True for what reads recordings of one's own: it is no operation on the one path, and recorded all the same.</summary>
    public static bool ReadsOwnRecordings(string action) => action is "sessions.own" or "operations.own" or "operations.explain";

    /// <summary>True for what everybody who is signed in may do for themselves.</summary>
    public static bool IsEveryones(string action) => _everyones.Contains(action, StringComparer.Ordinal);

    private const string AdminFact = "admin";

    public static readonly GatewayVocabulary Instance = new();

    private GatewayVocabulary()
    {
    }

    public override string Name => Protocol;

    public override ImmutableArray<string> Protocols => [Protocol];

    public override ImmutableArray<SelectorKey> Keys => [new SelectorKey("admin", AdminFact) { ByNameOnly = true, ClosedValues = _admin }];

    public override ImmutableArray<ImmutableArray<string>> RequiredKeys => [["admin"]];

    public override ImmutableArray<WhenVariable> Variables => [];

    public override ImmutableArray<string> AskKeys => ["admin"];

    public override ImmutableArray<string> OwnActions => [$"gateway.{LoadPolicy}", $"gateway.{EndIdentities}", $"gateway.{PlaceIdentities}", $"gateway.{FirstAdministrator}", $"gateway.{ExpireSessions}"];

    public override Operation ReadAsk(Connection connection, IReadOnlyDictionary<string, JsonElement> ask, IDefinitionCatalogue definitions, DateTimeOffset now)
    {
        if (!ask.TryGetValue("admin", out var value) || value.ValueKind != JsonValueKind.String || value.GetString() is not { } admin || !_admin.Contains(admin, StringComparer.Ordinal))
        {
            throw new FormatException($"expected `admin: {string.Join("` or `admin: ", _admin)}`");
        }
        return Of(connection, admin, now);
    }

    /// <summary>The gateway as a target of policy; no configured connection may have its name.</summary>
    public static Connection Itself(string publicUrl) => new(Protocol, Protocol, publicUrl, []);

    /// <summary>An operation on the gateway itself.</summary>
    public static Operation Of(Connection itself, string admin, DateTimeOffset now) => Of(itself, admin, now, System.Text.Encoding.UTF8.GetBytes($$"""{"admin":"{{admin}}"}"""));

    /// <summary>The same with more to it than its name.</summary>
    public static Operation Of(Connection itself, string admin, DateTimeOffset now, ReadOnlyMemory<byte> request) => new()
    {
        Id = OperationId.New(now),
        Connection = itself,
        Parts = [new Part { Action = $"gateway.{admin}", Facts = [Fact.Of(AdminFact, admin)] }],
        Request = request,
        RequestShape = FrameShape.Json,
        DigestOf = static operation => Digest.Of(operation.Request.Span),
    };

    /// <summary>A question that any rule on the connection answers with yes: whether this identity may know that it exists.</summary>
    public static Operation Glimpse(Connection connection, DateTimeOffset now) => new()
    {
        Id = OperationId.New(now),
        Connection = connection,
        Parts = [new Part { Action = "gateway.glimpse", IsImplied = true }],
        Request = ReadOnlyMemory<byte>.Empty,
        RequestShape = FrameShape.Text,
        DigestOf = static _ => Digest.Of([]),
    };
}
