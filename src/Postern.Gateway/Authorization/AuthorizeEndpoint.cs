using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging;
using Postern.Core.Operations;
using Postern.Core.Recording;
using Postern.Core.Sealing;
using Postern.Gateway.Identities;
using Postern.Gateway.Pages;
using Postern.Protocols;

namespace Postern.Gateway.Authorization;

/// <summary>What the authorization endpoint needs.</summary>
internal sealed record AuthorizeParts(
    string Url, ProviderDoor Provider, ClientDirectory Clients, ResourceRules Resources, ConsentBook Consents, CodeBook Codes, DeviceBook Devices, byte[] Key, RefusalNotes Notes, IRecorder Recorder, TimeProvider Clock, ILogger Log);

/// <summary>
/// The authorization endpoint (RFC 6749 section 4.1, with PKCE, RFC 8707 and RFC 9207). The gateway is one client of the issuer on behalf
/// of many clients of its own: so a person is asked about each of them here, before the issuer (which may know the gateway already, and
/// say nothing) is asked at all. Without that, whoever sends a person a link gets a code for a program of theirs (the confused deputy of
/// OAuth proxies, J22).
/// </summary>
internal sealed partial class AuthorizeEndpoint(AuthorizeParts parts)
{
    private readonly Uri _publicUrl = new(parts.Url);
    private readonly BrowserCookies _cookies = new(new Uri(parts.Url));
    private readonly BrowserSeal _seal = new(parts.Clock);

    private sealed record Binding(string Secret);

    public void Map(IEndpointRouteBuilder endpoints)
    {
        endpoints.MapGet(ServerMetadata.AuthorizePath, (RequestDelegate)AskAsync);
        endpoints.MapPost(ServerMetadata.ConsentPath, (RequestDelegate)AnswerAsync);
        endpoints.MapGet(ServerMetadata.CallbackPath, (RequestDelegate)FinishAsync);
        endpoints.MapGet(ServerMetadata.DevicePath, (RequestDelegate)TypeAsync);
        endpoints.MapPost(ServerMetadata.DevicePath, (RequestDelegate)FindAsync);
    }

    /// <summary>A client sends a person here.</summary>
    private async Task AskAsync(HttpContext context)
    {
        var query = context.Request.Query;

        // on this machine `localhost` and `127.0.0.1` are two sites with two cookie jars; the answer comes to the public one
        if (_publicUrl.IsLoopback && !string.Equals(context.Request.Host.Value, _publicUrl.Authority, StringComparison.OrdinalIgnoreCase))
        {
            SignedPages.SeeOther(context, $"{parts.Url}{ServerMetadata.AuthorizePath}{context.Request.QueryString}");
            return;
        }

        // 1. Which client, and which address of it. Until both are sure nothing is sent anywhere: this must not become a redirector.
        if (!AuthorizeRequest.TryOne(query, "client_id", out var id) || await parts.Clients.FindAsync(id, context.RequestAborted).ConfigureAwait(false) is not { IsWorkload: false } client)
        {
            await RefuseAsync(context, "unknown client", "The program that sent you here is not known to this gateway.").ConfigureAwait(false);
            return;
        }
        if (!AuthorizeRequest.TryOne(query, "redirect_uri", out var redirect) || !RedirectRules.Fits(client.Redirects, redirect))
        {
            await RefuseAsync(context, "redirect address is not the client's", "The program that sent you here named a return address that is not its own.").ConfigureAwait(false);
            return;
        }

        // 2. What it asks.
        if (AuthorizeRequest.Read(query, client, redirect, parts.Resources, out var error) is not { } request)
        {
            await parts.Notes.NoteAsync("authorization.refused", error!.Description, "gateway").ConfigureAwait(false);
            SignedPages.SeeOther(context, Answer(redirect, AuthorizeRequest.StateOf(query), ("error", error.Code), ("error_description", error.Description)));
            return;
        }

        // 3. A person who said so before is not asked again; whether it is them comes out at the issuer.
        if (KnownOf(context) is { } known && client.IsSureAt(redirect) && await parts.Consents.HasAsync(known, request, context.RequestAborted).ConfigureAwait(false))
        {
            if (await LeadAsync(context, request, known, remembers: false).ConfigureAwait(false) is { } target) SignedPages.SeeOther(context, target);
            return;
        }

        // 4. Everybody else is.
        await ShowAsync(context, client, request).ConfigureAwait(false);
    }

    /// <summary>A person came by themselves, with a code that a device shows.</summary>
    private async Task TypeAsync(HttpContext context)
    {
        if (_publicUrl.IsLoopback && !string.Equals(context.Request.Host.Value, _publicUrl.Authority, StringComparison.OrdinalIgnoreCase))
        {
            SignedPages.SeeOther(context, $"{parts.Url}{ServerMetadata.DevicePath}{context.Request.QueryString}");
            return;
        }

        // A code in a link fills the field, and the person still sends it: a link alone must show nothing (RFC 8628 section 5.4).
        _ = AuthorizeRequest.TryOne(context.Request.Query, "user_code", out var code);
        await ConsentPages.TypeAsync(context, code, complaint: null).ConfigureAwait(false);
    }

    private async Task FindAsync(HttpContext context)
    {
        var form = FormOrigin.IsOwn(context, _publicUrl) ? await SignedPages.ReadFormAsync(context).ConfigureAwait(false) : null;
        if (form is null || !parts.Devices.TryFind(form["user_code"].ToString(), out var id, out var resource, out var user) || await parts.Clients.FindAsync(id, context.RequestAborted).ConfigureAwait(false) is not { MayUseDevice: true } client)
        {
            await parts.Notes.NoteAsync("authorization.refused", "a code was typed that no device shows", "gateway").ConfigureAwait(false);
            await ConsentPages.TypeAsync(context, null, "No device shows this code, or it is too old.").ConfigureAwait(false);
            return;
        }
        await ShowAsync(context, client, AuthorizeRequest.OfDevice(id, resource, user)).ConfigureAwait(false);
    }

    private async Task ShowAsync(HttpContext context, OAuthClient client, AuthorizeRequest request)
    {
        // The cookie opens for this client and this request alone.
        var binding = new Binding(OAuthText.NewSecret());
        _cookies.Set(context, _cookies.ConsentOf(request.Id), _seal.Seal(binding, Bound(request)), SignInAttempt.Patience);
        await ConsentPages.AskAsync(context, client, request, parts.Resources.PathOf(request.Resource), _seal.Seal(request, "request"), CsrfOf(binding, request)).ConfigureAwait(false);
    }

    /// <summary>The person answered on the page.</summary>
    private async Task AnswerAsync(HttpContext context)
    {
        var form = FormOrigin.IsOwn(context, _publicUrl) ? await SignedPages.ReadFormAsync(context).ConfigureAwait(false) : null;
        if (form is null || _seal.Open<AuthorizeRequest>(form[ConsentPages.RequestField], "request") is not { } request
            || _seal.Open<Binding>(context.Request.Cookies[_cookies.ConsentOf(request.Id)], Bound(request)) is not { } binding
            || !OAuthText.Same(CsrfOf(binding, request), form[IPageSession.CsrfField].ToString()) || !_seal.TrySpend(request.Id))
        {
            await RefuseAsync(context, "an answer did not come from a consent page of this browser", "The answer did not come from a page of this gateway in this browser, or that page was too old.").ConfigureAwait(false);
            return;
        }
        _cookies.Drop(context, _cookies.ConsentOf(request.Id));

        // the client may have been taken away while the page was open
        if (await parts.Clients.FindAsync(request.Client, context.RequestAborted).ConfigureAwait(false) is not { } client || !(request.Device is null ? RedirectRules.Fits(client.Redirects, request.Redirect) : client.MayUseDevice))
        {
            await RefuseAsync(context, "unknown client", "The program that sent you here is not known to this gateway any more.").ConfigureAwait(false);
            return;
        }
        if (form[ConsentPages.AnswerField] != ConsentPages.Allow)
        {
            await parts.Notes.NoteAsync("authorization.refused", "the person said no", "gateway").ConfigureAwait(false);
            await SendBackAsync(context, "Nothing was granted", request, ("error", "access_denied")).ConfigureAwait(false);
            return;
        }
        var remembers = request.Device is null && form[ConsentPages.RememberField] == "yes" && client.IsSureAt(request.Redirect);
        if (await LeadAsync(context, request, agreedBy: null, remembers).ConfigureAwait(false) is { } target) await ConsentPages.LeaveAsync(context, "Taking you to the sign-in", target).ConfigureAwait(false);
    }

    /// <summary>The issuer sends the person back.</summary>
    private async Task FinishAsync(HttpContext context)
    {
        var query = context.Request.Query;
        if (query.Any(pair => pair.Value.Count != 1) || query["state"].ToString() is not { Length: 43 } state
            || _seal.Open<PendingSignIn>(context.Request.Cookies[_cookies.SignInOf(state)], state) is not { } pending || !_seal.TrySpend(state))
        {
            await RefuseAsync(context, "a sign-in did not begin in this browser, or was used", "This sign-in did not begin in this browser, or took too long.").ConfigureAwait(false);
            return;
        }
        _cookies.Drop(context, _cookies.SignInOf(state));

        var (outcome, refusal) = await parts.Provider.FinishAsync(pending.Attempt, query, context.RequestAborted).ConfigureAwait(false);
        if (refusal is not null)
        {
            LogRefused(parts.Log, pending.Request.Client, refusal.Description);
            await parts.Notes.NoteAsync("authorization.refused", refusal.Description, "gateway").ConfigureAwait(false);

            // an answer that may be of another issuer goes nowhere at all
            if (refusal.Code == ProviderDoor.MixUp) await ConsentPages.RefuseAsync(context, "The answer came from another issuer than the one that was asked.").ConfigureAwait(false);
            else await SendBackAsync(context, "You are not signed in", pending.Request, ("error", refusal.Code)).ConfigureAwait(false);
            return;
        }

        var person = ((Authentication.Accepted)outcome!.Answer).Identity;
        if (pending.AgreedBy is { } known && known != person.Key)
        {
            // It was another person's yes. What this browser knows is forgotten, so that the next time asks.
            _cookies.Drop(context, _cookies.Known);
            await parts.Notes.NoteAsync("authorization.refused", "another person signed in than the one who had agreed", "gateway", person.Key).ConfigureAwait(false);
            await SendBackAsync(context, "Somebody else signed in", pending.Request, ("error", "access_denied"), ("error_description", "somebody else signed in; try again")).ConfigureAwait(false);
            return;
        }
        if (pending.Remembers)
        {
            await parts.Consents.AddAsync(person.Key, pending.Request, context.RequestAborted).ConfigureAwait(false);
            _cookies.Set(context, _cookies.Known, Base64Url.EncodeToString(SealedBox.Seal(parts.Key, Encoding.UTF8.GetBytes(person.Key), "known"u8)), ConsentBook.Life);
        }

        // What is not on the record is not granted.
        await parts.Recorder.NoteAsync(
            new Occurrence("authorization.agreed", parts.Clock.GetUtcNow(), [new("identity", person.Key), new("client", pending.Request.Client), new("resource", parts.Resources.PathOf(pending.Request.Resource)), new("asked", pending.AgreedBy is null ? "yes" : "remembered")]),
            context.RequestAborted).ConfigureAwait(false);
        var agreement = new Agreement(pending.Request, person, outcome.RefreshToken);
        if (pending.Request.Device is { } device)
        {
            await (parts.Devices.Answer(device, agreement)
                ? ConsentPages.SayAsync(context, "The device is connected", "Go back to it; it goes on by itself within a few seconds. You can close this page.")
                : ConsentPages.RefuseAsync(context, "The device does not wait for this any more.")).ConfigureAwait(false);
            return;
        }
        var code = parts.Codes.Add(agreement);
        await SendBackAsync(context, "You are signed in", pending.Request, ("code", code)).ConfigureAwait(false);
    }

    // The person came here by a form of the issuer's, whose page may forbid that it leads on to anybody else: so they leave from a page of ours.
    private Task SendBackAsync(HttpContext context, string title, AuthorizeRequest request, params ReadOnlySpan<(string Name, string? Value)> answers)
    {
        if (request.Device is not { } device) return ConsentPages.LeaveAsync(context, title, Answer(request.Redirect, request.State, answers));
        parts.Devices.Answer(device, null);
        return ConsentPages.SayAsync(context, title, "The device was told. You can close this page.");
    }

    /// <summary>Where the issuer is, for a request that is agreed to; null when it cannot be reached and the answer is written.</summary>
    private async ValueTask<string?> LeadAsync(HttpContext context, AuthorizeRequest request, string? agreedBy, bool remembers)
    {
        var attempt = parts.Provider.Begin();
        if (await parts.Provider.AddressAsync(attempt, context.RequestAborted).ConfigureAwait(false) is not { } address)
        {
            await ConsentPages.RefuseAsync(context, "The issuer cannot be reached at the moment.", StatusCodes.Status503ServiceUnavailable).ConfigureAwait(false);
            return null;
        }
        _cookies.Set(context, _cookies.SignInOf(attempt.State), _seal.Seal(new PendingSignIn(attempt, request, agreedBy, remembers), attempt.State), SignInAttempt.Patience);
        return address;
    }

    // RFC 9207: every answer says whose it is
    private string Answer(string redirect, string? state, params ReadOnlySpan<(string Name, string? Value)> answers) =>
        OAuthText.WithParameters(redirect, [.. answers, ("state", state), ("iss", parts.Url)]);

    private async Task RefuseAsync(HttpContext context, string reason, string sentence)
    {
        await parts.Notes.NoteAsync("authorization.refused", reason, "gateway").ConfigureAwait(false);
        await ConsentPages.RefuseAsync(context, sentence).ConfigureAwait(false);
    }

    private string? KnownOf(HttpContext context) =>
        context.Request.Cookies[_cookies.Known] is { Length: > 0 and <= 1024 } text && Base64Url.IsValid(text) && SealedBox.Open(parts.Key, Base64Url.DecodeFromChars(text), "known"u8) is { } key
            ? Encoding.UTF8.GetString(key)
            : null;

    private static string Bound(AuthorizeRequest request) => $"consent\n{request.Id}\n{request.Client}";

    private static string CsrfOf(Binding binding, AuthorizeRequest request) =>
        Base64Url.EncodeToString(HMACSHA256.HashData(Encoding.UTF8.GetBytes(binding.Secret), Encoding.UTF8.GetBytes(request.Id)));

    [LoggerMessage(Level = LogLevel.Warning, Message = "sign-in for client {Client} was refused: {Reason}")]
    private static partial void LogRefused(ILogger log, string client, string reason);
}
