using System.Collections.Immutable;
using Postern.Core.Masking;
using Postern.Protocols.Kubernetes.Wire;

namespace Postern.Protocols.Kubernetes;

/// <summary>
/// Where masks read: a mask's <c>$</c> is each object, in a get, in a list, in the rows of a table and in each event of a watch; and the
/// copy of it that kubectl keeps in an annotation. What the API server alone writes, and clients need as it is, is structure.
/// </summary>
internal static class KubernetesShapes
{
    /// <summary>A request's document: the object is its body.</summary>
    public static readonly FrameShape Request = new()
    {
        Form = FrameForm.Json,
        Roots = Objects(["body"]),
        Structure = [["method"], ["contentType"]],
    };

    /// <summary>A reply that is one document.</summary>
    public static readonly FrameShape Document = new()
    {
        Form = FrameForm.Json,
        IsRead = true,
        Roots = [.. Objects([]), .. Objects(["items", "[*]"]), .. Objects(["rows", "[*]", "object"])],
        Structure = [["metadata", "continue"], .. Structure([]), .. Structure(["items", "[*]"]), .. Structure(["rows", "[*]", "object"])],
    };

    /// <summary>One event of a watch.</summary>
    public static readonly FrameShape Event = new()
    {
        Form = FrameForm.Json,
        IsRead = true,
        Roots = [.. Objects(["object"]), .. Objects(["object", "rows", "[*]", "object"])],
        Structure = [["type"], .. Structure(["object"]), .. Structure(["object", "rows", "[*]", "object"])],
    };

    private static ImmutableArray<ImmutableArray<string>> Objects(ImmutableArray<string> at) => [at, [.. at, "metadata", "annotations", ObjectScrub.LastApplied]];

    private static ImmutableArray<ImmutableArray<string>> Structure(ImmutableArray<string> at) =>
        [[.. at, "kind"], [.. at, "apiVersion"], [.. at, "metadata", "resourceVersion"], [.. at, "metadata", "uid"], [.. at, "metadata", "creationTimestamp"]];
}
