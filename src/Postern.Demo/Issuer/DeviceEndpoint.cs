using System.Security.Cryptography;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Postern.Demo.Issuer;

/// <summary>A device flow under way (RFC 8628).</summary>
internal sealed class DeviceRequest(DemoClient client, string scope, string? resource)
{
    private DemoPersona? _persona;
    private bool _refused;

    public DemoClient Client { get; } = client;

    public string Scope { get; } = scope;

    public string? Resource { get; } = resource;

    public DateTimeOffset SignedInAt { get; private set; }

    public DateTimeOffset? PolledAt { get; set; }

    public DemoPersona? Persona => Volatile.Read(ref _persona);

    public bool IsRefused => Volatile.Read(ref _refused);

    public void Refuse() => Volatile.Write(ref _refused, true);

    public void Agree(DemoPersona persona, DateTimeOffset now)
    {
        SignedInAt = now;
        Volatile.Write(ref _persona, persona);
    }
}

/// <summary>Where a program without a browser asks, and where its person answers (RFC 8628 sections 3.1 to 3.3).</summary>
internal sealed class DeviceEndpoint(DemoIssuerOptions options, IssuerAddress address, ClientBook clients, Handles<DeviceRequest> devices)
{
    // RFC 8628 section 6.1: no vowels, no look-alikes; 20^8 codes for ten minutes
    private const string Alphabet = "BCDFGHJKLMNPQRSTVWXZ";
    private readonly Handles<DeviceRequest> _byUserCode = new(options.Clock, devices.Lifetime);
    private readonly Handles<DeviceRequest> _picking = new(options.Clock, devices.Lifetime);

    public void Map(IEndpointRouteBuilder endpoints)
    {
        endpoints.MapPost("/device_authorization", (RequestDelegate)StartAsync);
        endpoints.MapGet("/device", (RequestDelegate)(context => Pages.DeviceAsync(context, context.Request.Query["user_code"], null)));
        endpoints.MapPost("/device", (RequestDelegate)EnterAsync);
        endpoints.MapPost("/device/pick", (RequestDelegate)PickAsync);
    }

    private async Task StartAsync(HttpContext context)
    {
        var form = await Requests.ReadFormAsync(context);
        if (form is null || clients.Find(form["client_id"]) is not { MayUseDeviceFlow: true } client)
        {
            await TokenEndpoint.FailAsync(context, new("invalid_client", "this client may not use the device flow"));
            return;
        }

        var resource = form["resource"].ToString() is { Length: > 0 } asked ? asked : null;
        if (resource is not null && !Requests.ResourceFits(options.DefaultAudience, resource))
        {
            await TokenEndpoint.FailAsync(context, new("invalid_target", "the resource is not one of the gateway's"));
            return;
        }

        var request = new DeviceRequest(client, form["scope"].ToString(), resource);
        var code = RandomNumberGenerator.GetString(Alphabet, 8);
        if (devices.Add(request) is not { } handle || _byUserCode.Add(code, request) is null)
        {
            await TokenEndpoint.FailAsync(context, new("temporarily_unavailable", "too many sign-ins are under way"));
            return;
        }

        var shown = $"{code[..4]}-{code[4..]}";
        await TokenEndpoint.WriteAsync(context, new()
        {
            ["device_code"] = handle,
            ["user_code"] = shown,
            ["verification_uri"] = $"{address.Url}/device",
            ["verification_uri_complete"] = $"{address.Url}/device?user_code={shown}",
            ["expires_in"] = (int)devices.Lifetime.TotalSeconds,
            ["interval"] = (int)Math.Ceiling(options.DevicePollInterval.TotalSeconds),
        });
    }

    private async Task EnterAsync(HttpContext context)
    {
        var form = Requests.IsOwnForm(context, address.Url) ? await Requests.ReadFormAsync(context) : null;
        var typed = form?["user_code"].ToString() ?? string.Empty;
        var code = new string([.. typed.ToUpperInvariant().Where(char.IsAsciiLetter)]);
        if (!_byUserCode.TryTake(code, out var request) || _picking.Add(request) is not { } handle)
        {
            await Pages.DeviceAsync(context, null, "That code is not known, or its time is over.");
            return;
        }

        await Pages.PickAsync(context, options, request.Client, "/device/pick", handle, null);
    }

    private async Task PickAsync(HttpContext context)
    {
        var form = Requests.IsOwnForm(context, address.Url) ? await Requests.ReadFormAsync(context) : null;
        if (form is null || !_picking.TryTake(form["handle"].ToString(), out var request))
        {
            await Pages.SayAsync(context, StatusCodes.Status400BadRequest, "Too late", "This sign-in has ended. Start again in the program that asked.");
            return;
        }

        if (form.ContainsKey("cancel") || options.Personas.FirstOrDefault(known => known.Subject == form["persona"]) is not { } persona)
        {
            request.Refuse();
            await Pages.SayAsync(context, StatusCodes.Status200OK, "Not signed in", "Nothing was connected. You can close this page.");
            return;
        }

        request.Agree(persona, options.Clock.GetUtcNow());
        await Pages.SayAsync(context, StatusCodes.Status200OK, "Signed in", $"You are signed in as {persona.Name}. You can close this page.");
    }
}
