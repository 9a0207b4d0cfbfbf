using System.Collections.Immutable;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Postern.Core.Operations;
using Postern.Core.Pipeline;
using Postern.Core.Policy;
using Postern.Core.Policy.Explaining;
using Postern.Gateway.Policies;

namespace Postern.Gateway.Api;

/// <summary>What the routes about access work on.</summary>
internal sealed record QuestionParts(PolicyStore Policies, PolicyEnvironment Environment, DecisionExplainer Explainer, string PublicUrl, TimeProvider Clock);

/// <summary>The routes that answer questions about access: everyone's own, and with <c>policy.read</c> anybody's.</summary>
internal static class QuestionRoutes
{
    public static ImmutableArray<ApiRoute> Of(QuestionParts parts) =>
    [
        new("explainOperation", "GET", "/operations/{id}/explanation") { Access = ApiAccess.Signed, Action = "operations.explain", Wider = GatewayVocabulary.ReadPolicy, TellsRecordings = true, Handle = call => ExplainAsync(parts, call) },
        new("canI", "POST", "/policy/can-i") { Access = ApiAccess.Judged, Action = "access.ask", Wider = GatewayVocabulary.ReadPolicy, IsOwn = IsOwn, Body = ["as", "ask"], Handle = call => CanIAsync(parts, call) },
        new("whoCan", "POST", "/policy/who-can") { Access = ApiAccess.Judged, Action = GatewayVocabulary.ReadPolicy, Body = ["ask"], Handle = call => WhoCanAsync(parts, call) },
    ];

    private static async ValueTask<ApiAnswer> ExplainAsync(QuestionParts parts, ApiCall call)
    {
        if (!OperationId.TryParse(call.Value("id"), out var id) || await parts.Explainer.ExplainAsync(id, call.Identity, call.IsWider, call.Gone).ConfigureAwait(false) is not { } account) return ApiAnswer.NotFound();
        return new ApiAnswer.Bytes(JsonSerializer.SerializeToUtf8Bytes(QuestionDocument.Of(account)));
    }

    private static async ValueTask<ApiAnswer> CanIAsync(QuestionParts parts, ApiCall call)
    {
        var (body, mayRead, now) = (await call.BodyAsync().ConfigureAwait(false), MayRead(parts, call), parts.Clock.GetUtcNow());
        if (body is not { ValueKind: JsonValueKind.Object } asked || !asked.TryGetProperty("ask", out var ask) || ask.ValueKind != JsonValueKind.Object) return Expected("a JSON object with `ask`, as in a policy's tests");
        var isForOthers = asked.TryGetProperty("as", out var other);
        if (isForOthers && !mayRead) return ApiAnswer.NotFound();
        if (PolicyQuestion.Read(parts.Environment, isForOthers ? other.GetRawText() : "{}", ask.GetRawText(), now, out var problem) is not { } question) return Expected(problem ?? "a question that can be understood");
        var explanation = Explanation.Of(parts.Policies.Current, isForOthers ? question.Identity : call.Identity, question.Operation, now, isForOthers ? default : parts.Policies.GrantsOf(call.Identity));
        return new ApiAnswer.Bytes(JsonSerializer.SerializeToUtf8Bytes(QuestionDocument.Of(explanation, mayRead)));
    }

    private static async ValueTask<ApiAnswer> WhoCanAsync(QuestionParts parts, ApiCall call)
    {
        var now = parts.Clock.GetUtcNow();
        if (await call.BodyAsync().ConfigureAwait(false) is not { ValueKind: JsonValueKind.Object } asked || !asked.TryGetProperty("ask", out var ask) || ask.ValueKind != JsonValueKind.Object) return Expected("a JSON object with `ask`, as in a policy's tests");
        if (PolicyQuestion.Read(parts.Environment, "{}", ask.GetRawText(), now, out var problem) is not { } question) return Expected(problem ?? "a question that can be understood");
        return new ApiAnswer.Bytes(JsonSerializer.SerializeToUtf8Bytes(QuestionDocument.Of(Access.Of(parts.Policies.Current, question.Operation, now))));
    }

    // Of whoever asks about themselves without the right to read policies, only an answer; with it, the rules too.
    private static bool IsOwn(ApiCall call) => call.Body is not { ValueKind: JsonValueKind.Object } body || !body.TryGetProperty("as", out _);

    private static bool MayRead(QuestionParts parts, ApiCall call) => call.IsWider || PolicyRoutes.May(parts.Policies, call.Identity, GatewayVocabulary.ReadPolicy, parts.PublicUrl, parts.Clock.GetUtcNow());

    private static ApiAnswer.Problem Expected(string what) => new(StatusCodes.Status400BadRequest, RefusalCode.InvalidRequest, $"Expected {what}.");
}
