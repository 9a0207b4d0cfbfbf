using Microsoft.AspNetCore.Http;
using Postern.Core.Masking;
using Postern.Core.Pipeline;

namespace Postern.Protocols.Kubernetes;

/// <summary>The caller's end of the wire: writes what masks have seen, and the line end of an event.</summary>
internal sealed class KubernetesWire(HttpContext http) : IReplySink
{
    /// <summary>Marks a frame that ends with its line.</summary>
    public static readonly object Line = new();

    private static readonly ReadOnlyMemory<byte> LineEnd = "\n"u8.ToArray();

    /// <inheritdoc/>
    public async ValueTask WriteAsync(Masked<ReadOnlyMemory<byte>> content, object? tag, CancellationToken cancellationToken)
    {
        var response = http.Response;
        if (!response.HasStarted && tag is null && response.ContentType is "application/json") response.ContentLength = content.Value.Length;
        await response.BodyWriter.WriteAsync(content.Value, cancellationToken).ConfigureAwait(false);
        if (ReferenceEquals(tag, Line)) await response.BodyWriter.WriteAsync(LineEnd, cancellationToken).ConfigureAwait(false);
    }
}
