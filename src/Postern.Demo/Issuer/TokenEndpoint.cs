using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Postern.Demo.Issuer;

/// <summary>A sign-in that lives on by refreshing; all refresh tokens of one sign-in share it.</summary>
internal sealed class SignIn(DemoClient client, DemoPersona persona, string scope, string? resource, DateTimeOffset signedInAt)
{
    private bool _ended;

    public DemoClient Client { get; } = client;

    public DemoPersona Persona { get; } = persona;

    public string Scope { get; } = scope;

    public string? Resource { get; } = resource;

    public DateTimeOffset SignedInAt { get; } = signedInAt;

    public bool HasEnded => Volatile.Read(ref _ended);

    public void End() => Volatile.Write(ref _ended, true);
}

/// <summary>The token endpoint: code, refresh, device code, client credentials.</summary>
internal sealed class TokenEndpoint(DemoIssuerOptions options, TokenMint mint, ClientBook clients, Handles<Consent> codes, Handles<DeviceRequest> devices)
{
    private readonly Handles<SignIn> _refresh = new(options.Clock, options.RefreshLifetime);

    // handles that were used once: presenting one again means that somebody copied it, and ends the sign-in (RFC 9700 section 4.14)
    private readonly Handles<SignIn> _spent = new(options.Clock, options.RefreshLifetime);

    public void Map(IEndpointRouteBuilder endpoints)
    {
        endpoints.MapPost("/token", (RequestDelegate)AnswerAsync);
        endpoints.MapPost("/revoke", (RequestDelegate)RevokeAsync);
    }

    /// <summary>Ends a sign-in by its refresh token (RFC 7009). Access tokens stand for themselves and end by their own time.</summary>
    private async Task RevokeAsync(HttpContext context)
    {
        if (await Requests.ReadFormAsync(context) is not { } form || form["token"].Count != 1)
        {
            await FailAsync(context, new("invalid_request", "expected one token"));
            return;
        }

        if (Authenticate(context, form) is not { } client)
        {
            await FailAsync(context, new("invalid_client", "unknown client or wrong secret"), StatusCodes.Status401Unauthorized);
            return;
        }

        var handle = form["token"].ToString();
        if (_refresh.TryGet(handle, out var signIn) || _spent.TryGet(handle, out signIn))
        {
            if (signIn.Client.Id == client.Id)
            {
                signIn.End();
            }
        }
        else if (form["token_type_hint"] == "access_token")
        {
            await FailAsync(context, new("unsupported_token_type", "access tokens end by their own time"));
            return;
        }

        // section 2.2: a token that is not known is as good as taken back
        context.Response.StatusCode = StatusCodes.Status200OK;
    }

    private async Task AnswerAsync(HttpContext context)
    {
        if (await Requests.ReadFormAsync(context) is not { } form)
        {
            await FailAsync(context, new("invalid_request", "expected a form"));
            return;
        }

        foreach (var (_, values) in form)
        {
            if (values.Count != 1)
            {
                await FailAsync(context, new("invalid_request", "each parameter once is expected"));
                return;
            }
        }

        if (Authenticate(context, form) is not { } client)
        {
            await FailAsync(context, new("invalid_client", "unknown client or wrong secret"), StatusCodes.Status401Unauthorized);
            return;
        }

        var (answer, error) = form["grant_type"].ToString() switch
        {
            "authorization_code" => ByCode(client, form),
            "refresh_token" => ByRefresh(client, form),
            "urn:ietf:params:oauth:grant-type:device_code" => ByDevice(client, form),
            "client_credentials" => ByCredentials(client, form),
            _ => (null, new OAuthError("unsupported_grant_type", "expected authorization_code, refresh_token, device_code or client_credentials")),
        };

        await (error is null ? WriteAsync(context, answer!) : FailAsync(context, error));
    }

    private DemoClient? Authenticate(HttpContext context, IFormCollection form)
    {
        var (id, secret) = (form["client_id"].ToString(), form["client_secret"].ToString());
        var header = context.Request.Headers.Authorization.ToString();
        if (header.StartsWith("Basic ", StringComparison.OrdinalIgnoreCase))
        {
            var pair = new byte[header.Length];
            if (secret.Length > 0 || !Convert.TryFromBase64String(header[6..].Trim(), pair, out var length)
                || Encoding.UTF8.GetString(pair, 0, length).Split(':', 2) is not [var user, var password])
            {
                return null;
            }

            // RFC 6749 section 2.3.1: both halves are form-encoded
            var named = Uri.UnescapeDataString(user.Replace('+', ' '));
            if (id.Length > 0 && id != named)
            {
                return null;
            }

            (id, secret) = (named, Uri.UnescapeDataString(password.Replace('+', ' ')));
        }

        var client = clients.Find(id);
        return client is not null && Requests.Same(client.Secret ?? string.Empty, secret) ? client : null;
    }

    private (JsonObject? Answer, OAuthError? Error) ByCode(DemoClient client, IFormCollection form)
    {
        var code = form["code"].ToString();
        if (!codes.TryTake(code, out var consent))
        {
            if (_spent.TryGet(code, out var replayed))
            {
                replayed.End();
            }

            return (null, new("invalid_grant", "the code is unknown, used or over"));
        }

        if (consent.Client.Id != client.Id || form["redirect_uri"] != consent.RedirectUri || !Requests.VerifierFits(consent.Challenge, form["code_verifier"]))
        {
            return (null, new("invalid_grant", "the code was not given to this client, address and verifier"));
        }

        if (Narrow(consent.Resource, form, out var resource) is { } error)
        {
            return (null, error);
        }

        var signIn = new SignIn(client, consent.Persona, consent.Scope, resource, consent.SignedInAt);
        _ = _spent.Add(code, signIn);
        return (Tokens(signIn, consent.Nonce, withIdToken: true), null);
    }

    private (JsonObject? Answer, OAuthError? Error) ByRefresh(DemoClient client, IFormCollection form)
    {
        var handle = form["refresh_token"].ToString();
        if (!_refresh.TryTake(handle, out var signIn))
        {
            if (_spent.TryGet(handle, out var stolen))
            {
                stolen.End();
            }

            return (null, new("invalid_grant", "the refresh token is unknown, used or over"));
        }

        _ = _spent.Add(handle, signIn);
        if (signIn.HasEnded || signIn.Client.Id != client.Id)
        {
            signIn.End();
            return (null, new("invalid_grant", "the sign-in has ended"));
        }

        if (options.Renewed(signIn.Persona) is not { } persona)
        {
            signIn.End();
            return (null, new("invalid_grant", "the person may not sign in any more"));
        }

        // to whoever refreshes for itself no id token is given: refreshing is no sign-in
        return (Tokens(signIn, nonce: null, withIdToken: signIn.Scope.Split(' ').Contains("offline_access"), persona), null);
    }

    private (JsonObject? Answer, OAuthError? Error) ByDevice(DemoClient client, IFormCollection form)
    {
        var handle = form["device_code"].ToString();
        if (!devices.TryGet(handle, out var request) || request.Client.Id != client.Id)
        {
            return (null, new("expired_token", "the device code is unknown or over"));
        }

        var now = options.Clock.GetUtcNow();
        var polledAt = request.PolledAt;
        request.PolledAt = now;
        if (request.IsRefused)
        {
            return (null, new("access_denied", "the person said no"));
        }

        if (request.Persona is not { } persona)
        {
            return (null, now - polledAt < options.DevicePollInterval
                ? new("slow_down", "wait longer between two polls")
                : new("authorization_pending", "nobody answered yet"));
        }

        return devices.TryTake(handle, out _)
            ? (Tokens(new(client, persona, request.Scope, request.Resource, request.SignedInAt), nonce: null, withIdToken: true), null)
            : (null, new("expired_token", "the device code was used"));
    }

    private (JsonObject? Answer, OAuthError? Error) ByCredentials(DemoClient client, IFormCollection form)
    {
        if (!client.IsWorkload || client.Secret is null)
        {
            return (null, new("unauthorized_client", "this client acts for people only"));
        }

        if (Narrow(null, form, out var resource) is { } error)
        {
            return (null, error);
        }

        var subject = new Subject(client.Id, client.Name, client.Groups, client, IsPerson: false);
        var scope = form["scope"].ToString();
        return (Bearer(mint.AccessToken(subject, resource ?? options.DefaultAudience, scope), scope), null);
    }

    // RFC 8707 section 2.2: what is asked here may narrow what was asked before, never change it
    private OAuthError? Narrow(string? agreed, IFormCollection form, out string? resource)
    {
        resource = form["resource"].ToString() is { Length: > 0 } asked ? asked : agreed;
        return resource is null || (Requests.ResourceFits(options.DefaultAudience, resource) && (agreed is null || agreed == resource))
            ? null
            : new("invalid_target", "the resource is not the one that was agreed to");
    }

    private JsonObject Tokens(SignIn signIn, string? nonce, bool withIdToken, DemoPersona? now = null)
    {
        var persona = now ?? signIn.Persona;
        var subject = new Subject(persona.Subject, persona.Name, persona.Groups, signIn.Client, IsPerson: true);
        var answer = Bearer(mint.AccessToken(subject, signIn.Resource ?? options.DefaultAudience, signIn.Scope), signIn.Scope);
        if (withIdToken && signIn.Scope.Split(' ').Contains("openid"))
        {
            answer["id_token"] = mint.IdToken(subject, nonce, signIn.SignedInAt);
        }

        // the gateway's pages sign in for one purpose and need no refreshing; its authorization server asks for it
        if ((signIn.Client.Secret is null || signIn.Scope.Split(' ').Contains("offline_access")) && _refresh.Add(signIn) is { } refresh)
        {
            answer["refresh_token"] = refresh;
        }

        return answer;
    }

    private JsonObject Bearer(string token, string scope) => new()
    {
        ["access_token"] = token,
        ["token_type"] = "Bearer",
        ["expires_in"] = (int)mint.Lifetime.TotalSeconds,
        ["scope"] = scope,
    };

    internal static Task FailAsync(HttpContext context, OAuthError error, int status = StatusCodes.Status400BadRequest)
    {
        if (status == StatusCodes.Status401Unauthorized)
        {
            context.Response.Headers.WWWAuthenticate = "Basic realm=\"demo issuer\"";
        }

        return WriteAsync(context, new() { ["error"] = error.Code, ["error_description"] = error.Description }, status);
    }

    internal static Task WriteAsync(HttpContext context, JsonObject body, int status = StatusCodes.Status200OK)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/json";
        context.Response.Headers.CacheControl = "no-store";
        return context.Response.WriteAsync(body.ToJsonString(), context.RequestAborted);
    }
}
