using System.Collections.Frozen;
using System.Collections.Immutable;

namespace Postern.Protocols.Kubernetes;

/// <summary>A resource of Kubernetes' own: the kind of its objects, and whether they live in namespaces.</summary>
internal sealed record KnownResource(string Kind, bool IsNamespaced);

/// <summary>
/// The resources that every cluster has, by <c>resource</c> or <c>resource.group</c> (the API reference, and its removed groups).
/// Of anything else nothing is assumed but what the path shows.
/// </summary>
internal static class KnownResources
{
    private static readonly FrozenDictionary<string, KnownResource> s_known = Read(
        """
        = namespaced
        bindings Binding
        configmaps ConfigMap
        endpoints Endpoints
        events Event
        limitranges LimitRange
        persistentvolumeclaims PersistentVolumeClaim
        pods Pod
        podtemplates PodTemplate
        replicationcontrollers ReplicationController
        resourcequotas ResourceQuota
        secrets Secret
        serviceaccounts ServiceAccount
        services Service
        controllerrevisions.apps ControllerRevision
        daemonsets.apps DaemonSet
        deployments.apps Deployment
        replicasets.apps ReplicaSet
        statefulsets.apps StatefulSet
        daemonsets.extensions DaemonSet
        deployments.extensions Deployment
        replicasets.extensions ReplicaSet
        ingresses.extensions Ingress
        networkpolicies.extensions NetworkPolicy
        localsubjectaccessreviews.authorization.k8s.io LocalSubjectAccessReview
        horizontalpodautoscalers.autoscaling HorizontalPodAutoscaler
        cronjobs.batch CronJob
        jobs.batch Job
        leases.coordination.k8s.io Lease
        endpointslices.discovery.k8s.io EndpointSlice
        events.events.k8s.io Event
        pods.metrics.k8s.io PodMetrics
        ingresses.networking.k8s.io Ingress
        networkpolicies.networking.k8s.io NetworkPolicy
        poddisruptionbudgets.policy PodDisruptionBudget
        rolebindings.rbac.authorization.k8s.io RoleBinding
        roles.rbac.authorization.k8s.io Role
        csistoragecapacities.storage.k8s.io CSIStorageCapacity
        resourceclaims.resource.k8s.io ResourceClaim
        resourceclaimtemplates.resource.k8s.io ResourceClaimTemplate
        = cluster
        componentstatuses ComponentStatus
        namespaces Namespace
        nodes Node
        persistentvolumes PersistentVolume
        mutatingwebhookconfigurations.admissionregistration.k8s.io MutatingWebhookConfiguration
        validatingwebhookconfigurations.admissionregistration.k8s.io ValidatingWebhookConfiguration
        validatingadmissionpolicies.admissionregistration.k8s.io ValidatingAdmissionPolicy
        validatingadmissionpolicybindings.admissionregistration.k8s.io ValidatingAdmissionPolicyBinding
        mutatingadmissionpolicies.admissionregistration.k8s.io MutatingAdmissionPolicy
        mutatingadmissionpolicybindings.admissionregistration.k8s.io MutatingAdmissionPolicyBinding
        customresourcedefinitions.apiextensions.k8s.io CustomResourceDefinition
        apiservices.apiregistration.k8s.io APIService
        selfsubjectreviews.authentication.k8s.io SelfSubjectReview
        tokenreviews.authentication.k8s.io TokenReview
        selfsubjectaccessreviews.authorization.k8s.io SelfSubjectAccessReview
        selfsubjectrulesreviews.authorization.k8s.io SelfSubjectRulesReview
        subjectaccessreviews.authorization.k8s.io SubjectAccessReview
        certificatesigningrequests.certificates.k8s.io CertificateSigningRequest
        clustertrustbundles.certificates.k8s.io ClusterTrustBundle
        flowschemas.flowcontrol.apiserver.k8s.io FlowSchema
        prioritylevelconfigurations.flowcontrol.apiserver.k8s.io PriorityLevelConfiguration
        nodes.metrics.k8s.io NodeMetrics
        ingressclasses.networking.k8s.io IngressClass
        ipaddresses.networking.k8s.io IPAddress
        servicecidrs.networking.k8s.io ServiceCIDR
        runtimeclasses.node.k8s.io RuntimeClass
        podsecuritypolicies.policy PodSecurityPolicy
        podsecuritypolicies.extensions PodSecurityPolicy
        clusterrolebindings.rbac.authorization.k8s.io ClusterRoleBinding
        clusterroles.rbac.authorization.k8s.io ClusterRole
        deviceclasses.resource.k8s.io DeviceClass
        resourceslices.resource.k8s.io ResourceSlice
        priorityclasses.scheduling.k8s.io PriorityClass
        csidrivers.storage.k8s.io CSIDriver
        csinodes.storage.k8s.io CSINode
        storageclasses.storage.k8s.io StorageClass
        volumeattachments.storage.k8s.io VolumeAttachment
        volumeattributesclasses.storage.k8s.io VolumeAttributesClass
        """);

    // The same objects, served under two groups: what is said of one is said of the other (attack K10).
    private static readonly FrozenDictionary<string, ImmutableArray<string>> s_same = Pairs(
        ("events", "events.events.k8s.io"), ("deployments.apps", "deployments.extensions"), ("daemonsets.apps", "daemonsets.extensions"),
        ("replicasets.apps", "replicasets.extensions"), ("ingresses.networking.k8s.io", "ingresses.extensions"),
        ("networkpolicies.networking.k8s.io", "networkpolicies.extensions"), ("podsecuritypolicies.policy", "podsecuritypolicies.extensions"));

    /// <summary>The resource, or null when it is not one that every cluster has.</summary>
    public static KnownResource? Find(string resourceInGroup) => s_known.GetValueOrDefault(resourceInGroup);

    /// <summary>Every name of the same objects, the given one included; a subresource goes along.</summary>
    public static ImmutableArray<string> NamesOf(string resource)
    {
        var slash = resource.IndexOf('/', StringComparison.Ordinal);
        if (slash < 0) return s_same.TryGetValue(resource, out var names) ? names : [resource];
        return s_same.TryGetValue(resource[..slash], out var bases) ? [.. bases.Select(name => name + resource[slash..])] : [resource];
    }

    /// <summary>The kinds that a body may be for a subresource; empty when it takes the resource's own.</summary>
    public static ImmutableArray<string> KindsOf(string subresource) => subresource switch
    {
        "scale" => ["Scale"],
        "eviction" => ["Eviction"],
        "binding" => ["Binding"],
        "token" => ["TokenRequest"],
        "ephemeralcontainers" => ["Pod", "EphemeralContainers"],
        _ => [],
    };

    private static FrozenDictionary<string, KnownResource> Read(string table)
    {
        var known = new Dictionary<string, KnownResource>(StringComparer.Ordinal);
        var isNamespaced = false;
        foreach (var line in table.Split('\n'))
        {
            var words = line.Trim().Split(' ');
            if (words[0] is "=") isNamespaced = words[1] is "namespaced";
            else known.Add(words[0], new KnownResource(words[1], isNamespaced));
        }
        return known.ToFrozenDictionary(StringComparer.Ordinal);
    }

    private static FrozenDictionary<string, ImmutableArray<string>> Pairs(params (string One, string Other)[] pairs) =>
        pairs.SelectMany(pair => new[] { KeyValuePair.Create(pair.One, ImmutableArray.Create(pair.One, pair.Other)), KeyValuePair.Create(pair.Other, ImmutableArray.Create(pair.One, pair.Other)) })
            .ToFrozenDictionary(StringComparer.Ordinal);
}
