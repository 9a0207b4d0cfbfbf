using System.Buffers;
using System.Collections.Immutable;
using System.Text.Json;
using Postern.Core.Operations;

namespace Postern.Protocols.Kubernetes;

/// <summary>The words that a policy may use for Kubernetes, and the fact that each reads (policy.md section 4).</summary>
public sealed class KubernetesVocabulary : Vocabulary
{
    /// <summary>The name in <c>connections.*.protocol</c>.</summary>
    public const string ProtocolName = "kubernetes";

    /// <summary>What is done: the API's verbs, and <see cref="NamedVerbs"/>.</summary>
    public const string Verb = "verb";

    /// <summary><c>pods</c>, <c>deployments.apps</c>, <c>pods/log</c>.</summary>
    public const string Resource = "resource";

    /// <summary>The namespace, or all of them; empty for what lives in none.</summary>
    public const string Namespace = "namespace";

    /// <summary><c>true</c> for what lives in no namespace.</summary>
    public const string Cluster = "cluster";

    /// <summary>The object's name, or all of them.</summary>
    public const string ObjectName = "object_name";

    /// <summary>A path that is no resource, as written.</summary>
    public const string NonResource = "nonresource";

    /// <summary>The variable that holds what the request asks besides its facts.</summary>
    public const string Request = "request";

    /// <summary>The variable that holds the object of a create or update; unknown in a patch.</summary>
    public const string Object = "object";

    /// <summary>Verbs that no pattern gives: they open tunnels, or pass on rights.</summary>
    public static ImmutableArray<string> NamedVerbs { get; } = ["exec", "attach", "portforward", "proxy", "token", "impersonate", "escalate", "bind", "approve"];

    /// <summary>The one instance; it has no state.</summary>
    public static KubernetesVocabulary Instance { get; } = new();

    private KubernetesVocabulary()
    {
    }

    /// <inheritdoc/>
    public override string Name => ProtocolName;

    /// <inheritdoc/>
    public override ImmutableArray<string> Protocols { get; } = [ProtocolName];

    /// <inheritdoc/>
    public override ImmutableArray<SelectorKey> Keys { get; } =
    [
        new("verbs", Verb)
        {
            NamedOnlyValues = NamedVerbs,
            ClosedValues = ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection", .. NamedVerbs],
        },
        new("resources", Resource) { NamedOnlyMark = '/' },
        new("namespaces", Namespace),
        new("cluster", Cluster) { ClosedValues = ["true"] },
        new("names", ObjectName),
        new("nonresource", NonResource) { Segment = '/' },
    ];

    /// <inheritdoc/>
    public override ImmutableArray<ImmutableArray<string>> RequiredKeys { get; } = [["verbs", "resources", "namespaces"], ["verbs", "resources", "cluster"], ["nonresource"]];

    /// <inheritdoc/>
    public override ImmutableArray<ImmutableArray<string>> ExclusiveKeys { get; } = [["namespaces", "cluster"], ["resources", "nonresource"], ["namespaces", "nonresource"], ["cluster", "nonresource"], ["names", "nonresource"]];

    /// <inheritdoc/>
    public override ImmutableArray<string> OwnActions { get; } = [Rights.RightsErrand.Action, Foresight.ForesightErrand.Action, KubernetesTarget.Action];

    /// <inheritdoc/>
    public override ImmutableArray<WhenVariable> Variables { get; } = [new(Request, WhenType.Map), new(Object, WhenType.Map)];

    /// <inheritdoc/>
    public override ImmutableArray<string> AskKeys { get; } = ["request", "body"];

    /// <inheritdoc/>
    public override ImmutableArray<string> SpellingsOf(SelectorKey key, string value)
    {
        ArgumentNullException.ThrowIfNull(key);
        ArgumentNullException.ThrowIfNull(value);
        return string.Equals(key.Fact, Resource, StringComparison.Ordinal) ? KnownResources.NamesOf(value) : [value];
    }

    /// <inheritdoc/>
    public override Operation ReadAsk(Connection connection, IReadOnlyDictionary<string, JsonElement> ask, IDefinitionCatalogue definitions, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(ask);
        if (!ask.TryGetValue("request", out var request) || request.ValueKind != JsonValueKind.String || request.GetString()!.Split(' ') is not [var method, ['/', ..] target])
            throw new FormatException("expected `request` in `ask`: a method and a path, such as `GET /api/v1/namespaces/default/pods`");
        var body = ReadOnlyMemory<byte>.Empty;
        if (ask.TryGetValue("body", out var content))
        {
            var output = new ArrayBufferWriter<byte>();
            using var writer = new Utf8JsonWriter(output);
            content.WriteTo(writer);
            writer.Flush();
            body = output.WrittenMemory;
        }
        var asked = new KubernetesRequest(method, target, body.IsEmpty ? null : method is "PATCH" ? "application/merge-patch+json" : "application/json", body);
        return KubernetesOperations.TryRead(new KubernetesOrigin(connection, ClientRun: null, ClientName: null), asked, now, out var read, out var fault)
            ? read.Operation
            : throw new FormatException(fault.Message);
    }
}
