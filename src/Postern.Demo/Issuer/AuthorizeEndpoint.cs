using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Builder;

namespace Postern.Demo.Issuer;

/// <summary>What a person agreed to in the browser; one code is good for it, once.</summary>
internal sealed record Consent(DemoClient Client, DemoPersona Persona, string RedirectUri, string Challenge, string? Nonce, string Scope, string? Resource, DateTimeOffset SignedInAt);

/// <summary>The authorization endpoint: code flow with PKCE S256, nothing else (RFC 6749 section 4.1, RFC 7636, RFC 9207).</summary>
internal sealed class AuthorizeEndpoint(DemoIssuerOptions options, IssuerAddress address, ClientBook clients, Handles<Consent> codes)
{
    private readonly Handles<AuthorizeRequest> _pending = new(options.Clock, TimeSpan.FromMinutes(10));

    public void Map(IEndpointRouteBuilder endpoints)
    {
        endpoints.MapGet("/authorize", (RequestDelegate)AskAsync);
        endpoints.MapPost("/authorize/pick", (RequestDelegate)PickAsync);
    }

    private sealed record AuthorizeRequest(DemoClient Client, string RedirectUri, string? State, string Challenge, string? Nonce, string Scope, string? Resource);

    private Task AskAsync(HttpContext context)
    {
        var query = context.Request.Query;
        if (!Requests.TryOne(query["client_id"], out var clientId) || clients.Find(clientId) is not { } client)
        {
            return Pages.SayAsync(context, StatusCodes.Status400BadRequest, "Unknown client", "The program that sent you here is not registered with this issuer.");
        }

        // never redirect to an address that is not the client's own: that would make this an open redirector
        if (!Requests.TryOne(query["redirect_uri"], out var redirect) || !Requests.RedirectFits(client, redirect))
        {
            return Pages.SayAsync(context, StatusCodes.Status400BadRequest, "Wrong address", "The program that sent you here named a return address that is not its own.");
        }

        _ = Requests.TryOne(query["state"], out var state);
        if (Problem(query, out var request, client, redirect, state) is { } problem)
        {
            return Redirect(context, redirect, state, ("error", problem.Code), ("error_description", problem.Description));
        }

        // max_age and prompt=login hold by themselves: there is no cookie, so every sign-in is a fresh one
        return _pending.Add(request!) is { } handle
            ? Pages.PickAsync(context, options, client, "/authorize/pick", handle, redirect)
            : Redirect(context, redirect, state, ("error", "temporarily_unavailable"));
    }

    private OAuthError? Problem(IQueryCollection query, out AuthorizeRequest? request, DemoClient client, string redirect, string? state)
    {
        request = null;
        foreach (var (name, values) in query)
        {
            if (values.Count != 1)
            {
                return new("invalid_request", $"{(name == "resource" ? "one resource" : "each parameter once")} is expected");
            }
        }

        if (query["response_type"] != "code")
        {
            return new("unsupported_response_type", "expected response_type=code");
        }

        if (query["code_challenge_method"] != "S256" || query["code_challenge"].ToString() is not { Length: 43 } challenge)
        {
            return new("invalid_request", "expected a code_challenge with code_challenge_method=S256");
        }

        if (query["prompt"] == "none")
        {
            return new("login_required", "this issuer keeps nobody signed in");
        }

        var resource = query["resource"].ToString() is { Length: > 0 } asked ? asked : null;
        if (resource is not null && !Requests.ResourceFits(options.DefaultAudience, resource))
        {
            return new("invalid_target", "the resource is not one of the gateway's");
        }

        request = new(client, redirect, state, challenge, query["nonce"].ToString() is { Length: > 0 } nonce ? nonce : null, query["scope"].ToString(), resource);
        return null;
    }

    private async Task PickAsync(HttpContext context)
    {
        var form = Requests.IsOwnForm(context, address.Url) ? await Requests.ReadFormAsync(context) : null;
        if (form is null || !_pending.TryTake(form["handle"].ToString(), out var request))
        {
            await Pages.SayAsync(context, StatusCodes.Status400BadRequest, "Too late", "This sign-in has ended. Start again where you came from.");
            return;
        }

        if (form.ContainsKey("cancel") || options.Personas.FirstOrDefault(known => known.Subject == form["persona"]) is not { } persona)
        {
            await Redirect(context, request.RedirectUri, request.State, ("error", "access_denied"));
            return;
        }

        var code = codes.Add(new(request.Client, persona, request.RedirectUri, request.Challenge, request.Nonce, request.Scope, request.Resource, options.Clock.GetUtcNow()));
        await Redirect(context, request.RedirectUri, request.State, code is null ? ("error", "temporarily_unavailable") : ("code", code));
    }

    private Task Redirect(HttpContext context, string redirect, string? state, params ReadOnlySpan<(string Name, string Value)> answers)
    {
        var target = new StringBuilder(redirect);
        var separator = redirect.Contains('?', StringComparison.Ordinal) ? '&' : '?';
        foreach (var (name, value) in answers)
        {
            target.Append(separator).Append(name).Append('=').Append(Uri.EscapeDataString(value));
            separator = '&';
        }

        if (state is not null)
        {
            target.Append(separator).Append("state=").Append(Uri.EscapeDataString(state));
            separator = '&';
        }

        target.Append(separator).Append("iss=").Append(Uri.EscapeDataString(address.Url));
        context.Response.StatusCode = StatusCodes.Status303SeeOther;
        context.Response.Headers.Location = target.ToString();
        context.Response.Headers.CacheControl = "no-store";
        return Task.CompletedTask;
    }
}
