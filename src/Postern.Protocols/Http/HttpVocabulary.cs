using System.Collections.Immutable;
using System.Text;
using System.Text.Json;
using Postern.Core.Operations;
using Postern.Protocols.HttpData;
using Postern.Protocols.HttpData.Wire;

namespace Postern.Protocols.Http;

/// <summary>The words that a policy may use for HTTP APIs, and the fact that each reads (policy.md section 4).</summary>
public sealed class HttpVocabulary : Vocabulary
{
    /// <summary>The method, exact.</summary>
    public const string Method = "method";

    /// <summary>The canonical path, decoded.</summary>
    public const string Path = "path";

    /// <summary>The operation's id in the connection's OpenAPI document.</summary>
    public const string OperationName = "operation";

    /// <summary>The protocol that a connection is switched to.</summary>
    public const string Upgrade = "upgrade";

    private readonly Dictionary<string, OpenApiDocument> _documents = new(StringComparer.Ordinal);

    internal HttpVocabulary()
    {
    }

    /// <summary>The document of a connection; null when none was given.</summary>
    internal OpenApiDocument? DocumentOf(string connection) => _documents.GetValueOrDefault(connection);

    internal void Describe(string connection, ReadOnlyMemory<byte> document) => _documents[connection] = OpenApiDocument.Read(document);

    /// <inheritdoc/>
    public override string Name => HttpProtocol.ProtocolName;

    /// <inheritdoc/>
    public override ImmutableArray<string> Protocols { get; } = [HttpProtocol.ProtocolName];

    /// <inheritdoc/>
    public override ImmutableArray<SelectorKey> Keys { get; } =
    [
        new("methods", Method) { ClosedValues = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] },
        new("paths", Path) { Segment = '/' },
        new("operations", OperationName),
        new("upgrades", Upgrade) { ByNameOnly = true, ClosedValues = ["websocket"] },
    ];

    /// <inheritdoc/>
    public override ImmutableArray<ImmutableArray<string>> RequiredKeys { get; } = [["methods", "paths"], ["operations"], ["upgrades", "paths"]];

    /// <inheritdoc/>
    public override ImmutableArray<ImmutableArray<string>> ExclusiveKeys { get; } = [["methods", "upgrades"], ["operations", "upgrades"]];

    /// <inheritdoc/>
    public override ImmutableArray<string> OwnActions { get; } = [HttpProtocol.AskTarget];

    /// <inheritdoc/>
    public override ImmutableArray<WhenVariable> Variables { get; } = [new("query", WhenType.Map), new("headers", WhenType.Map), new("body", WhenType.Map), new("args", WhenType.Map)];

    /// <inheritdoc/>
    public override ImmutableArray<string> AskKeys { get; } = ["request", "headers", "body"];

    /// <inheritdoc/>
    public override Operation ReadAsk(Connection connection, IReadOnlyDictionary<string, JsonElement> ask, IDefinitionCatalogue definitions, DateTimeOffset now)
    {
        if (!ask.TryGetValue("request", out var request) || request.ValueKind != JsonValueKind.String || request.GetString()!.Split(' ') is not [var method, var raw])
            throw new FormatException("expected `request: \"GET /path?query\"`");
        if (!Keys[0].ClosedValues.Contains(method)) throw new FormatException($"expected a method such as `GET` or `POST`, found `{method}`");
        if (CanonicalTarget.Read(raw, out var fault) is not { } target) throw new FormatException(fault);
        var headers = new SortedDictionary<string, string>(StringComparer.Ordinal);
        if (ask.TryGetValue("headers", out var given))
        {
            if (given.ValueKind != JsonValueKind.Object) throw new FormatException("expected a map at `headers`");
            foreach (var header in given.EnumerateObject()) headers[header.Name.ToLowerInvariant()] = header.Value.ValueKind == JsonValueKind.String ? header.Value.GetString()! : header.Value.GetRawText();
        }
        var upgrade = headers.Remove("upgrade", out var wanted) ? wanted : null;
        var hasBody = ask.TryGetValue("body", out var body);
        if (hasBody) headers.TryAdd("content-type", "application/json");
        var read = new HttpAsk
        {
            Method = method, Target = target, Headers = [.. headers], Upgrade = upgrade,
            Body = hasBody ? AskBody.Json : AskBody.None, Content = hasBody ? Encoding.UTF8.GetBytes(body.GetRawText()) : default,
        };
        return HttpOperations.Of(connection, read, AskDocument.Of(read), DocumentOf(connection.Name), now, out var wrong) ?? throw new FormatException(wrong);
    }
}
