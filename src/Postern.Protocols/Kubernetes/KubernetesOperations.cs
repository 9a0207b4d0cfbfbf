using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using Postern.Core.Operations;
using Postern.Protocols.Kubernetes.Forwarding;
using Postern.Protocols.Kubernetes.Wire;

namespace Postern.Protocols.Kubernetes;

/// <summary>What is being asked? A request in, an operation out. Pure.</summary>
internal static class KubernetesOperations
{
    private static readonly Func<Operation, Digest> DigestOf = KubernetesDocument.DigestOf;
    private static readonly Fact InCluster = Fact.Of(KubernetesVocabulary.Cluster, "true");
    private static readonly Fact AnyNamespace = Fact.All(KubernetesVocabulary.Namespace);
    private static readonly Fact AnyName = Fact.All(KubernetesVocabulary.ObjectName);

    /// <summary>Makes the operation of a request. False with a fault when it cannot be read in exactly one way, or contradicts itself.</summary>
    public static bool TryRead(KubernetesOrigin origin, KubernetesRequest request, DateTimeOffset now, [NotNullWhen(true)] out KubernetesAsk? ask, [NotNullWhen(false)] out KubernetesFault? fault)
    {
        ask = null;
        if (!TryReadInfo(request, out var info, out var query, out fault)) return false;
        if (!KubernetesBody.TryRead(request, info, out var body, out fault)) return false;
        var document = KubernetesDocument.Of(request, body.IsJson, request.Body);
        var operation = new Operation
        {
            Id = OperationId.New(now),
            Connection = origin.Connection,
            Parts = [PartOf(request, info, query, body)],
            Request = document.Bytes,
            RecordedAs = KubernetesDocument.RecordedFormOf(request, info, body),
            RequestShape = KubernetesShapes.Request,
            DigestOf = DigestOf,
            ClientRun = origin.ClientRun,
            ClientName = origin.ClientName,
            Parent = origin.Parent,
            ObjectionTo = PortOpening.IsCarried(info) ? PortOpening.ObjectionTo : null,
            // The opening is carried as long as its caller stays; what is sent and received belongs to the connections within.
            OnlyListens = PortOpening.IsCarried(info) && origin.Parent is null,
        };
        ask = new KubernetesAsk(operation, request, info, query, document.Body);
        return true;
    }

    /// <summary>Reads path and query alone.</summary>
    public static bool TryReadInfo(KubernetesRequest request, out RequestInfo info, out QueryText query, [NotNullWhen(false)] out KubernetesFault? fault)
    {
        info = default;
        var question = request.Target.IndexOf('?', StringComparison.Ordinal);
        var path = question < 0 ? request.Target.AsSpan() : request.Target.AsSpan(0, question);
        fault = QueryText.TryRead(question < 0 ? default : request.Target.AsSpan(question + 1), out query, out var why) && RequestInfo.TryRead(request.Method, path, query, out info, out why)
            ? null
            : KubernetesFault.BadRequest(why!);
        return fault is null;
    }

    private static Part PartOf(KubernetesRequest request, in RequestInfo info, QueryText query, in KubernetesBody body)
    {
        if (!info.IsResource)
        {
            return new Part
            {
                Action = info.Verb is "head" or "get" ? "kubernetes.get" : KubernetesActions.Of(info.Verb),
                IsImplied = IsDiscovery(info.Path),
                Facts = [Fact.Of(KubernetesVocabulary.Verb, "get"), Fact.Of(KubernetesVocabulary.NonResource, info.Path)],
                Variables = [KubernetesVariables.OfRequest(request, info, query, body)],
            };
        }
        var verb = KubernetesActions.VerbOf(info);
        var further = KubernetesActions.FurtherVerbOf(info);
        var resource = info.Group.Length == 0 ? info.Resource : $"{info.Resource}.{info.Group}";
        var known = KnownResources.Find(resource);
        var facts = ImmutableArray.CreateBuilder<Fact>(5);
        facts.Add(further is null ? Fact.Of(KubernetesVocabulary.Verb, verb) : Fact.Of(KubernetesVocabulary.Verb, verb, further));
        facts.Add(Fact.Of(KubernetesVocabulary.Resource, KnownResources.NamesOf(info.Subresource.Length == 0 ? resource : $"{resource}/{info.Subresource}")));
        AddPlace(facts, info, known);
        var name = info.Name.Length > 0 ? info.Name : body.Name;
        facts.Add(name is null ? AnyName : Fact.Of(KubernetesVocabulary.ObjectName, name));
        return new Part
        {
            Action = KubernetesActions.Of(verb),
            IsImplied = info is { Verb: "create", Group: "authorization.k8s.io", Subresource: "", Resource: "selfsubjectaccessreviews" or "selfsubjectrulesreviews" },
            Facts = facts.DrainToImmutable(),
            Variables = [KubernetesVariables.OfRequest(request, info, query, body), body.Object],
        };
    }

    /// <summary>
    /// Where the objects live. A list without a namespace of what may live in namespaces reaches all of them; of a resource that is not
    /// known, too: nothing but a definition in the cluster could say that it does not.
    /// </summary>
    private static void AddPlace(ImmutableArray<Fact>.Builder facts, in RequestInfo info, KnownResource? known)
    {
        if (info.Namespace.Length > 0)
        {
            facts.Add(Fact.Of(KubernetesVocabulary.Namespace, info.Namespace));
            // The namespace object itself is in its own namespace to the API server, and in the cluster to everyone else.
            if (info is { Resource: "namespaces", Group: "" }) facts.Add(InCluster);
            return;
        }
        var isOne = info.Name.Length > 0 && info.Verb is not ("list" or "watch" or "deletecollection");
        if (known is { IsNamespaced: false } || (known is null && (isOne || info.Verb is "create"))) facts.Add(InCluster);
        else facts.Add(AnyNamespace);
        if (info is { Resource: "namespaces", Group: "" } && info.Verb is "list" or "watch" or "deletecollection") facts.Add(AnyNamespace);
    }

    // policy.md section 4: discovery, OpenAPI, version. Nothing below them holds objects.
    private static bool IsDiscovery(string path) => path is "/api" or "/apis" or "/version" or "/openapi/v2" or "/openapi/v3"
        || (path.StartsWith("/openapi/v3/api", StringComparison.Ordinal) && path.Count('/') <= 5)
        || (path.StartsWith("/api/", StringComparison.Ordinal) && path.Count('/') == 2)
        || (path.StartsWith("/apis/", StringComparison.Ordinal) && path.Count('/') is 2 or 3);
}
