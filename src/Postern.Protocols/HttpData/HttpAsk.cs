using System.Collections.Immutable;
using Postern.Protocols.HttpData.Wire;

namespace Postern.Protocols.HttpData;

/// <summary>How the body of a request is read.</summary>
internal enum AskBody
{
    /// <summary>There is none.</summary>
    None,

    /// <summary>Whole, as one JSON document.</summary>
    Json,

    /// <summary>Whole, as the pairs of a form.</summary>
    Form,

    /// <summary>Whole, as bytes that nobody reads but people who approve them.</summary>
    Bytes,

    /// <summary>In pieces, while it is sent: what it says is not known when the request is judged.</summary>
    Stream,
}

/// <summary>One HTTP request as it was read: what is judged, recorded and sent.</summary>
internal sealed class HttpAsk
{
    /// <summary>Exact.</summary>
    public required string Method { get; init; }

    /// <summary>Path and query, canonical.</summary>
    public required CanonicalTarget Target { get; init; }

    /// <summary>The headers that go on, with lower-case names.</summary>
    public required IReadOnlyList<KeyValuePair<string, string>> Headers { get; init; }

    /// <summary>Headers that go on and differ between repeats of the same request.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Passing { get; init; } = [];

    /// <summary>How the body is read.</summary>
    public AskBody Body { get; init; }

    /// <summary>The body as it came; for <see cref="AskBody.Json"/> and <see cref="AskBody.Bytes"/>.</summary>
    public ReadOnlyMemory<byte> Content { get; init; }

    /// <summary>The pairs of a form.</summary>
    public ImmutableArray<FieldPair> Form { get; init; } = [];

    /// <summary>The length of a streamed body, where the caller said it.</summary>
    public long? Length { get; init; }

    /// <summary>What stood behind a body that was read whole, and goes on.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Trailers { get; init; } = [];

    /// <summary>The protocol that the caller wants to switch to, in lower case; null for none.</summary>
    public string? Upgrade { get; init; }
}
