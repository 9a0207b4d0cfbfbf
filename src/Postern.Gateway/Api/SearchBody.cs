using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using Postern.Gateway.Recordings.Search;

namespace Postern.Gateway.Api;

/// <summary>Reads what is looked for from the body of a search: a body, because addresses end in the logs of whatever lies between.</summary>
internal static class SearchBody
{
    /// <summary>The members that it may have.</summary>
    public static readonly ImmutableArray<string> Members =
    [
        "words", "person", "agent", "connection", "protocol", "action", "arguments", "decision", "rule", "outcome", "code", "session", "trace", "since", "until", "limit", "before",
    ];

    private const int MaxArguments = 16;
    private const int MaxText = 512;

    /// <summary>The filter, or null with what was expected.</summary>
    public static OperationFilter? Read(JsonElement? body, out string problem)
    {
        problem = "Expected a JSON object.";
        if (body is not { ValueKind: JsonValueKind.Object } members) return null;
        var filter = new OperationFilter();
        foreach (var member in members.EnumerateObject())
        {
            if (member.Value.ValueKind == JsonValueKind.Null) continue;
            if (Take(filter, member) is not { } next)
            {
                problem = $"`{member.Name}` cannot be read; expected {Expected(member.Name)}.";
                return null;
            }
            filter = next;
        }
        return filter;
    }

    private static OperationFilter? Take(OperationFilter filter, JsonProperty member) => member.Name switch
    {
        "arguments" => Texts(member.Value) is { } arguments ? filter with { Arguments = [.. arguments] } : null,
        "since" => Instant(member.Value) is { } since ? filter with { Since = since } : null,
        "until" => Instant(member.Value) is { } until ? filter with { Until = until } : null,
        "limit" => member.Value.ValueKind == JsonValueKind.Number && member.Value.TryGetInt32(out var limit) && limit is >= 1 and <= OperationFilter.MaxLimit ? filter with { Limit = limit } : null,
        "before" => member.Value.ValueKind == JsonValueKind.Number && member.Value.TryGetInt64(out var before) && before >= 0 ? filter with { Before = before } : null,
        _ => Text(member.Value) is { } text ? Take(filter, member.Name, text) : null,
    };

    private static OperationFilter? Take(OperationFilter filter, string name, string text) => name switch
    {
        "words" => filter with { Words = text },
        "person" => filter with { Person = text },
        "agent" => filter with { Agent = text },
        "connection" => filter with { Connection = text },
        "protocol" => filter with { Protocol = text },
        "action" => filter with { Action = text },
        "decision" => filter with { Decision = text },
        "rule" => filter with { Rule = text },
        "outcome" => filter with { Outcome = text },
        "code" => filter with { Code = text },
        "session" => filter with { Session = text },
        "trace" => filter with { Trace = text },
        _ => null,
    };

    private static string Expected(string name) => name switch
    {
        "arguments" => $"a list of at most {MaxArguments} texts, `NAME=VALUE` or `VALUE`",
        "since" or "until" => "an instant, `2026-03-04T12:00:00Z`",
        "limit" => $"a number from 1 to {OperationFilter.MaxLimit}",
        "before" => "the `next` of the page before",
        _ => $"a text of at most {MaxText} characters",
    };

    private static string? Text(JsonElement value) => value.ValueKind == JsonValueKind.String && value.GetString() is { Length: > 0 and <= MaxText } text ? text : null;

    private static List<string>? Texts(JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.Array || value.GetArrayLength() > MaxArguments) return null;
        var texts = new List<string>();
        foreach (var item in value.EnumerateArray())
        {
            if (Text(item) is not { } text) return null;
            texts.Add(text);
        }
        return texts;
    }

    private static DateTimeOffset? Instant(JsonElement value) =>
        Text(value) is { } text && DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var at) ? at : null;
}
