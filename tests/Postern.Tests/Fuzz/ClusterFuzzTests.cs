using System.Buffers;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json.Nodes;
using Postern.Core.Json;
using Postern.Protocols.Kubernetes.Wire;

namespace Postern.Tests.Fuzz;

/// <summary>What never leaves a cluster, taken out by the quick walk and, member by member, by a slow one that shares nothing with it.</summary>
[Trait("Lane", "fuzz")]
public sealed class ClusterFuzzTests
{
    private static readonly byte[][] Documents =
    [
        .. new[]
        {
            """{"kind":"Secret","apiVersion":"v1","metadata":{"name":"s","managedFields":[{"a":{}}],"annotations":{"kubectl.kubernetes.io/last-applied-configuration":"{\"data\":{}}","x":"y"}},"data":{"a":"eA==","b":null},"stringData":{"c":"x"}}""",
            """{"kind":"PodList","metadata":{"resourceVersion":"1"},"items":[{"metadata":{"name":"p","managedFields":[1]},"spec":{"containers":[{"env":[{"name":"A","value":"b}]\\\"{"}]}]}},{"kind":"Secret","data":{"a":"eA=="}}]}""",
            """{"kind":"SecretList","items":[{"data":{"a":"eA==","b":{"c":[1]}},"metadata":null},7,null]}""",
            """{"kind":"Table","columnDefinitions":[],"rows":[{"cells":["s",1],"object":{"kind":"Secret","data":{"a":"eA=="}}},{"object":null}]}""",
            """{"kind":"TokenRequest","spec":{"token":"t"},"status":{"token":"eyJ","expirationTimestamp":"t"}}""",
            """ { "data" : { "\u0061" : "eA==" } , "kind" : "S\u0065cret" } """,
        }.Select(Encoding.UTF8.GetBytes),
    ];

    [Fact]
    [Row("K08"), Row("K17")]
    [Guarantee("G11")]
    public void What_never_leaves_a_cluster_is_taken_out_as_a_slow_walk_takes_it_out() => FuzzRun.Run(Name(), Documents, bytes =>
    {
        if (StrictJson.Check(bytes) is not null) return;
        foreach (var areSecrets in (ReadOnlySpan<bool>)[false, true])
        {
            var output = new ArrayBufferWriter<byte>();
            var found = ObjectScrub.Document(bytes, areSecrets, output);
            var slow = JsonNode.Parse(bytes);
            Assert.Equal(Document(slow, areSecrets), found.IsTable);
            var quick = JsonNode.Parse(found.IsChanged ? output.WrittenSpan : bytes);
            // as texts: comparing the values of numbers stumbles over `1e99999999999`
            Assert.Equal(slow?.ToJsonString(), quick?.ToJsonString());
        }
    });

    private static string Name([CallerMemberName] string name = "") => name;

    private static bool Document(JsonNode? node, bool areSecrets)
    {
        if (node is not JsonObject document) return false;
        var kind = KindOf(document);
        if (kind is not "Table" && !kind.EndsWith("List", StringComparison.Ordinal))
        {
            Object(document, areSecrets);
            return false;
        }
        areSecrets |= kind is "SecretList";
        Metadata(document, areSecrets);
        if (document[kind is "Table" ? "rows" : "items"] is JsonArray items)
        {
            foreach (var item in items.OfType<JsonObject>())
            {
                if ((kind is "Table" ? item["object"] : item) is JsonObject one) Object(one, areSecrets);
            }
        }
        return kind is "Table";
    }

    private static void Object(JsonObject one, bool areSecrets)
    {
        var kind = KindOf(one);
        var isSecret = areSecrets || kind is "Secret";
        Metadata(one, isSecret);
        if (isSecret)
        {
            Values(one, "data", ObjectScrub.EncodedPlaceholder);
            Values(one, "stringData", ObjectScrub.Placeholder);
        }
        var holder = kind switch { "TokenRequest" => "status", "TokenReview" => "spec", _ => null };
        if (holder is not null && one[holder] is JsonObject holding && holding["token"] is not null) holding["token"] = ObjectScrub.Placeholder;
    }

    private static void Metadata(JsonObject one, bool isSecret)
    {
        if (one["metadata"] is not JsonObject metadata) return;
        if (metadata["managedFields"] is not null) metadata["managedFields"] = new JsonArray();
        if (isSecret && metadata["annotations"] is JsonObject annotations && annotations[ObjectScrub.LastApplied] is not null) annotations[ObjectScrub.LastApplied] = "{}";
    }

    private static void Values(JsonObject one, string member, string instead)
    {
        if (one[member] is not { } node) return;
        if (node is not JsonObject values)
        {
            one[member] = null;
            return;
        }
        foreach (var name in values.Select(value => value.Key).ToList())
        {
            if (values[name] is not null) values[name] = instead;
        }
    }

    private static string KindOf(JsonObject document) => document["kind"] is JsonValue value && value.TryGetValue<string>(out var kind) ? kind : "";
}
