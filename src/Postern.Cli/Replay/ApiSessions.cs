using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Postern.Cli.Control;

namespace Postern.Cli.Replay;

/// <summary>Reads sessions from a gateway: one's own, as its control API tells them.</summary>
internal sealed class ApiSessions(ControlApi api)
{
    /// <summary>The steps of one session, in order.</summary>
    /// <exception cref="CommandException">There is no such session, or the gateway's answer cannot be read.</exception>
    public async Task<IReadOnlyList<ReplayStep>> ReadAsync(string session, CancellationToken cancellationToken)
    {
        var operations = await OperationsAsync(api, session, cancellationToken);
        var steps = new List<ReplayStep>(operations.Count);
        foreach (var summary in operations)
        {
            var id = Text(summary, "id");
            var operation = await api.GetAsync($"operations/{Uri.EscapeDataString(id)}", $"operation `{id}`", cancellationToken);
            var explanation = await ExplanationAsync(id, cancellationToken);
            steps.Add(StepOf(operation, summary!, await ApprovalAsync(operation, cancellationToken)) with
            {
                Nearly = ReplayNearMiss.Of(explanation?["nearly"]),
                Today = explanation is null ? ReplayToday.NotTold : ReplayToday.Of(explanation["today"]),
            });
        }
        return steps.Count > 0 ? steps : throw new CommandException(ExitCode.NotFound, $"session `{session}` holds no operations");
    }

    /// <summary>All operations of a session in order, page by page.</summary>
    /// <exception cref="CommandException">There is no such session, or the gateway's answer cannot be read.</exception>
    public static async Task<List<JsonObject>> OperationsAsync(ControlApi api, string session, CancellationToken cancellationToken)
    {
        var all = new List<JsonObject>();
        for (var after = 0L; ;)
        {
            var detail = await api.GetAsync(string.Create(CultureInfo.InvariantCulture, $"sessions/{Uri.EscapeDataString(session)}?after={after}"), $"session `{session}`", cancellationToken);
            if (detail["operations"] is not JsonArray operations) throw NotUnderstood("operations");
            all.AddRange(operations.OfType<JsonObject>());
            if (detail["next"] is not JsonValue next || !next.TryGetValue(out after)) return all;
        }
    }

    // Who may read others' sessions need not be who may read policies; one's own are told to oneself.
    private async Task<JsonNode?> ExplanationAsync(string id, CancellationToken cancellationToken)
    {
        try
        {
            return await api.GetAsync($"operations/{Uri.EscapeDataString(id)}/explanation", $"decision `{id}`", cancellationToken);
        }
        catch (CommandException refused) when (refused.ExitCode == ExitCode.NotFound)
        {
            return null;
        }
    }

    private async Task<ReplayApproval?> ApprovalAsync(JsonNode operation, CancellationToken cancellationToken)
    {
        if (OptionalText(operation, "hold") is not { } id || OptionalText(operation, "outcome") is "pending" or "denied") return null;
        var hold = await api.GetAsync($"approvals/{Uri.EscapeDataString(id)}", $"approval `{id}`", cancellationToken);
        var answers = hold["answers"] as JsonArray ?? [];
        return new ReplayApproval(id, Text(hold, "operation"), [.. answers.Where(answer => OptionalText(answer, "answer") == "approve").Select(answer => Text(answer, "by"))], Instant(operation, "at"));
    }

    private static ReplayStep StepOf(JsonNode operation, JsonNode summary, ReplayApproval? approval)
    {
        var rule = OptionalText(operation, "rule");
        var decision = Text(operation, "decision");
        return new ReplayStep
        {
            Operation = Text(operation, "id"),
            Session = Text(operation, "session"),
            At = Instant(operation, "at"),
            Actor = new ReplayActor(Text(operation, "identity"), Kind: null, Name: null, OptionalText(operation, "agent"), OptionalText(operation, "client"), []),
            Connection = Text(operation, "connection"),
            Protocol = OptionalText(operation, "protocol"),
            Asked = [Text(summary, "summary")],
            Decision = new ReplayDecision(decision, rule is null ? [] : [new ReplayRule(rule, decision)], OptionalText(operation, "code"), Reason: null, (int?)operation["policyVersion"] ?? 0),
            Approval = approval,
            Request = new ReplayContent("request", Encoding.UTF8.GetByteCount(Text(operation, "request")), MaskedValues: null, Encoding.UTF8.GetBytes(Text(operation, "request")), OptionalText(operation, "closed")),
            Frames = [.. (operation["frames"] as JsonArray ?? []).Select(ContentOf)],
            Ending = OptionalText(operation, "outcome") is not { } outcome ? null : new ReplayEnding(outcome, OptionalText(operation, "code"), Detail: null, OptionalText(operation, "hold"), OptionalInstant(summary, "endedAt")),
        };
    }

    private static ReplayContent ContentOf(JsonNode? frame) =>
        new(Text(frame, "direction"), (long?)frame!["bytes"] ?? 0, (long?)frame["maskedValues"], BytesOf(frame), OptionalText(frame, "notKept"));

    private static byte[] BytesOf(JsonNode? frame)
    {
        if (OptionalText(frame, "contentBase64") is not { } encoded) return Encoding.UTF8.GetBytes(Text(frame, "content"));
        var bytes = new byte[encoded.Length];
        return Convert.TryFromBase64String(encoded, bytes, out var length) ? bytes[..length] : throw NotUnderstood("contentBase64");
    }

    private static string Text(JsonNode? node, string member) => OptionalText(node, member) ?? throw NotUnderstood(member);

    private static string? OptionalText(JsonNode? node, string member) => node?[member] is JsonValue value && value.TryGetValue<string>(out var text) ? text : null;

    private static DateTimeOffset Instant(JsonNode? node, string member) => OptionalInstant(node, member) ?? throw NotUnderstood(member);

    private static DateTimeOffset? OptionalInstant(JsonNode? node, string member) =>
        DateTimeOffset.TryParse(OptionalText(node, member), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var instant) ? instant : null;

    private static CommandException NotUnderstood(string member) => new(ExitCode.Failure, $"the gateway's answer has no readable `{member}`; it may be of another version than this executable");
}
