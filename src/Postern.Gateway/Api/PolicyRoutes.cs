using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Postern.Core.Operations;
using Postern.Core.Pipeline;
using Postern.Core.Policy;
using Postern.Core.Policy.Versions;
using Postern.Gateway.Policies;

namespace Postern.Gateway.Api;

/// <summary>The routes of the control API that read and publish policy versions.</summary>
internal static class PolicyRoutes
{
    private const int MaxVersions = 500;
    private const int MaxReason = 1_000;
    private const int MaxFiles = 64;

    // Room for what a policy may hold, escaped.
    private const int MaxBody = 4 * 1024 * 1024;

    public static ImmutableArray<ApiRoute> Of(PolicyPublisher publisher, PolicySimulator simulator, string publicUrl, TimeProvider clock) =>
    [
        new("listPolicyVersions", "GET", "/policy/versions") { Access = ApiAccess.Signed, Action = GatewayVocabulary.ReadPolicy, Handle = call => ListAsync(publisher.Store.Versions, call) },
        new("getPolicyVersion", "GET", "/policy/versions/{number}") { Access = ApiAccess.Signed, Action = GatewayVocabulary.ReadPolicy, Handle = call => GetAsync(publisher.Store.Versions, call) },
        new("diffPolicyVersions", "GET", "/policy/versions/{number}/diff/{other}") { Access = ApiAccess.Signed, Action = GatewayVocabulary.ReadPolicy, Handle = call => DiffAsync(publisher.Store.Versions, call) },
        new("applyPolicy", "POST", "/policy/versions") { Access = ApiAccess.Judged, Action = GatewayVocabulary.ApplyPolicy, JudgesItself = true, Body = ["files", "from", "reason"], MaxBody = MaxBody, Handle = call => ApplyAsync(publisher, publicUrl, call) },
        new("rollbackPolicy", "POST", "/policy/versions/{number}/rollback") { Access = ApiAccess.Judged, Action = GatewayVocabulary.ApplyPolicy, JudgesItself = true, Body = ["from", "reason"], Handle = call => RollbackAsync(publisher, publicUrl, call) },
        new("simulatePolicy", "POST", "/policy/simulate") { Access = ApiAccess.Judged, Action = GatewayVocabulary.SimulatePolicy, TellsRecordings = true, Body = ["files", "from", "until"], MaxBody = MaxBody, Handle = call => SimulateAsync(simulator, clock, call) },
        new("suggestPolicy", "POST", "/policy/suggest") { Access = ApiAccess.Judged, Action = GatewayVocabulary.SimulatePolicy, TellsRecordings = true, Body = ["from"], Handle = call => SuggestAsync(publisher, simulator, publicUrl, clock, call) },
    ];

    /// <summary>True when a rule gives somebody the right by name; workloads may read too.</summary>
    public static bool May(PolicyStore policies, Identity identity, string admin, string publicUrl, DateTimeOffset now) =>
        policies.Current.Decide(identity, GatewayVocabulary.Of(GatewayVocabulary.Itself(publicUrl), admin, now), now) is Decision.Allow;

    private static async ValueTask<ApiAnswer> ListAsync(PolicyVersions versions, ApiCall call) =>
        ApiAnswer.List(await versions.ListAsync(MaxVersions, call.Gone).ConfigureAwait(false), static (json, version) => Write(json, version));

    private static async ValueTask<ApiAnswer> GetAsync(PolicyVersions versions, ApiCall call)
    {
        if (await FindAsync(versions, call, "number").ConfigureAwait(false) is not { } version) return ApiAnswer.NotFound();
        return new ApiAnswer.Document(json => Write(json, version));
    }

    private static async ValueTask<ApiAnswer> DiffAsync(PolicyVersions versions, ApiCall call)
    {
        if (await FindAsync(versions, call, "number").ConfigureAwait(false) is not { Files.IsDefault: false } from) return ApiAnswer.NotFound();
        if (await FindAsync(versions, call, "other").ConfigureAwait(false) is not { Files.IsDefault: false } to) return ApiAnswer.NotFound();
        return new ApiAnswer.Document(json =>
        {
            json.WriteStartObject();
            json.WriteNumber("from", from.Number);
            json.WriteNumber("to", to.Number);
            json.WriteString("diff", PolicyDiff.Of(from.Files, to.Files));
            json.WriteEndObject();
        });
    }

    private static async ValueTask<ApiAnswer> ApplyAsync(PolicyPublisher publisher, string publicUrl, ApiCall call)
    {
        if (await call.BodyAsync().ConfigureAwait(false) is not { ValueKind: JsonValueKind.Object } body
            || !TryReadFrom(body, out var from, out var reason) || !TryReadFiles(body, out var files))
        {
            return Invalid($"Expected a JSON object with `from` (a version's number), `reason` (at most {MaxReason} characters) and `files` (names and texts, at most {MaxFiles}).");
        }
        return AnswerOf(await publisher.PublishAsync(new PolicyDraft(files, call.Identity.Key, reason, PolicyOrigin.Api, from), call.Identity, call.Gone).ConfigureAwait(false), publicUrl);
    }

    private static async ValueTask<ApiAnswer> RollbackAsync(PolicyPublisher publisher, string publicUrl, ApiCall call)
    {
        if (await call.BodyAsync().ConfigureAwait(false) is not { ValueKind: JsonValueKind.Object } body || !TryReadFrom(body, out var from, out var reason))
        {
            return Invalid($"Expected a JSON object with `from` (a version's number) and `reason` (at most {MaxReason} characters).");
        }
        if (await FindAsync(publisher.Store.Versions, call, "number").ConfigureAwait(false) is not { Files: { IsDefault: false } files }) return ApiAnswer.NotFound();
        return AnswerOf(await publisher.PublishAsync(new PolicyDraft(files, call.Identity.Key, reason, PolicyOrigin.Rollback, from), call.Identity, call.Gone).ConfigureAwait(false), publicUrl);
    }

    private static async ValueTask<ApiAnswer> SimulateAsync(PolicySimulator simulator, TimeProvider clock, ApiCall call)
    {
        if (await call.BodyAsync().ConfigureAwait(false) is not { ValueKind: JsonValueKind.Object } body || !TryReadFiles(body, out var files)
            || !body.TryGetProperty("from", out var fromNode) || fromNode.ValueKind != JsonValueKind.String || !fromNode.TryGetDateTimeOffset(out var from))
        {
            return Invalid("Expected a JSON object with `files` (names and texts), `from` and, where it should end before now, `until` (instants as in RFC 3339).");
        }
        var until = clock.GetUtcNow();
        if (body.TryGetProperty("until", out var untilNode) && (untilNode.ValueKind != JsonValueKind.String || !untilNode.TryGetDateTimeOffset(out until))) return Invalid("Expected `until` as an instant (RFC 3339).");
        var (result, problems) = await simulator.RunAsync(files, from, until, call.Identity, call.Gone).ConfigureAwait(false);
        return result is null ? NotLoaded(problems) : new ApiAnswer.Bytes(JsonSerializer.SerializeToUtf8Bytes(SimulationDocument.Of(result)));
    }

    private static async ValueTask<ApiAnswer> SuggestAsync(PolicyPublisher publisher, PolicySimulator simulator, string publicUrl, TimeProvider clock, ApiCall call)
    {
        if (await call.BodyAsync().ConfigureAwait(false) is not { ValueKind: JsonValueKind.Object } body || !body.TryGetProperty("from", out var fromNode) || fromNode.ValueKind != JsonValueKind.String || !fromNode.TryGetDateTimeOffset(out var from))
        {
            return Invalid("Expected a JSON object with `from`, an instant (RFC 3339).");
        }
        var (suggestions, narrower) = await simulator.SuggestAsync(from, call.Identity, call.Gone).ConfigureAwait(false);
        // What is unused is a part of the policy's text, which is for whoever may read it.
        var mayRead = May(publisher.Store, call.Identity, GatewayVocabulary.ReadPolicy, publicUrl, clock.GetUtcNow());
        return new ApiAnswer.Bytes(JsonSerializer.SerializeToUtf8Bytes(SuggestionDocument.Of(suggestions, mayRead ? narrower : null)));
    }

    private static ApiAnswer.Problem NotLoaded(ImmutableArray<PolicyProblem> problems) =>
        new(StatusCodes.Status422UnprocessableEntity, RefusalCode.InvalidRequest, "The policy does not load.\n" + string.Join('\n', problems.Where(problem => problem.Severity == ProblemSeverity.Error)));

    private static ApiAnswer AnswerOf(PublishOutcome outcome, string publicUrl) => outcome switch
    {
        PublishOutcome.Published published => new ApiAnswer.Document(json => Write(json, published.Status.Applied with { Files = default })),
        PublishOutcome.Held { Hold: var hold } => new ApiAnswer.Document(json =>
        {
            json.WriteStartObject();
            json.WriteString("state", "held");
            json.WriteString("hold", hold.Id);
            json.WriteString("url", $"{publicUrl}/approve/{hold.Id}");
            json.WriteEndObject();
        })
        { Status = StatusCodes.Status202Accepted },
        PublishOutcome.Stale stale => new ApiAnswer.Problem(StatusCodes.Status409Conflict, RefusalCode.InvalidRequest, string.Create(CultureInfo.InvariantCulture, $"Version {stale.InForce} is in force now. Look at what changed, and publish from it.")),
        PublishOutcome.Bad { Problems: var problems } => NotLoaded(problems),
        PublishOutcome.Refused { Code: RefusalCode.RecordUnavailable or RefusalCode.GatewayUnavailable } refused => new ApiAnswer.Problem(StatusCodes.Status503ServiceUnavailable, refused.Code, refused.Reason),
        PublishOutcome.Refused refused => new ApiAnswer.Problem(StatusCodes.Status403Forbidden, refused.Code, refused.Reason),
        _ => throw new InvalidOperationException($"an outcome of type `{outcome.GetType().Name}` has no answer"),
    };

    private static async ValueTask<AppliedPolicy?> FindAsync(PolicyVersions versions, ApiCall call, string name) =>
        int.TryParse(call.Value(name), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? await versions.FindAsync(number, call.Gone).ConfigureAwait(false) : null;

    private static bool TryReadFrom(JsonElement body, out int from, out string reason)
    {
        (from, reason) = (0, "");
        if (!body.TryGetProperty("from", out var fromNode) || fromNode.ValueKind != JsonValueKind.Number || !fromNode.TryGetInt32(out from)) return false;
        if (!body.TryGetProperty("reason", out var reasonNode) || reasonNode.ValueKind != JsonValueKind.String) return false;
        reason = reasonNode.GetString()!.Trim();
        return reason.Length is > 0 and <= MaxReason;
    }

    private static bool TryReadFiles(JsonElement body, out ImmutableArray<PolicyFile> files)
    {
        files = [];
        if (!body.TryGetProperty("files", out var node) || node.ValueKind != JsonValueKind.Object) return false;
        if (node.EnumerateObject().Any(file => file.Value.ValueKind != JsonValueKind.String || file.Name.Length is 0 or > 200)) return false;
        files = [.. node.EnumerateObject().Select(file => new PolicyFile(file.Name, file.Value.GetString()!)).OrderBy(file => file.Path, StringComparer.Ordinal)];
        return files.Length is > 0 and <= MaxFiles;
    }

    private static void Write(Utf8JsonWriter json, AppliedPolicy version)
    {
        json.WriteStartObject();
        json.WriteNumber("version", version.Number);
        json.WriteString("hash", version.Hash);
        json.WriteString("author", version.Author);
        json.WriteString("reason", version.Reason);
        json.WriteString("source", version.Source);
        if (version.BasedOn is { } before) json.WriteNumber("from", before);
        else json.WriteNull("from");
        json.WriteString("operation", version.Operation);
        ApiDocuments.Instant(json, "appliedAt", version.AppliedAt);
        if (!version.Files.IsDefault)
        {
            json.WriteStartObject("files");
            foreach (var file in version.Files) json.WriteString(file.Path, file.Text);
            json.WriteEndObject();
        }
        json.WriteEndObject();
    }

    private static ApiAnswer.Problem Invalid(string expected) => new(StatusCodes.Status400BadRequest, RefusalCode.InvalidRequest, expected);
}
