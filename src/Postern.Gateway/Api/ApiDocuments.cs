using System.Globalization;
using System.Text;
using System.Text.Json;
using Postern.Core.Approvals;
using Postern.Core.Operations;
using Postern.Core.Policy;
using Postern.Gateway.Approvals;
using Postern.Protocols;

namespace Postern.Gateway.Api;

/// <summary>How things look in the control API.</summary>
internal static class ApiDocuments
{
    public static void Identity(Utf8JsonWriter json, Identity identity)
    {
        json.WriteStartObject();
        json.WriteString("key", identity.Key);
        json.WriteString("issuer", identity.Issuer);
        json.WriteString("subject", identity.Subject);
        json.WriteString("kind", identity.Kind.ToString().ToLowerInvariant());
        json.WriteString("displayName", identity.DisplayName);
        json.WriteString("agent", identity.Agent);
        json.WriteStartArray("groups");
        foreach (var group in identity.Groups) json.WriteStringValue(group);
        json.WriteEndArray();
        if (identity.ExpiresAt != DateTimeOffset.MaxValue) Instant(json, "expiresAt", identity.ExpiresAt);
        json.WriteEndObject();
    }

    public static void CredentialReport(Utf8JsonWriter json, Connection connection, CredentialReport report)
    {
        json.WriteStartObject();
        json.WriteString("connection", connection.Name);
        json.WriteStartArray("wider");
        foreach (var right in report.Wider)
        {
            json.WriteStartObject();
            json.WriteString("where", right.Where);
            Texts(json, "verbs", right.Verbs);
            Texts(json, "what", right.What);
            Texts(json, "names", right.Names);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        Texts(json, "asked", report.Asked);
        json.WriteBoolean("complete", report.IsComplete);
        json.WriteString("sufficient", report.Sufficient);
        Texts(json, "notes", report.Notes);
        json.WriteEndObject();
    }

    /// <param name="json">The document.</param>
    /// <param name="hold">What waits.</param>
    /// <param name="viewer">Who looks.</param>
    /// <param name="mayAnswer">Whether the viewer could answer, in a browser.</param>
    /// <param name="publicUrl">The base of links.</param>
    /// <param name="withRequest">Whether the kept request is shown: in the single document, not in lists.</param>
    /// <param name="now">The current instant.</param>
    public static void Hold(Utf8JsonWriter json, Hold hold, Identity viewer, bool mayAnswer, string publicUrl, bool withRequest, DateTimeOffset now)
    {
        json.WriteStartObject();
        json.WriteString("id", hold.Id);
        json.WriteString("state", HoldView.StateAt(hold, now).ToString().ToLowerInvariant());
        json.WriteString("url", $"{publicUrl}/approve/{hold.Id}");
        json.WriteString("operation", hold.OpenedBy.ToString());
        json.WriteString("requester", hold.Requester);
        json.WriteString("requesterName", hold.RequesterName);
        json.WriteString("agent", hold.Agent);
        json.WriteString("connection", hold.Connection);
        json.WriteString("target", hold.Target);
        json.WriteString("summary", hold.Summary);
        json.WriteString("rule", hold.Rule);
        json.WriteString("reason", hold.Reason);
        json.WriteString("risk", hold.Terms.Risk.ToString().ToLowerInvariant());
        Instant(json, "openedAt", hold.OpenedAt);
        Instant(json, "expiresAt", hold.ExpiresAt);
        if (hold.UsableUntil is { } usable) Instant(json, "usableUntil", usable);
        json.WriteBoolean("mine", hold.Requester == viewer.Key);
        json.WriteBoolean("mayAnswer", mayAnswer);
        Needs(json, hold.Terms);
        json.WriteString("grant", hold.Grant);
        json.WriteStartArray("answers");
        foreach (var answer in hold.Answers)
        {
            json.WriteStartObject();
            json.WriteString("by", answer.Approver);
            json.WriteString("name", answer.ApproverName);
            json.WriteString("answer", answer.Approved ? "approve" : "deny");
            json.WriteString("reason", answer.Reason);
            Instant(json, "at", answer.At);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        if (hold.State != HoldState.Open && !hold.Answers.IsEmpty) json.WriteNumber("secondsToDecision", (long)(hold.Answers[^1].At - hold.OpenedAt).TotalSeconds);
        if (hold.ConsumedBy is { } by) json.WriteString("consumedBy", by.ToString());
        if (withRequest && !hold.Request.IsEmpty)
        {
            json.WriteString("request", Encoding.UTF8.GetString(hold.Request.Span));
            json.WriteString("requestDigest", Digest.Of(hold.Request.Span).ToString());
            if (!hold.Foreseen.IsEmpty) json.WriteString("foreseen", Encoding.UTF8.GetString(hold.Foreseen.Span));
        }
        json.WriteEndObject();
    }

    /// <summary>Who must agree.</summary>
    public static void Needs(Utf8JsonWriter json, HoldTerms terms)
    {
        json.WriteStartArray("needs");
        foreach (var requirement in terms.Requirements)
        {
            json.WriteStartObject();
            json.WriteNumber("count", requirement.Count);
            Texts(json, "groups", requirement.Groups);
            Texts(json, "users", requirement.Users);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    public static void Instant(Utf8JsonWriter json, string name, DateTimeOffset instant) => json.WriteString(name, instant.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture));

    private static void Texts(Utf8JsonWriter json, string name, IEnumerable<string> values)
    {
        json.WriteStartArray(name);
        foreach (var value in values) json.WriteStringValue(value);
        json.WriteEndArray();
    }
}
