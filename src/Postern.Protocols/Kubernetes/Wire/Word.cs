using System.Collections.Frozen;

namespace Postern.Protocols.Kubernetes.Wire;

/// <summary>The words that most paths are made of, so that reading one makes no new strings of them.</summary>
internal static class Word
{
    private static readonly FrozenSet<string>.AlternateLookup<ReadOnlySpan<char>> s_known = FrozenSet.Create(
        StringComparer.Ordinal,
        "v1", "v1beta1", "v1alpha1", "v2", "apps", "batch", "autoscaling", "policy", "extensions", "networking.k8s.io", "rbac.authorization.k8s.io", "storage.k8s.io",
        "coordination.k8s.io", "authorization.k8s.io", "authentication.k8s.io", "apiextensions.k8s.io", "apiregistration.k8s.io", "admissionregistration.k8s.io",
        "certificates.k8s.io", "events.k8s.io", "discovery.k8s.io", "metrics.k8s.io", "scheduling.k8s.io", "node.k8s.io",
        "pods", "services", "configmaps", "secrets", "events", "endpoints", "nodes", "namespaces", "serviceaccounts", "persistentvolumes", "persistentvolumeclaims",
        "replicationcontrollers", "deployments", "replicasets", "statefulsets", "daemonsets", "jobs", "cronjobs", "ingresses", "networkpolicies", "roles", "rolebindings",
        "clusterroles", "clusterrolebindings", "customresourcedefinitions", "apiservices", "leases", "storageclasses", "endpointslices",
        "mutatingwebhookconfigurations", "validatingwebhookconfigurations", "certificatesigningrequests", "horizontalpodautoscalers", "poddisruptionbudgets",
        "status", "scale", "log", "exec", "attach", "portforward", "proxy", "eviction", "binding", "token", "finalize", "approval", "ephemeralcontainers",
        "default", "kube-system", "kube-public").GetAlternateLookup<ReadOnlySpan<char>>();

    public static string Of(ReadOnlySpan<char> text) => s_known.TryGetValue(text, out var known) ? known : text.ToString();

    public static string Lower(string method) => method switch
    {
        "GET" => "get",
        "HEAD" => "head",
        "POST" => "post",
        "PUT" => "put",
        "PATCH" => "patch",
        "DELETE" => "delete",
        _ => method,
    };
}
