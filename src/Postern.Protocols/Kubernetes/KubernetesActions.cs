using Postern.Protocols.Kubernetes.Wire;

namespace Postern.Protocols.Kubernetes;

/// <summary>The actions: <c>kubernetes.</c> and the verb that policy reads.</summary>
internal static class KubernetesActions
{
    private const string Prefix = "kubernetes.";

    /// <summary>The action of a verb.</summary>
    public static string Of(string verb) => verb switch
    {
        "get" => "kubernetes.get",
        "list" => "kubernetes.list",
        "watch" => "kubernetes.watch",
        "create" => "kubernetes.create",
        "update" => "kubernetes.update",
        "patch" => "kubernetes.patch",
        "delete" => "kubernetes.delete",
        "deletecollection" => "kubernetes.deletecollection",
        "exec" => "kubernetes.exec",
        "attach" => "kubernetes.attach",
        "portforward" => "kubernetes.portforward",
        "token" => "kubernetes.token",
        _ => Prefix + verb,
    };

    /// <summary>
    /// The verb that policy reads. What opens a stream or makes a credential is that, by whichever method it is asked for (attack K02).
    /// </summary>
    public static string VerbOf(in RequestInfo info) => (info.Group, info.Resource, info.Subresource) switch
    {
        ("", "pods", "exec" or "attach" or "portforward") => info.Subresource,
        ("", "serviceaccounts", "token") when info.Verb is "create" => "token",
        _ => info.Verb,
    };

    /// <summary>
    /// What a request does besides its verb, and what a rule must therefore name besides it: it passes on rights, or opens a tunnel. Null when nothing.
    /// </summary>
    public static string? FurtherVerbOf(in RequestInfo info)
    {
        if (info.Subresource is "proxy") return "proxy";
        if (info.Verb is not ("create" or "update" or "patch")) return null;
        return (info.Group, info.Resource) switch
        {
            ("rbac.authorization.k8s.io", "roles" or "clusterroles") => "escalate",
            ("rbac.authorization.k8s.io", "rolebindings" or "clusterrolebindings") => "bind",
            ("certificates.k8s.io", "certificatesigningrequests") when info.Subresource is "approval" or "status" => "approve",
            _ => null,
        };
    }
}
