using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Postern.Core.Operations;
using Postern.Demo.Issuer;
using Postern.Gateway.Identities;
using Postern.Protocols;

namespace Postern.Tests.Identities;

/// <summary>A demo issuer, and a server with sign-in, one page for people and one resource for tokens; both on loopback.</summary>
internal sealed class SignInStage : IAsyncDisposable
{
    private readonly WebApplication _app;

    private SignInStage(WebApplication app, DemoIssuer issuer, TokenAuthenticator authenticator, BrowserSignIn signIn, string url, OffsetClock clock)
    {
        (_app, Issuer, Authenticator, SignIn, Url, Clock) = (app, issuer, authenticator, signIn, url, clock);
    }

    public DemoIssuer Issuer { get; }

    public TokenAuthenticator Authenticator { get; }

    public BrowserSignIn SignIn { get; }

    public string Url { get; }

    public OffsetClock Clock { get; }

    /// <summary>How often the form of the page was acted on.</summary>
    public int Acted { get; private set; }

    public static async Task<SignInStage> StartAsync()
    {
        var url = $"http://127.0.0.1:{FreePort.Take()}";
        var clock = new OffsetClock();
        var issuer = await DemoIssuer.StartAsync(new() { DefaultAudience = url, Clock = clock, DevicePollInterval = TimeSpan.FromMilliseconds(1) });
        var trusted = new TrustedIssuer { Name = "demo", Authority = issuer.Issuer, Audiences = [url], ClientId = DemoClient.GatewayId, ClientSecret = DemoClient.GatewaySecret };
        var authenticator = new TokenAuthenticator([trusted], clock, NullLoggerFactory.Instance);
        var signIn = new BrowserSignIn(authenticator, url, clock, NullLoggerFactory.Instance);

        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.Services.AddRoutingCore();
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, new Uri(url).Port));
        var app = builder.Build();
        var stage = new SignInStage(app, issuer, authenticator, signIn, url, clock);
        var services = new ProtocolServices
        {
            Pipeline = null!, Authenticator = authenticator, Connections = null!, Policies = null!, Recorder = null!, Upstreams = null!, Definitions = null!, Continuations = null!,
            PublicUrl = url, AuthorizationServers = [issuer.Issuer], Clock = clock, Logs = NullLoggerFactory.Instance,
        };
        app.MapIdentity(signIn, services);
        ProtectedResource.Map(app, services, "/mcp/{connection}");
        app.MapGet("/page", (RequestDelegate)stage.ShowAsync);
        app.MapPost("/page", (RequestDelegate)stage.ActAsync);
        await app.StartAsync();

        // on a machine that is busy with other things the first keys may take longer than the gateway's patience; it asks again after half a minute of its clock
        for (var tries = 0; tries < 10 && await authenticator.ComplaintAsync(CancellationToken.None) is not null; tries++) clock.Advance(TimeSpan.FromSeconds(31));
        return stage;
    }

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        await Issuer.DisposeAsync();
        Authenticator.Dispose();
    }

    private async Task ShowAsync(HttpContext context)
    {
        if (!SignIn.TryGet(context, out var person))
        {
            await SignIn.ChallengeAsync(context, "/page", fresh: false);
            return;
        }

        PageHeaders.Apply(context);
        await context.Response.WriteAsync($"{person.Key} csrf={SignIn.IssueCsrf(context)};");
    }

    private async Task ActAsync(HttpContext context)
    {
        if (!SignIn.TryGet(context, out var person) || !SignIn.IsFresh(person))
        {
            await SignIn.ChallengeAsync(context, "/page", fresh: true);
            return;
        }

        var form = await context.Request.ReadFormAsync();
        if (!SignIn.IsOwnForm(context, form[IPageSession.CsrfField]))
        {
            context.Response.StatusCode = StatusCodes.Status403Forbidden;
            return;
        }

        Acted++;
        await context.Response.WriteAsync("done");
    }

}

/// <summary>The system's time, moved.</summary>
internal sealed class OffsetClock : TimeProvider
{
    private TimeSpan _offset;

    public void Advance(TimeSpan by) => _offset += by;

    public override DateTimeOffset GetUtcNow() => System.GetUtcNow() + _offset;
}

/// <summary>What a browser does: keeps cookies, follows redirects one by one, sends forms with its own headers.</summary>
internal sealed partial class Browser : IDisposable
{
    private readonly HttpClient _http;

    public Browser() => _http = new(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = true, CookieContainer = Cookies, UseProxy = false });

    public CookieContainer Cookies { get; } = new();

    public Uri? Address { get; private set; }

    public string Body { get; private set; } = string.Empty;

    public HttpResponseMessage Last { get; private set; } = new();

    /// <summary>Opens an address and follows redirects; stops before an address that <paramref name="stopAt"/> names.</summary>
    public async Task<Browser> OpenAsync(string address, Func<Uri, bool>? stopAt = null)
    {
        var next = new Uri(address);
        for (var hop = 0; hop < 10; hop++)
        {
            Address = next;
            if (stopAt?.Invoke(next) == true)
            {
                return this;
            }

            await KeepAsync(await _http.GetAsync(next));
            if ((int)Last.StatusCode is not (302 or 303))
            {
                return this;
            }

            next = new Uri(next, Last.Headers.Location!);
        }

        throw new InvalidOperationException("too many redirects");
    }

    public async Task PostAsync(string address, Dictionary<string, string> form, string? origin = null, string? site = "same-origin", string? bearer = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, address) { Content = new FormUrlEncodedContent(form) };
        if (origin is not null)
        {
            request.Headers.Add("Origin", origin);
        }

        if (site is not null)
        {
            request.Headers.Add("Sec-Fetch-Site", site);
        }

        if (bearer is not null)
        {
            request.Headers.Authorization = new("Bearer", bearer);
        }

        Address = new Uri(address);
        await KeepAsync(await _http.SendAsync(request));
    }

    /// <summary>On the issuer's page: is somebody, and follows the way back.</summary>
    public async Task<Browser> PickAsync(string persona, Func<Uri, bool>? stopAt = null)
    {
        var action = Field().Match(Body);
        await PostAsync(new Uri(Address!, action.Groups["action"].Value).AbsoluteUri, new() { ["handle"] = WebUtility.HtmlDecode(action.Groups["handle"].Value), ["persona"] = persona });
        return Last.Headers.Location is { } location ? await OpenAsync(new Uri(Address!, location).AbsoluteUri, stopAt) : this;
    }

    public string Csrf => CsrfText().Match(Body).Groups[1].Value;

    public void Dispose() => _http.Dispose();

    private async Task KeepAsync(HttpResponseMessage answer)
    {
        Last = answer;
        Body = await answer.Content.ReadAsStringAsync();
    }

    [GeneratedRegex("action=\"(?<action>[^\"]+)\"><input type=hidden name=handle value=\"(?<handle>[^\"]+)\"", RegexOptions.NonBacktracking)]
    private static partial Regex Field();

    [GeneratedRegex("csrf=([^;]*);", RegexOptions.NonBacktracking)]
    private static partial Regex CsrfText();
}
