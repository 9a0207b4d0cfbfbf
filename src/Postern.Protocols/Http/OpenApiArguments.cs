using System.Buffers;
using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Postern.Protocols.HttpData.Wire;

namespace Postern.Protocols.Http;

/// <summary>The described parameters of a request as one JSON object, each of the type that its document gives it.</summary>
internal static partial class OpenApiArguments
{
    /// <summary>Writes the object, or says which parameter is not what the document says.</summary>
    public static ReadOnlyMemory<byte> Of(OpenApiOperation operation, ImmutableArray<string> segments, ImmutableArray<FieldPair> query, out string? fault)
    {
        fault = null;
        var output = new ArrayBufferWriter<byte>(128);
        using var json = new Utf8JsonWriter(output);
        json.WriteStartObject();
        var written = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < segments.Length; i++)
        {
            if (operation.PathParameters[i] is not { } parameter || !written.Add(parameter.Name)) continue;
            json.WritePropertyName(parameter.Name);
            if (!TryWrite(json, parameter, segments[i])) return Wrong(parameter, out fault);
        }
        foreach (var group in query.GroupBy(pair => pair.Name, StringComparer.Ordinal))
        {
            if (!operation.Query.TryGetValue(group.Key, out var parameter) || !written.Add(parameter.Name)) continue;
            json.WritePropertyName(parameter.Name);
            if (parameter.IsList)
            {
                json.WriteStartArray();
                foreach (var pair in group)
                {
                    if (!TryWrite(json, parameter, pair.Value ?? "")) return Wrong(parameter, out fault);
                }
                json.WriteEndArray();
            }
            else if (group.Skip(1).Any() || !TryWrite(json, parameter, group.First().Value ?? ""))
            {
                return Wrong(parameter, out fault);
            }
        }
        json.WriteEndObject();
        json.Flush();
        return output.WrittenMemory;
    }

    private static ReadOnlyMemory<byte> Wrong(OpenApiParameter parameter, out string? fault)
    {
        fault = $"`{parameter.Name}` is not what the API's document says: expected one value of type {parameter.Type.ToString().ToLower(CultureInfo.InvariantCulture)}";
        return default;
    }

    private static bool TryWrite(Utf8JsonWriter json, OpenApiParameter parameter, string value)
    {
        switch (parameter.Type)
        {
            case ParameterType.Text:
                json.WriteStringValue(value);
                return true;
            case ParameterType.Boolean:
                if (value is not ("true" or "false")) return false;
                json.WriteBooleanValue(value == "true");
                return true;
            default:
                // As it is written: other readers may not round as we would.
                if (!(parameter.Type == ParameterType.Integer ? Integer() : Number()).IsMatch(value)) return false;
                json.WriteRawValue(value);
                return true;
        }
    }

    [GeneratedRegex("^-?(0|[1-9][0-9]{0,30})$", RegexOptions.NonBacktracking | RegexOptions.ExplicitCapture)]
    private static partial Regex Integer();

    [GeneratedRegex("^-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,30})?$", RegexOptions.NonBacktracking | RegexOptions.ExplicitCapture)]
    private static partial Regex Number();
}
