using Postern.Core.Operations;

namespace Postern.Protocols.Kubernetes;

/// <summary>Where a request came from: the connection and the client's own run of work.</summary>
internal sealed record KubernetesOrigin(Connection Connection, string? ClientRun, string? ClientName)
{
    /// <summary>The operation whose part this is: of a forwarded connection the opening of the port-forward.</summary>
    public OperationId? Parent { get; init; }
}

/// <summary>A request to an API server.</summary>
/// <param name="Method">Exact method.</param>
/// <param name="Target">Path and query behind the connection's prefix, as they will be sent; begins with <c>/</c>.</param>
/// <param name="ContentType">The body's media type without parameters, in lower case; null without one.</param>
/// <param name="Body">The body as it will be sent.</param>
internal sealed record KubernetesRequest(string Method, string Target, string? ContentType, ReadOnlyMemory<byte> Body);

/// <summary>Why no operation could be made of a request.</summary>
/// <param name="Status">The HTTP status to answer with.</param>
/// <param name="Reason">The API's word for it (<c>metav1.StatusReason</c>).</param>
/// <param name="Message">For the caller; holds no value of the body.</param>
internal sealed record KubernetesFault(int Status, string Reason, string Message)
{
    public static KubernetesFault BadRequest(string message) => new(400, "BadRequest", message);

    public static KubernetesFault MediaType(string message) => new(415, "UnsupportedMediaType", message);
}
