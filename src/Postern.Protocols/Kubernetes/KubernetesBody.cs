using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using Postern.Core.Json;
using Postern.Core.Operations;
using Postern.Protocols.Kubernetes.Wire;

namespace Postern.Protocols.Kubernetes;

/// <summary>
/// What a body says, and that it says what the path says: kind, version, name and namespace agree, or the request is refused
/// (attack K12). Only JSON is read; what cannot be read is not sent (attack K07).
/// </summary>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct KubernetesBody
{
    private static readonly ReadOnlyMemory<byte> EmptyMap = "{}"u8.ToArray();

    /// <summary>True when there is a body and it is JSON.</summary>
    public bool IsJson { get; private init; }

    /// <summary>The name that the body gives what the path does not name; null when it gives none.</summary>
    public string? Name { get; private init; }

    /// <summary>The variable <c>object</c>: the object, an empty map, or unknown.</summary>
    public Variable Object { get; private init; }

    /// <summary>The options of a delete as JSON, or empty.</summary>
    public ReadOnlyMemory<byte> Options { get; private init; }

    /// <summary>How a patch is meant: <c>json</c>, <c>merge</c>, <c>strategic</c> or <c>apply</c>; null for all else.</summary>
    public string? Patch { get; private init; }

    public static bool TryRead(KubernetesRequest request, in RequestInfo info, out KubernetesBody body, [NotNullWhen(false)] out KubernetesFault? fault)
    {
        body = new KubernetesBody { Object = new Variable(KubernetesVocabulary.Object, EmptyMap) };
        fault = null;
        if (!info.IsResource)
        {
            if (request.Method is not ("GET" or "HEAD")) fault = new KubernetesFault(405, "MethodNotAllowed", "what is no resource is only read: use GET");
            else if (!request.Body.IsEmpty) fault = KubernetesFault.BadRequest("a GET has no body");
            return fault is null;
        }
        // What goes through a tunnel is nobody's object; only a rule that names the tunnel lets it pass.
        if (info.Subresource is "proxy") return true;
        if (ObjectScrub.WritesBack(request.Body.Span))
        {
            fault = KubernetesFault.BadRequest("the body brings back a masked value; written, it would replace the real one");
            return false;
        }
        if (request.Method is "GET" or "HEAD" || (info.Resource is "pods" && info.Subresource is "exec" or "attach" or "portforward"))
        {
            if (!request.Body.IsEmpty) fault = KubernetesFault.BadRequest($"this {request.Method} has no body");
            return fault is null;
        }
        if (info.Verb is "patch") return TryReadPatch(request, info, ref body, out fault);
        if (info.Verb is "delete" or "deletecollection") return TryReadDelete(request, ref body, out fault);
        if (!IsJsonType(request.ContentType))
        {
            fault = KubernetesFault.MediaType("the body must be `application/json`; protobuf, CBOR and YAML cannot be judged and are not passed on");
            return false;
        }
        if (!ObjectHead.TryRead(request.Body.Span, out var head, out var why))
        {
            fault = KubernetesFault.BadRequest(why!);
            return false;
        }
        if (Disagreement(info, head) is { } disagreement)
        {
            fault = KubernetesFault.BadRequest(disagreement);
            return false;
        }
        body = new KubernetesBody { IsJson = true, Name = head.Name, Object = new Variable(KubernetesVocabulary.Object, request.Body) };
        return true;
    }

    private static bool TryReadPatch(KubernetesRequest request, in RequestInfo info, ref KubernetesBody body, [NotNullWhen(false)] out KubernetesFault? fault)
    {
        var patch = request.ContentType switch
        {
            "application/json-patch+json" => "json",
            "application/merge-patch+json" => "merge",
            "application/strategic-merge-patch+json" => "strategic",
            "application/apply-patch+yaml" => "apply",
            _ => null,
        };
        if (patch is null)
        {
            fault = KubernetesFault.MediaType("a patch must be a JSON patch, merge patch, strategic merge patch or apply patch");
            return false;
        }
        body = new KubernetesBody { IsJson = true, Patch = patch, Object = new Variable(KubernetesVocabulary.Object, default, IsUnknown: true) };
        if (patch is "json")
        {
            fault = StrictJson.Check(request.Body.Span, ObjectHead.MaxDepth) is { } bad
                ? KubernetesFault.BadRequest($"the body is not JSON with one meaning: expected {bad.Expected} at byte {bad.Offset}")
                : request.Body.Span.TrimStart(" \t\r\n"u8) is [(byte)'[', ..] ? null : KubernetesFault.BadRequest("a JSON patch is an array");
            return fault is null;
        }
        // An apply patch is YAML by its type, and JSON is YAML: the one spelling that has a single meaning, and what kubectl sends.
        if (!ObjectHead.TryRead(request.Body.Span, out var head, out var why)) fault = KubernetesFault.BadRequest(patch is "apply" ? $"an apply patch must be written as JSON: {why}" : why!);
        else if (patch is "apply" && (head.Kind is null || head.ApiVersion is null)) fault = KubernetesFault.BadRequest("an apply patch names its `apiVersion` and `kind`");
        else fault = Disagreement(info, head) is { } disagreement ? KubernetesFault.BadRequest(disagreement) : null;
        return fault is null;
    }

    private static bool TryReadDelete(KubernetesRequest request, ref KubernetesBody body, [NotNullWhen(false)] out KubernetesFault? fault)
    {
        fault = null;
        if (request.Body.IsEmpty) return true;
        if (!IsJsonType(request.ContentType)) fault = KubernetesFault.MediaType("the options of a delete must be `application/json`");
        else if (!ObjectHead.TryRead(request.Body.Span, out var head, out var why)) fault = KubernetesFault.BadRequest(why!);
        else if (head.Kind is not (null or "" or "DeleteOptions")) fault = KubernetesFault.BadRequest("the body of a delete is not `DeleteOptions`");
        else body = new KubernetesBody { IsJson = true, Options = request.Body, Object = new Variable(KubernetesVocabulary.Object, EmptyMap) };
        return fault is null;
    }

    private static string? Disagreement(in RequestInfo info, in ObjectHead head)
    {
        var resource = info.Group.Length == 0 ? info.Resource : $"{info.Resource}.{info.Group}";
        var known = KnownResources.Find(resource);
        var kinds = KnownResources.KindsOf(info.Subresource);
        if (!kinds.IsEmpty)
        {
            if (head.Kind is { Length: > 0 } kind && !kinds.Contains(kind)) return $"`kind` is not `{kinds[0]}`, which is what `{info.Subresource}` takes";
        }
        else
        {
            if (head.Kind is { Length: > 0 } kind && (known is not null ? kind != known.Kind : kind is "List")) return $"`kind` is not what `{info.Resource}` holds{(known is null ? "" : $": expected `{known.Kind}`")}";
            var version = info.Group.Length == 0 ? info.Version : $"{info.Group}/{info.Version}";
            if (head.ApiVersion is { Length: > 0 } said && said != version) return $"`apiVersion` is not that of the path: expected `{version}`";
        }
        if (head.Namespace is not null && head.Namespace != info.Namespace && !(info is { Resource: "namespaces", Group: "" } && head.Namespace == info.Name))
            return "`metadata.namespace` is not the namespace of the path";
        if (head.Name is not null && info.Name.Length > 0 && head.Name != info.Name) return "`metadata.name` is not the name in the path";
        return null;
    }

    private static bool IsJsonType(string? type) => type is "application/json";
}
