using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Text.Json;
using Postern.Core.Json;

namespace Postern.Protocols.Http;

/// <summary>How a described parameter reads as JSON.</summary>
internal enum ParameterType
{
    Text,
    Integer,
    Number,
    Boolean,
}

/// <summary>A parameter of path or query.</summary>
internal sealed record OpenApiParameter(string Name, ParameterType Type, bool IsList);

/// <summary>One operation of an OpenAPI document: its id, and what its path and query hold.</summary>
internal sealed class OpenApiOperation
{
    /// <summary><c>operationId</c>.</summary>
    public required string Id { get; init; }

    public required string Method { get; init; }

    /// <summary>The path's segments; a template is null, its parameter stands at the same place in <see cref="PathParameters"/>.</summary>
    public required ImmutableArray<string?> Segments { get; init; }

    public required ImmutableArray<OpenApiParameter?> PathParameters { get; init; }

    public required FrozenDictionary<string, OpenApiParameter> Query { get; init; }
}

/// <summary>
/// The operations of an OpenAPI document (3.0 and 3.1, JSON) by method and path, so that policies can speak of <c>listInvoices</c> instead. A path
/// that is written out goes before one with templates (OpenAPI section "Path Templating Matching"). References are followed within the document.
/// </summary>
internal sealed class OpenApiDocument
{
    private const int MaxBytes = 8 * 1024 * 1024;

    private static readonly string[] Methods = ["get", "head", "post", "put", "patch", "delete", "options"];

    private readonly ImmutableArray<OpenApiOperation> _operations;

    private OpenApiDocument(ImmutableArray<OpenApiOperation> operations) => _operations = operations;

    /// <summary>The ids of all operations.</summary>
    public IEnumerable<string> Ids => _operations.Select(operation => operation.Id);

    /// <summary>Reads a document.</summary>
    /// <exception cref="FormatException">It is none, or two of its operations cannot be told apart.</exception>
    public static OpenApiDocument Read(ReadOnlyMemory<byte> json)
    {
        if (json.Length > MaxBytes) throw new FormatException($"an OpenAPI document has at most {MaxBytes} bytes");
        if (StrictJson.Check(json.Span) is { } fault) throw new FormatException(fault.Message);
        using var document = JsonDocument.Parse(json);
        var root = document.RootElement;
        if (root.ValueKind != JsonValueKind.Object || !root.TryGetProperty("openapi", out var version) || version.ValueKind != JsonValueKind.String || !version.GetString()!.StartsWith("3.", StringComparison.Ordinal)) throw new FormatException("expected `openapi: 3.x`");
        var operations = new List<OpenApiOperation>();
        if (root.TryGetProperty("paths", out var paths) && paths.ValueKind == JsonValueKind.Object)
        {
            foreach (var path in paths.EnumerateObject()) ReadPath(root, path.Name, path.Value, operations);
        }
        if (operations.Count == 0) throw new FormatException("no operation has an `operationId`");
        if (operations.GroupBy(operation => operation.Id, StringComparer.Ordinal).FirstOrDefault(group => group.Count() > 1) is { } twice) throw new FormatException($"two operations are called `{twice.Key}`");
        if (operations.GroupBy(operation => operation.Method + " " + string.Join('/', operation.Segments.Select(segment => segment ?? "{}")), StringComparer.Ordinal).FirstOrDefault(group => group.Count() > 1) is { } same) throw new FormatException($"`{same.First().Id}` and `{same.Last().Id}` have paths that cannot be told apart");
        return new OpenApiDocument([.. operations]);
    }

    /// <summary>The operation of a method and a decoded path; null when the document has none.</summary>
    public OpenApiOperation? Find(string method, string path, out ImmutableArray<string> segments)
    {
        segments = [.. path.Split('/')[1..]];
        OpenApiOperation? best = null;
        foreach (var operation in _operations)
        {
            if (operation.Method == method && Matches(operation, segments) && (best is null || IsBefore(operation, best))) best = operation;
        }
        return best;
    }

    private static bool Matches(OpenApiOperation operation, ImmutableArray<string> segments)
    {
        if (operation.Segments.Length != segments.Length) return false;
        for (var i = 0; i < segments.Length; i++)
        {
            if (operation.Segments[i] is { } literal ? literal != segments[i] : segments[i].Length == 0) return false;
        }
        return true;
    }

    // The one that is written out further to the left.
    private static bool IsBefore(OpenApiOperation one, OpenApiOperation other)
    {
        for (var i = 0; i < one.Segments.Length; i++)
        {
            if (one.Segments[i] is null != other.Segments[i] is null) return one.Segments[i] is not null;
        }
        return false;
    }

    private static void ReadPath(JsonElement root, string path, JsonElement item, List<OpenApiOperation> operations)
    {
        if (!path.StartsWith('/') || item.ValueKind != JsonValueKind.Object) throw new FormatException($"`{path}` is no path");
        item = Follow(root, item);
        foreach (var method in Methods)
        {
            if (!item.TryGetProperty(method, out var operation) || operation.ValueKind != JsonValueKind.Object || !operation.TryGetProperty("operationId", out var id) || id.ValueKind != JsonValueKind.String) continue;
            var parameters = new Dictionary<(string In, string Name), OpenApiParameter>();
            ReadParameters(root, item, parameters);
            ReadParameters(root, operation, parameters);
            var segments = path.Split('/')[1..];
            operations.Add(new OpenApiOperation
            {
                Id = id.GetString()!,
                Method = method.ToUpperInvariant(),
                Segments = [.. segments.Select(segment => IsTemplate(segment) ? null : segment.Contains('{', StringComparison.Ordinal) ? throw new FormatException($"`{path}`: a template is a whole segment") : Uri.UnescapeDataString(segment))],
                PathParameters = [.. segments.Select(segment => IsTemplate(segment) ? parameters.GetValueOrDefault(("path", segment[1..^1])) ?? new OpenApiParameter(segment[1..^1], ParameterType.Text, IsList: false) : null)],
                Query = parameters.Where(parameter => parameter.Key.In == "query").ToFrozenDictionary(parameter => parameter.Key.Name, parameter => parameter.Value, StringComparer.Ordinal),
            });
        }
    }

    private static bool IsTemplate(string segment) => segment is ['{', _, .., '}'];

    private static void ReadParameters(JsonElement root, JsonElement owner, Dictionary<(string, string), OpenApiParameter> parameters)
    {
        if (!owner.TryGetProperty("parameters", out var list) || list.ValueKind != JsonValueKind.Array) return;
        foreach (var item in list.EnumerateArray())
        {
            var parameter = Follow(root, item);
            if (Text(parameter, "name") is not { } name || Text(parameter, "in") is not { } place) throw new FormatException("a parameter has no `name` or no `in`");
            var schema = parameter.TryGetProperty("schema", out var given) && given.ValueKind == JsonValueKind.Object ? Follow(root, given) : default;
            var type = TypeOf(schema);
            var isList = type == "array";
            if (isList) type = schema.TryGetProperty("items", out var items) && items.ValueKind == JsonValueKind.Object ? TypeOf(Follow(root, items)) : null;
            parameters[(place, name)] = new OpenApiParameter(name, type switch { "integer" => ParameterType.Integer, "number" => ParameterType.Number, "boolean" => ParameterType.Boolean, _ => ParameterType.Text }, isList);
        }
    }

    private static string? TypeOf(JsonElement schema) => Text(schema, "type");

    private static string? Text(JsonElement owner, string name) => owner.ValueKind == JsonValueKind.Object && owner.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static JsonElement Follow(JsonElement root, JsonElement element)
    {
        for (var steps = 0; Text(element, "$ref") is { } reference; steps++)
        {
            if (steps == 16 || !reference.StartsWith("#/", StringComparison.Ordinal)) throw new FormatException($"`{reference}` does not lead into the document");
            element = root;
            foreach (var step in reference[2..].Split('/'))
            {
                var name = Uri.UnescapeDataString(step).Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal);
                if (element.ValueKind != JsonValueKind.Object || !element.TryGetProperty(name, out var next)) throw new FormatException($"`{reference}` leads nowhere");
                element = next;
            }
        }
        return element;
    }
}
