using System.Text;
using System.Text.Json;
using Postern.Core.Operations;
using Postern.Protocols.Kubernetes;

namespace Postern.Tests.Kubernetes;

/// <summary>What of a request becomes facts, and which requests contradict themselves.</summary>
public sealed class KubernetesOperationTests
{
    private const string Json = "application/json";

    [Theory]
    [InlineData("GET /api/v1/namespaces/a/pods/p", "get", "pods", "a", "", "p")]
    [InlineData("GET /api/v1/namespaces/a/pods", "list", "pods", "a", "", "*")]
    [InlineData("GET /api/v1/pods?watch=true", "watch", "pods", "*", "", "*")]
    [InlineData("GET /api/v1/nodes", "list", "nodes", "", "true", "*")]
    [InlineData("GET /api/v1/nodes/n", "get", "nodes", "", "true", "n")]
    [InlineData("GET /api/v1/namespaces/a", "get", "namespaces", "a", "true", "a")]
    [InlineData("GET /api/v1/namespaces", "list", "namespaces", "*", "true", "*")]
    [InlineData("DELETE /api/v1/namespaces/a/pods", "deletecollection", "pods", "a", "", "*")]
    [InlineData("GET /apis/example.com/v1/widgets", "list", "widgets.example.com", "*", "", "*")]
    [InlineData("GET /apis/example.com/v1/widgets/w", "get", "widgets.example.com", "", "true", "w")]
    [InlineData("GET /apis/apps/v1/deployments", "list", "deployments.apps,deployments.extensions", "*", "", "*")]
    [InlineData("GET /apis/events.k8s.io/v1/namespaces/a/events/e", "get", "events,events.events.k8s.io", "a", "", "e")]
    [InlineData("GET /api/v1/namespaces/a/events/e", "get", "events,events.events.k8s.io", "a", "", "e")]
    [InlineData("GET /api/v1/namespaces/a/pods/p/log", "get", "pods/log", "a", "", "p")]
    [InlineData("GET /api/v1/namespaces/a/pods/p/exec?command=id", "exec", "pods/exec", "a", "", "p")]
    [InlineData("POST /api/v1/namespaces/a/pods/p/exec?command=id", "exec", "pods/exec", "a", "", "p")]
    [InlineData("GET /api/v1/namespaces/a/pods/p/attach", "attach", "pods/attach", "a", "", "p")]
    [InlineData("POST /api/v1/namespaces/a/pods/p/portforward", "portforward", "pods/portforward", "a", "", "p")]
    [InlineData("GET /api/v1/nodes/n/proxy/run/a/p/c", "get,proxy", "nodes/proxy", "", "true", "n")]
    [InlineData("POST /api/v1/namespaces/a/services/s/proxy/x", "create,proxy", "services/proxy", "a", "", "s")]
    [InlineData("GET /metrics", "get", "", "", "", "")]
    [Row("K02")]
    [Row("K03")]
    [Row("K04")]
    [Row("K10")]
    [Row("K14")]
    public void Facts_say_what_is_done_to_what_and_where(string request, string verbs, string resources, string namespaces, string cluster, string names)
    {
        var part = Part(request);

        Assert.Equal(verbs, Text(part, KubernetesVocabulary.Verb));
        Assert.Equal(resources, Text(part, KubernetesVocabulary.Resource));
        Assert.Equal(namespaces, Text(part, KubernetesVocabulary.Namespace));
        Assert.Equal(cluster, Text(part, KubernetesVocabulary.Cluster));
        Assert.Equal(names, Text(part, KubernetesVocabulary.ObjectName));
        Assert.False(part.IsImplied);
    }

    [Theory]
    [InlineData("POST /api/v1/namespaces/a/serviceaccounts/s/token", """{"kind":"TokenRequest","apiVersion":"authentication.k8s.io/v1"}""", "token", "s")]
    [InlineData("POST /apis/rbac.authorization.k8s.io/v1/namespaces/a/roles", """{"metadata":{"name":"r"}}""", "create,escalate", "r")]
    [InlineData("POST /apis/rbac.authorization.k8s.io/v1/clusterrolebindings", """{"metadata":{"generateName":"r-"}}""", "create,bind", "*")]
    [InlineData("PUT /apis/certificates.k8s.io/v1/certificatesigningrequests/c/approval", """{"metadata":{"name":"c"}}""", "update,approve", "c")]
    [InlineData("POST /api/v1/namespaces/a/pods", """{"metadata":{"name":"p","namespace":"a"}}""", "create", "p")]
    [InlineData("POST /api/v1/namespaces/a/pods/p/eviction", """{"kind":"Eviction","apiVersion":"policy/v1","metadata":{"name":"p","namespace":"a"}}""", "create", "p")]
    [Row("K13")]
    [Row("K03")]
    public void What_passes_on_rights_is_named_beside_its_verb(string request, string body, string verbs, string name)
    {
        var part = Part(request, Json, body);

        Assert.Equal(verbs, Text(part, KubernetesVocabulary.Verb));
        Assert.Equal(name, Text(part, KubernetesVocabulary.ObjectName));
    }

    [Theory]
    [InlineData("GET /api")]
    [InlineData("GET /apis")]
    [InlineData("GET /api/v1?timeout=32s")]
    [InlineData("GET /apis/apps")]
    [InlineData("GET /apis/apps/v1")]
    [InlineData("GET /version")]
    [InlineData("GET /openapi/v2")]
    [InlineData("GET /openapi/v3/apis/apps/v1?hash=1")]
    public void Discovery_needs_no_rule(string request) => Assert.True(Part(request).IsImplied);

    [Theory]
    [InlineData("GET /metrics")]
    [InlineData("GET /logs/kube-apiserver.log")]
    [InlineData("GET /debug/pprof/heap")]
    [InlineData("GET /openapi/v3/x")]
    [InlineData("GET /healthz")]
    public void What_else_is_no_resource_needs_one(string request) => Assert.False(Part(request).IsImplied);

    [Fact]
    public void Asking_what_one_may_do_needs_no_rule()
    {
        Assert.True(Part("POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews", Json, """{"kind":"SelfSubjectAccessReview","apiVersion":"authorization.k8s.io/v1","spec":{}}""").IsImplied);
        Assert.False(Part("POST /apis/authorization.k8s.io/v1/subjectaccessreviews", Json, """{"kind":"SubjectAccessReview"}""").IsImplied);
        Assert.False(Part("POST /apis/authentication.k8s.io/v1/tokenreviews", Json, """{"kind":"TokenReview"}""").IsImplied);
    }

    [Theory]
    [InlineData("POST /api/v1/namespaces/a/pods", """{"metadata":{"name":"p","namespace":"b"}}""", "namespace")]
    [InlineData("POST /api/v1/namespaces/a/pods", """{"kind":"Secret","metadata":{"name":"p"}}""", "kind")]
    [InlineData("POST /api/v1/namespaces/a/pods", """{"kind":"List","items":[]}""", "kind")]
    [InlineData("POST /apis/example.com/v1/namespaces/a/widgets", """{"kind":"List","items":[]}""", "kind")]
    [InlineData("POST /api/v1/namespaces/a/pods", """{"apiVersion":"v2","metadata":{"name":"p"}}""", "apiVersion")]
    [InlineData("POST /apis/apps/v1/namespaces/a/deployments", """{"apiVersion":"extensions/v1beta1","kind":"Deployment"}""", "apiVersion")]
    [InlineData("PUT /api/v1/namespaces/a/pods/p", """{"metadata":{"name":"q"}}""", "name")]
    [InlineData("POST /api/v1/namespaces/a/pods/p/eviction", """{"kind":"Eviction","metadata":{"name":"q"}}""", "name")]
    [InlineData("POST /api/v1/namespaces/a/pods/p/eviction", """{"kind":"Pod","metadata":{"name":"p"}}""", "kind")]
    [InlineData("PUT /api/v1/nodes/n", """{"metadata":{"name":"n","namespace":"a"}}""", "namespace")]
    [InlineData("PUT /api/v1/namespaces/a", """{"metadata":{"name":"b"}}""", "name")]
    [InlineData("DELETE /api/v1/namespaces/a/pods/p", """{"kind":"Pod"}""", "DeleteOptions")]
    [InlineData("POST /api/v1/namespaces/a/pods", """{"metadata":{"name":"p","name":"q"}}""", "one meaning")]
    [InlineData("POST /api/v1/namespaces/a/pods", """{"metadata":{"n\u0061me":"p","name":"q"}}""", "one meaning")]
    [InlineData("POST /api/v1/namespaces/a/pods", """{"metadata":7}""", "metadata")]
    [InlineData("POST /api/v1/namespaces/a/pods", """{"metadata":{"name":7}}""", "metadata.name")]
    [InlineData("POST /api/v1/namespaces/a/pods", "[]", "object")]
    [InlineData("POST /api/v1/namespaces/a/pods", "", "one meaning")]
    [InlineData("POST /api/v1/namespaces/a/pods", "kind: Pod", "one meaning")]
    [Row("K12")]
    public void A_body_that_says_other_than_its_path_is_refused(string request, string body, string why)
    {
        var fault = Fault(request, Json, body);

        Assert.Equal(400, fault.Status);
        Assert.Contains(why, fault.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("POST /api/v1/namespaces/a/pods", "application/vnd.kubernetes.protobuf")]
    [InlineData("POST /api/v1/namespaces/a/pods", "application/cbor")]
    [InlineData("POST /api/v1/namespaces/a/pods", "application/yaml")]
    [InlineData("POST /api/v1/namespaces/a/pods", null)]
    [InlineData("PATCH /api/v1/namespaces/a/pods/p", "application/json")]
    [InlineData("PATCH /api/v1/namespaces/a/pods/p", "application/apply-patch+cbor")]
    [InlineData("DELETE /api/v1/namespaces/a/pods/p", "application/vnd.kubernetes.protobuf")]
    [Row("K07")]
    public void A_body_in_another_form_than_JSON_is_refused(string request, string? type) => Assert.Equal(415, Fault(request, type, """{"kind":"DeleteOptions"}""").Status);

    [Theory]
    [InlineData("application/json-patch+json", """[{"op":"add","path":"/metadata/labels/a","value":"b"}]""")]
    [InlineData("application/merge-patch+json", """{"metadata":{"labels":{"a":"b"}}}""")]
    [InlineData("application/strategic-merge-patch+json", """{"metadata":{"labels":{"a":"b"}}}""")]
    [InlineData("application/apply-patch+yaml", """{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","labels":{"a":"b"}}}""")]
    [Row("K09")]
    public void A_patch_leaves_the_object_unknown_and_its_type_is_part_of_what_is_asked(string type, string body)
    {
        var operation = Read("PATCH /api/v1/namespaces/a/pods/p", type, body);

        Assert.True(operation.Parts[0].Variables.Single(variable => variable.Name == KubernetesVocabulary.Object).IsUnknown);
        Assert.Equal(operation.Digest, Read("PATCH /api/v1/namespaces/a/pods/p", type, " " + body).Digest);
        if (type != "application/merge-patch+json" && !body.StartsWith('['))
            Assert.NotEqual(operation.Digest, Read("PATCH /api/v1/namespaces/a/pods/p", "application/merge-patch+json", body).Digest);
    }

    [Theory]
    [InlineData("application/merge-patch+json", """{"metadata":{"name":"q"}}""")]
    [InlineData("application/merge-patch+json", """{"metadata":{"namespace":"kube-system"}}""")]
    [InlineData("application/apply-patch+yaml", """{"apiVersion":"v1","kind":"Secret","metadata":{"name":"p"}}""")]
    [InlineData("application/apply-patch+yaml", """{"metadata":{"name":"p"}}""")]
    [InlineData("application/apply-patch+yaml", "kind: Pod\napiVersion: v1")]
    [InlineData("application/json-patch+json", """{"op":"add"}""")]
    [InlineData("application/strategic-merge-patch+json", "[]")]
    [Row("K09")]
    [Row("K12")]
    public void A_patch_that_names_another_object_is_refused(string type, string body) => Assert.Equal(400, Fault("PATCH /api/v1/namespaces/a/pods/p", type, body).Status);

    [Fact]
    public void The_object_and_the_request_are_there_for_conditions()
    {
        var part = Part("POST /api/v1/namespaces/a/pods?dryRun=All", Json, """{"metadata":{"name":"p"},"spec":{"hostNetwork":true}}""");
        using var request = JsonDocument.Parse(Variable(part, KubernetesVocabulary.Request).Json);
        using var body = JsonDocument.Parse(Variable(part, KubernetesVocabulary.Object).Json);

        Assert.True(request.RootElement.GetProperty("dryRun").GetBoolean());
        Assert.Equal("create", request.RootElement.GetProperty("verb").GetString());
        Assert.Equal("p", request.RootElement.GetProperty("name").GetString());
        Assert.True(body.RootElement.GetProperty("spec").GetProperty("hostNetwork").GetBoolean());
    }

    [Fact]
    [Row("K14")]
    public void How_a_delete_is_meant_can_be_asked()
    {
        var part = Part("DELETE /api/v1/namespaces/a/pods/p?propagationPolicy=Orphan", Json, """{"kind":"DeleteOptions","apiVersion":"v1","gracePeriodSeconds":0}""");
        using var request = JsonDocument.Parse(Variable(part, KubernetesVocabulary.Request).Json);

        Assert.Equal(0, request.RootElement.GetProperty("options").GetProperty("gracePeriodSeconds").GetInt32());
        Assert.Equal("Orphan", request.RootElement.GetProperty("query").GetProperty("propagationPolicy").GetString());
    }

    [Fact]
    public void A_command_is_a_list()
    {
        using var request = JsonDocument.Parse(Variable(Part("GET /api/v1/namespaces/a/pods/p/exec?command=sh&container=c&command=-c"), KubernetesVocabulary.Request).Json);

        Assert.Equal("""["sh","-c"]""", request.RootElement.GetProperty("query").GetProperty("command").GetRawText());
    }

    [Theory]
    [InlineData("GET /api/v1/namespaces/a/pods/p")]
    [InlineData("POST /api/v1/namespaces/a/pods/p/exec?command=id")]
    [InlineData("GET /version")]
    public void What_has_no_body_may_not_bring_one(string request) => Assert.Equal(400, Fault(request, Json, "{}").Status);

    [Fact]
    public void What_is_no_resource_is_only_read() => Assert.Equal(405, Fault("POST /debug/flags/v", Json, "{}").Status);

    [Fact]
    public void Any_difference_makes_another_digest()
    {
        string[] requests =
        [
            "DELETE /api/v1/namespaces/a/pods/p", "DELETE /api/v1/namespaces/a/pods/q", "DELETE /api/v1/namespaces/b/pods/p", "DELETE /api/v1/namespaces/a/secrets/p",
            "DELETE /api/v1/namespaces/a/pods/p?gracePeriodSeconds=0", "DELETE /api/v1/namespaces/a/pods/p?dryRun=All", "GET /api/v1/namespaces/a/pods/p",
            "DELETE /apis/example.com/v1/namespaces/a/pods/p", "DELETE /apis/example.com/v2/namespaces/a/pods/p", "HEAD /api/v1/namespaces/a/pods/p",
        ];

        Assert.Equal(requests.Length, requests.Select(request => Read(request).Digest.ToString()).Distinct(StringComparer.Ordinal).Count());
        Assert.Equal(Read(requests[0]).Digest, Read(requests[0]).Digest);
    }

    private static Operation Read(string request, string? type = null, string body = "")
    {
        Assert.True(TryRead(request, type, body, out var operation, out var fault), fault?.Message);
        return operation;
    }

    private static Part Part(string request, string? type = null, string body = "") => Assert.Single(Read(request, type, body).Parts);

    private static KubernetesFault Fault(string request, string? type, string body)
    {
        Assert.False(TryRead(request, type, body, out _, out var fault));
        return fault!;
    }

    private static bool TryRead(string request, string? type, string body, out Operation operation, out KubernetesFault? fault)
    {
        var words = request.Split(' ');
        var isRead = KubernetesOperations.TryRead(
            new KubernetesOrigin(new Connection("prod", "kubernetes", "https://127.0.0.1:6443", []), null, null),
            new KubernetesRequest(words[0], words[1], type, Encoding.UTF8.GetBytes(body)), DateTimeOffset.UnixEpoch, out var ask, out fault);
        operation = ask?.Operation!;
        return isRead;
    }

    private static Variable Variable(Part part, string name) => part.Variables.Single(variable => variable.Name == name);

    private static string Text(Part part, string fact) => part.FactOrEmpty(fact) is { IsAll: false } found ? string.Join(',', found.Values) : "*";
}
