using System.Buffers;
using System.Collections.Immutable;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;
using Postern.Core.Operations;
using Postern.Core.Pipeline;
using Postern.Protocols;

namespace Postern.Gateway.Api;

/// <summary>Maps the control API's routes: authenticates as each declares, and turns every outcome into JSON.</summary>
internal sealed class ApiServer(IApiSignIn signIn, string publicUrl, TimeProvider clock)
{
    public const string Base = "/api/v1";

    /// <exception cref="InvalidOperationException">A route declares no access.</exception>
    public void Map(IEndpointRouteBuilder endpoints, ImmutableArray<ApiRoute> routes)
    {
        foreach (var route in routes)
        {
            if (route.Access == ApiAccess.Undeclared) throw new InvalidOperationException($"route `{route.Method} {route.Path}` declares no access; refusing to start");
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
            var outcome = await signIn.IdentifyAsync(context, route.Access).ConfigureAwait(false);
            if (outcome.Problem is { } problem)
            {
                if (problem.Status == StatusCodes.Status401Unauthorized)
                {
                    context.Response.Headers.WWWAuthenticate = ProtectedResource.Challenge(publicUrl, "", outcome.WasPresented ? "invalid_token" : null);
                }
                await WriteAsync(context, problem).ConfigureAwait(false);
                return;
            }
            identity = outcome.Identity;
        }
        await WriteAsync(context, await route.Handle(new ApiCall(context, identity)).ConfigureAwait(false)).ConfigureAwait(false);
    }

    private Task WriteAsync(HttpContext context, ApiAnswer answer)
    {
        var response = context.Response;
        response.Headers.CacheControl = "no-store";
        response.Headers.XContentTypeOptions = "nosniff";
        response.ContentType = "application/json";
        var body = ReadOnlyMemory<byte>.Empty;
        switch (answer)
        {
            case ApiAnswer.Document document:
                response.StatusCode = document.Status;
                body = Json(document.Write);
                break;
            case ApiAnswer.Bytes bytes:
                body = bytes.Json;
                break;
            case ApiAnswer.Problem problem:
                response.StatusCode = problem.Status;
                response.ContentType = "application/problem+json";
                body = Json(json => Write(json, problem));
                break;
        }
        response.ContentLength = body.Length;
        return response.Body.WriteAsync(body, context.RequestAborted).AsTask();
    }

    /// <summary>RFC 9457 members, and those of the envelope that callers of every protocol know.</summary>
    private void Write(Utf8JsonWriter json, ApiAnswer.Problem problem)
    {
        json.WriteStartObject();
        json.WriteString("title", problem.Code);
        json.WriteNumber("status", problem.Status);
        json.WriteString("detail", problem.Reason);
        json.WriteNumber("v", 1);
        json.WriteString("decision", "denied");
        json.WriteString("code", problem.Code);
        json.WriteString("decisionId", OperationId.New(clock.GetUtcNow()).ToString());
        json.WriteString("reason", problem.Reason);
        json.WriteStartObject("retry");
        json.WriteString("mode", problem.Code is RefusalCode.GatewayUnavailable or RefusalCode.RecordUnavailable ? "after" : "after_change");
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static ReadOnlyMemory<byte> Json(Action<Utf8JsonWriter> write)
    {
        var body = new ArrayBufferWriter<byte>(512);
        using (var json = new Utf8JsonWriter(body)) write(json);
        return body.WrittenMemory;
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
internal sealed record ApiSignInOutcome(Identity? Identity, ApiAnswer.Problem? Problem, bool WasPresented);
