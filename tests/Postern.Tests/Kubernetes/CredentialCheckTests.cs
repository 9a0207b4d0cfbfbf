using System.Collections.Immutable;
using System.Text;
using Postern.Core.Policy;
using Postern.Protocols.Kubernetes.Rights;

namespace Postern.Tests.Kubernetes;

/// <summary>What rules need of a cluster, and what of a credential's rights they do not.</summary>
public sealed class CredentialCheckTests
{
    [Fact]
    public void A_rule_needs_its_verbs_on_its_resources_in_its_namespaces_and_streams_need_what_opens_them()
    {
        var needed = NeededRights.Of(
        [
            Entry(("verb", ["get", "list"]), ("resource", ["pods", "deployments.apps", "pods/log"]), ("namespace", ["a", "b"])),
            Entry(("verb", ["exec"]), ("resource", ["pods/exec"]), ("namespace", ["a"])),
            Entry(("verb", ["get"]), ("resource", ["nodes"]), ("cluster", ["true"]), ("object_name", ["n1"])),
            Entry(("nonresource", ["/metrics", "/logs/**"])),
        ], impersonates: false);

        var text = NeededRights.Document(needed, "prod");

        Assert.Equal(
            """
            apiVersion: rbac.authorization.k8s.io/v1
            kind: ClusterRole
            metadata:
              name: postern-prod
            rules:
            - apiGroups: [""]
              resources: ["nodes"]
              resourceNames: ["n1"]
              verbs: ["get"]
            - nonResourceURLs: ["/metrics", "/logs/*"]
              verbs: ["get"]
            ---
            apiVersion: rbac.authorization.k8s.io/v1
            kind: Role
            metadata:
              name: postern-prod
              namespace: "a"
            rules:
            - apiGroups: [""]
              resources: ["pods", "pods/log"]
              verbs: ["get", "list"]
            - apiGroups: ["apps"]
              resources: ["deployments"]
              verbs: ["get", "list"]
            - apiGroups: [""]
              resources: ["pods/exec"]
              verbs: ["get", "create"]
            ---
            apiVersion: rbac.authorization.k8s.io/v1
            kind: Role
            metadata:
              name: postern-prod
              namespace: "b"
            rules:
            - apiGroups: [""]
              resources: ["pods", "pods/log"]
              verbs: ["get", "list"]
            - apiGroups: ["apps"]
              resources: ["deployments"]
              verbs: ["get", "list"]

            """, text);
    }

    [Theory]
    [InlineData("""{"verbs":["get","list"],"apiGroups":[""],"resources":["pods"]}""", "a", "")]
    [InlineData("""{"verbs":["get","delete"],"apiGroups":[""],"resources":["pods"]}""", "a", "a: delete pods")]
    [InlineData("""{"verbs":["get"],"apiGroups":[""],"resources":["pods","secrets"]}""", "a", "a: get secrets")]
    [InlineData("""{"verbs":["get"],"apiGroups":[""],"resources":["pods"]}""", null, "the whole cluster: get pods")]
    [InlineData("""{"verbs":["*"],"apiGroups":[""],"resources":["pods"]}""", "a", "a: * pods")]
    [InlineData("""{"verbs":["get"],"apiGroups":["*"],"resources":["*"]}""", "a", "a: get *.*")]
    [InlineData("""{"verbs":["get"],"apiGroups":["other"],"resources":["pods"]}""", "a", "a: get pods.other")]
    [InlineData("""{"verbs":["get"],"apiGroups":[""],"resources":["configmaps"],"resourceNames":["settings"]}""", "a", "")]
    [InlineData("""{"verbs":["get"],"apiGroups":[""],"resources":["configmaps"],"resourceNames":["settings","other"]}""", "a", "a: get configmaps")]
    [InlineData("""{"verbs":["get"],"apiGroups":[""],"resources":["configmaps"]}""", "a", "a: get configmaps")]
    [InlineData("""{"verbs":["create"],"apiGroups":["authorization.k8s.io"],"resources":["selfsubjectaccessreviews"]}""", null, "")]
    public void What_no_rule_could_give_is_wider(string rule, string? space, string expected)
    {
        var needed = NeededRights.Of(
        [
            Entry(("verb", ["get", "list"]), ("resource", ["pods"]), ("namespace", ["a"])),
            Entry(("verb", ["get"]), ("resource", ["configmaps"]), ("namespace", ["a"]), ("object_name", ["settings"])),
        ], impersonates: false);
        var (granted, isComplete) = GrantedRights.Read(Encoding.UTF8.GetBytes($$$"""{"status":{"resourceRules":[{{{rule}}}],"nonResourceRules":[{"verbs":["get"],"nonResourceURLs":["/version"]}],"incomplete":true} }"""))!.Value;

        Assert.False(isComplete);
        Assert.Equal(expected, string.Join("; ", GrantedRights.Wider(granted, needed, space).Select(right => $"{right.Where}: {string.Join(',', right.Verbs)} {string.Join(',', right.What)}")));
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("""{"status":{}}""")]
    [InlineData("""{"kind":"Status","status":"Failure"}""")]
    [InlineData("""{"status":{"resourceRules":[{"verbs":[1]}]}}""")]
    public void An_answer_that_is_none_is_not_taken_for_no_rights(string answer) => Assert.Null(GrantedRights.Read(Encoding.UTF8.GetBytes(answer)));

    [Fact]
    public void Where_the_cluster_is_told_who_asks_the_credential_needs_to_name_people_alone()
    {
        var needed = NeededRights.Of([Entry(("verb", ["get"]), ("resource", ["pods"]), ("namespace", ["a"]))], impersonates: true);

        Assert.Equal(["impersonate"], Assert.Single(needed).Verbs);
        Assert.Null(needed[0].Namespace);
    }

    private static GivenEntry Entry(params (string Fact, ImmutableArray<string> Values)[] values) => new("r", IsEverything: false, values.ToImmutableDictionary(value => value.Fact, value => value.Values, StringComparer.Ordinal));
}
