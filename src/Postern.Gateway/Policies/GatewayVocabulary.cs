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

    /// <summary>Taking back everything that an identity holds; everyone may do so for themselves.</summary>
    public const string RevokeIdentities = "identities.revoke";

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

    /// <summary>The gateway's own: publishing what the configured folder holds.</summary>
    public const string LoadPolicy = "policy.load";

    private static readonly ImmutableArray<string> _admin = [AcceptDefinitions, RevokeIdentities, CheckConnections, ReadGrants, RevokeGrants, ApplyPolicy, ReadPolicy, SimulatePolicy];

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

    public override ImmutableArray<string> OwnActions => [$"gateway.{LoadPolicy}"];

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
