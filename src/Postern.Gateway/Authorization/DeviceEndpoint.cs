using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Postern.Gateway.Pages;
using Postern.Protocols;

namespace Postern.Gateway.Authorization;

/// <summary>Where a device without a browser asks for a sign-in (RFC 8628 section 3.1).</summary>
internal sealed class DeviceEndpoint(ClientAuthentication clients, DeviceBook devices, ResourceRules resources, string url, RefusalNotes notes)
{
    public void Map(IEndpointRouteBuilder endpoints) => endpoints.MapPost(ServerMetadata.DeviceAuthorizationPath, (RequestDelegate)BeginAsync);

    private async Task BeginAsync(HttpContext context)
    {
        if (await SignedPages.ReadFormAsync(context).ConfigureAwait(false) is not { } form)
        {
            await RefuseAsync(context, new("invalid_request", "expected a form with every parameter once")).ConfigureAwait(false);
            return;
        }
        var (client, unknown) = await clients.OfAsync(context, form, context.RequestAborted).ConfigureAwait(false);
        if (unknown is not null)
        {
            await RefuseAsync(context, unknown).ConfigureAwait(false);
            return;
        }

        // whoever can send a person a link can send them a code: only where an operator wants it
        if (!client!.MayUseDevice)
        {
            await RefuseAsync(context, new("unauthorized_client", "this client does not sign people in on another device")).ConfigureAwait(false);
            return;
        }
        if (!resources.TryRead(form["resource"], out var resource) || !OAuthText.IsScope(form["scope"].ToString()))
        {
            await RefuseAsync(context, new("invalid_target", "expected `resource`, the URL of one connection of this gateway")).ConfigureAwait(false);
            return;
        }
        if (devices.Add(client.Id, resource) is not var (deviceCode, userCode))
        {
            await RefuseAsync(context, new("temporarily_unavailable", "too many devices wait for people") { Status = StatusCodes.Status503ServiceUnavailable }).ConfigureAwait(false);
            return;
        }
        await TokenEndpoint.WriteAsync(context, new JsonObject
        {
            ["device_code"] = deviceCode,
            ["user_code"] = userCode,
            ["verification_uri"] = url + ServerMetadata.DevicePath,
            ["verification_uri_complete"] = $"{url}{ServerMetadata.DevicePath}?user_code={userCode}",
            ["expires_in"] = (int)DeviceBook.Life.TotalSeconds,
            ["interval"] = (int)DeviceBook.Interval.TotalSeconds,
        }).ConfigureAwait(false);
    }

    private async Task RefuseAsync(HttpContext context, OAuthError error)
    {
        await notes.NoteAsync("authorization.refused", error.Description, "gateway").ConfigureAwait(false);
        await TokenEndpoint.FailAsync(context, error).ConfigureAwait(false);
    }
}

/// <summary>The device asks until a person has answered (RFC 8628 section 3.4).</summary>
internal sealed class DeviceGrant(DeviceBook devices, FamilyStart start) : IGrant
{
    public string Type => ServerMetadata.DeviceGrant;

    public async ValueTask<TokenAnswer> AnswerAsync(OAuthClient? client, IFormCollection form, CancellationToken cancellationToken) => devices.Ask(form["device_code"].ToString(), client!.Id, out var agreement) switch
    {
        DeviceState.Agreed => await start.OfAsync(client, agreement!, "device_code", cancellationToken).ConfigureAwait(false),
        DeviceState.Pending => TokenAnswer.Refuse("authorization_pending", "nobody answered yet"),
        DeviceState.TooSoon => TokenAnswer.Refuse("slow_down", "wait longer between two questions"),
        DeviceState.Denied => TokenAnswer.Refuse("access_denied", "the person said no"),
        _ => TokenAnswer.Refuse("expired_token", "the device code is unknown, used or over"),
    };
}
