using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Postern.Protocols;

namespace Postern.Cli.Replay;

/// <summary>A step as data, for <c>-o json|ndjson|yaml</c>.</summary>
internal static class ReplayJson
{
    /// <summary>One object; content that is JSON stands in it as JSON, other text as text, other bytes in base64.</summary>
    public static JsonObject Of(ReplayStep step)
    {
        var item = OfRecord(step);
        // A bundle holds neither: what it says can be made of its records again, wherever and whenever.
        if (!step.Nearly.IsDefault) item["decision"]!["nearly"] = ReplayNearMiss.Json(step.Nearly);
        if (step.Today is { } today) item.Insert(item.IndexOf("decision") + 1, "today", today.Json());
        return item;
    }

    private static JsonObject OfRecord(ReplayStep step) => new()
    {
        ["operation"] = step.Operation,
        ["session"] = step.Session,
        ["at"] = Instant(step.At),
        ["who"] = new JsonObject
        {
            ["identity"] = step.Actor.Key,
            ["kind"] = step.Actor.Kind,
            ["name"] = step.Actor.Name,
            ["agent"] = step.Actor.Agent,
            ["client"] = step.Actor.Client,
            ["groups"] = Texts(step.Actor.Groups),
        },
        ["connection"] = step.Connection,
        ["asked"] = Texts(step.Asked),
        ["decision"] = new JsonObject
        {
            ["kind"] = step.Decision.Kind,
            ["rules"] = new JsonArray([.. step.Decision.Rules.Select(rule => new JsonObject { ["rule"] = rule.Label, ["effect"] = rule.Effect })]),
            ["code"] = step.Decision.Code,
            ["reason"] = step.Decision.Reason,
            ["version"] = step.Decision.Version,
        },
        ["approval"] = step.Approval is not { } approval ? null : new JsonObject
        {
            ["hold"] = approval.Hold,
            ["continues"] = approval.Continues,
            ["approvers"] = Texts(approval.Approvers),
            ["at"] = Instant(approval.At),
        },
        ["request"] = Content(step.Request),
        ["frames"] = new JsonArray([.. step.Frames.Select(Content)]),
        ["results"] = step.Results is not { } results ? null : new JsonArray([.. results.Select(Result)]),
        ["ending"] = step.Ending is not { } ending ? null : new JsonObject
        {
            ["outcome"] = ending.Outcome,
            ["code"] = ending.Code,
            ["detail"] = ending.Detail,
            ["hold"] = ending.Hold,
            ["at"] = ending.At is { } at ? Instant(at) : null,
        },
    };

    private static JsonObject Content(ReplayContent content)
    {
        var item = new JsonObject { ["direction"] = content.Direction, ["bytes"] = content.Bytes };
        if (content.MaskedValues is { } masked) item["maskedValues"] = masked;
        if (content.NotKept is not null) item["notKept"] = content.NotKept;
        try
        {
            item["json"] = JsonNode.Parse(content.Kept.Span, documentOptions: new JsonDocumentOptions { AllowDuplicateProperties = false });
            return item;
        }
        catch (JsonException)
        {
            // Not JSON, or not of one reading: shown as it is below.
        }
        try
        {
            item["text"] = new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(content.Kept.Span);
        }
        catch (DecoderFallbackException)
        {
            item["base64"] = Convert.ToBase64String(content.Kept.Span);
        }
        return item;
    }

    private static JsonObject Result(ReplayItem item) => item switch
    {
        ReplayItem.Grid grid => new JsonObject
        {
            ["columns"] = Texts(grid.Columns),
            ["rows"] = new JsonArray([.. grid.Rows.Select(row => new JsonArray([.. row.Select(value => (JsonNode?)value)]))]),
        },
        ReplayItem.Said said => new JsonObject { [said.Kind] = said.Text },
        _ => throw new InvalidOperationException($"`{item.GetType().Name}` has no form as data"),
    };

    private static JsonArray Texts(IEnumerable<string> texts) => new([.. texts.Select(text => (JsonNode)text)]);

    private static string Instant(DateTimeOffset at) => at.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", System.Globalization.CultureInfo.InvariantCulture);
}
