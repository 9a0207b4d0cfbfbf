using System.Collections.Immutable;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;
using Postern.Core.Operations;
using Postern.Core.Pipeline;
using Postern.Core.Policy;
using Postern.Core.Recording;
using Postern.Gateway.Policies;
using Postern.Protocols;

namespace Postern.Gateway.Api;

/// <summary>What the control API stands on.</summary>
internal sealed record ApiGround(IApiSignIn SignIn, OperationPipeline Pipeline, IPolicySource Policies, IRecorder Recorder, RefusalNotes Notes, string PublicUrl, TimeProvider Clock);

/// <summary>
/// Maps the control API's routes: authenticates as each declares, lets whatever administers take the one path, and turns every outcome
/// into JSON. What is refused is on the record.
/// </summary>
internal sealed class ApiServer(ApiGround ground)
{
    public const string Base = "/api/v1";

    /// <exception cref="InvalidOperationException">A route does not say who may use it, or what using it is.</exception>
    public void Map(IEndpointRouteBuilder endpoints, ImmutableArray<ApiRoute> routes)
    {
        foreach (var route in routes)
        {
            if (route.Complaint is { } complaint) throw new InvalidOperationException($"route `{route.Method} {route.Path}` {complaint}; refusing to start");
            endpoints.MapMethods(Base + route.Path, [route.Method], context => AnswerAsync(context, route));
        }
        endpoints.MapFallback(Base + "/{**rest}", context => WriteAsync(context, ApiAnswer.NotFound()));
    }

    private async Task AnswerAsync(HttpContext context, ApiRoute route)
    {
        // The handlers read the database; the threads that serve sockets must not wait for it.
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } cap) cap.MaxRequestBodySize = route.MaxBody;
        Identity? identity = null;
        if (route.Access != ApiAccess.Open)
        {
            var outcome = await ground.SignIn.IdentifyAsync(context, route.Access).ConfigureAwait(false);
            if (outcome.Problem is { } problem)
            {
                if (problem.Status == StatusCodes.Status401Unauthorized) context.Response.Headers.WWWAuthenticate = ProtectedResource.Challenge(ground.PublicUrl, "", outcome.WasPresented ? "invalid_token" : null);
                else if (!outcome.NeededScopes.IsEmpty) context.Response.Headers.WWWAuthenticate = ProtectedResource.Challenge(ground.PublicUrl, "", "insufficient_scope", outcome.NeededScopes);
                await WriteAsync(context, problem).ConfigureAwait(false);
                return;
            }
            identity = outcome.Identity;
        }
        await WriteAsync(context, await AnswerAsync(context, route, identity).ConfigureAwait(false)).ConfigureAwait(false);
    }

    private async ValueTask<ApiAnswer> AnswerAsync(HttpContext context, ApiRoute route, Identity? identity)
    {
        var body = route.Body.IsEmpty ? null : await BodyAsync(context).ConfigureAwait(false);
        var call = new ApiCall(context, identity) { Body = body };
        if (Unknown(route, body) is { } complaint)
        {
            // Whoever may not use the route at all is told that first, and not what it takes.
            return route.IsAdministrative && ground.Policies.Decide(call.Identity, Question(route.Action), ground.Clock.GetUtcNow()) is Decision.Deny
                ? await RunAsync(context, route, call, route.Action).ConfigureAwait(false)
                : new ApiAnswer.Problem(StatusCodes.Status400BadRequest, RefusalCode.InvalidRequest, complaint);
        }
        if (route is { IsAdministrative: true, JudgesItself: false }) return await RunAsync(context, route, call, route.Action).ConfigureAwait(false);
        if (route.Wider is { } wider && !(route.IsOwn?.Invoke(call) ?? false))
        {
            var decision = ground.Policies.Decide(call.Identity, Question(wider), ground.Clock.GetUtcNow());
            if (decision is Decision.Allow || (decision is Decision.Hold && route.IsOwn is not null)) return await RunAsync(context, route, call, wider).ConfigureAwait(false);
        }
        // Reading is on the record before anything is read, also where it is everybody's right.
        if (identity is not null && GatewayVocabulary.ReadsOwnRecordings(route.Action))
        {
            await ground.Recorder.NoteAsync(
                new Occurrence("recording.read", ground.Clock.GetUtcNow(), [new("route", route.Operation), new("path", context.Request.Path.Value ?? ""), new("by", identity.Key), new("agent", identity.Agent ?? "")]), CancellationToken.None).ConfigureAwait(false);
        }
        var answer = await route.Handle(call).ConfigureAwait(false);
        if (identity is not null && answer is ApiAnswer.Problem { Status: StatusCodes.Status403Forbidden or StatusCodes.Status404NotFound } refused)
        {
            await ground.Notes.NoteAsync("api.refused", $"{route.Operation}: {refused.Reason}", "gateway", identity.Key).ConfigureAwait(false);
        }
        return answer;
    }

    /// <summary>The one path: decided by the policy, recorded with its request and its answer, held where a rule says so.</summary>
    private async ValueTask<ApiAnswer> RunAsync(HttpContext context, ApiRoute route, ApiCall call, string action)
    {
        var operation = AdminExchange.Of(ground.PublicUrl, action, route, context.Request.Path.Value ?? "", call.Body, ground.Clock.GetUtcNow());
        var exchange = new AdminExchange(operation, ended => route.Handle(call.As(operation.Id, isWider: true, ended))) { NeedsPresence = route.NeedsPresence, TellsRecordings = route.TellsRecordings };
        await ground.Pipeline.RunAsync(exchange, call.Identity, context.RequestAborted).ConfigureAwait(false);
        if (exchange.Answer is { } answer) return answer;
        if (exchange.Hold is { } hold) return ApiText.Held(hold, ground.PublicUrl);
        if (route.NeedsPresence && exchange.Refusal is { Code: RefusalCode.NotPermitted } && PublishExchange.IsTokenAlone(call.Identity) && ground.Policies.Decide(call.Identity, Question(action), ground.Clock.GetUtcNow()) is Decision.Allow)
        {
            return new ApiAnswer.Problem(StatusCodes.Status403Forbidden, RefusalCode.NotPermitted, "A person's token alone does not do this. Do it from a browser session of the last minutes, or let a rule hold it for others to agree.");
        }
        return exchange.Refusal is { } refusal ? ApiText.Of(refusal) : new ApiAnswer.Problem(StatusCodes.Status503ServiceUnavailable, RefusalCode.GatewayUnavailable, "It could not be done. Try again later.");
    }

    private Operation Question(string action) => GatewayVocabulary.Of(GatewayVocabulary.Itself(ground.PublicUrl), action, ground.Clock.GetUtcNow());

    private static string? Unknown(ApiRoute route, JsonElement? body)
    {
        if (body is not { ValueKind: JsonValueKind.Object } members) return null;
        foreach (var member in members.EnumerateObject())
        {
            if (!route.Body.Contains(member.Name, StringComparer.Ordinal)) return $"Expected no members but {string.Join(", ", route.Body.Select(name => $"`{name}`"))}; found `{(member.Name.Length <= 40 ? member.Name : member.Name[..40])}`.";
        }
        return null;
    }

    /// <summary>Strictly read; null when it is absent, too long or not JSON.</summary>
    private static async ValueTask<JsonElement?> BodyAsync(HttpContext context)
    {
        try
        {
            using var document = await JsonDocument.ParseAsync(context.Request.Body, new JsonDocumentOptions { MaxDepth = 16, AllowDuplicateProperties = false }, context.RequestAborted).ConfigureAwait(false);
            return document.RootElement.Clone();
        }
        catch (JsonException)
        {
            return null;
        }
        catch (BadHttpRequestException)
        {
            return null;
        }
    }

    private Task WriteAsync(HttpContext context, ApiAnswer answer)
    {
        var bytes = ApiText.Of(answer, OperationId.New(ground.Clock.GetUtcNow()));
        var response = context.Response;
        response.StatusCode = bytes.Status;
        response.Headers.CacheControl = "no-store";
        response.Headers.XContentTypeOptions = "nosniff";
        response.ContentType = bytes.IsProblem ? "application/problem+json" : "application/json";
        response.ContentLength = bytes.Json.Length;
        return response.Body.WriteAsync(bytes.Json, context.RequestAborted).AsTask();
    }
}

/// <summary>Finds out who asks, as a route demands.</summary>
internal interface IApiSignIn
{
    /// <summary>An identity, or the problem to answer with.</summary>
    ValueTask<ApiSignInOutcome> IdentifyAsync(HttpContext context, ApiAccess access);
}

/// <param name="Identity">Who asks, or null.</param>
/// <param name="Problem">Why not, or null.</param>
/// <param name="WasPresented">True when there was a credential, and it was no good.</param>
internal sealed record ApiSignInOutcome(Identity? Identity, ApiAnswer.Problem? Problem, bool WasPresented)
{
    /// <summary>Everything that a token must be issued for, when the one presented was not issued for all of it.</summary>
    public ImmutableArray<string> NeededScopes { get; init; } = [];
}
