using System.Net;
using System.Text.Json;
using Postern.Gateway.Authorization;
using Postern.Gateway.Configuration;
using Postern.Tests.Identities;
using Browser = Postern.Tests.Identities.Browser;

namespace Postern.Tests.Authorization;

[Collection(AuthorizationCollection.Name)]
public sealed class DeviceTests
{
    [Fact]
    public async Task A_person_signs_in_for_a_device_that_shows_a_code()
    {
        await using var stage = await StartAsync();
        var begun = (await stage.TokenAsync(Form(stage), path: "/oauth/device_authorization")).Body;
        var user = begun.GetProperty("user_code").GetString()!;
        Assert.Equal("authorization_pending", await AskAsync(stage, begun));

        using var browser = new Browser();
        await browser.OpenAsync(begun.GetProperty("verification_uri_complete").GetString()!);
        Assert.DoesNotContain("Desk tool", browser.Body, StringComparison.Ordinal);
        await browser.PostAsync($"{stage.Url}/device", new() { ["user_code"] = user.ToLowerInvariant() }, origin: stage.Url);
        Assert.Contains("Desk tool", browser.Body, StringComparison.Ordinal);
        Assert.Contains(user, browser.Body, StringComparison.Ordinal);
        await browser.OpenAsync((await stage.ConsentAsync(browser))!);
        await browser.PickAsync("alice");
        Assert.Contains("The device is connected", browser.Body, StringComparison.Ordinal);

        stage.Clock.Advance(DeviceBook.Interval);
        var (status, tokens, _) = await stage.TokenAsync(Asking(begun));
        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal(HttpStatusCode.OK, (await stage.UseAsync(tokens.GetProperty("access_token").GetString()!)).Status);
        Assert.Equal(HttpStatusCode.OK, (await stage.TokenAsync(AuthorizationStage.RefreshForm(tokens.GetProperty("refresh_token").GetString()!, "tool"))).Status);
        Assert.Equal("expired_token", await AskAsync(stage, begun));
    }

    [Fact]
    public async Task A_no_an_end_and_haste_are_told_to_the_device()
    {
        await using var stage = await StartAsync();
        var begun = (await stage.TokenAsync(Form(stage), path: "/oauth/device_authorization")).Body;
        Assert.Equal("authorization_pending", await AskAsync(stage, begun));
        Assert.Equal("slow_down", await AskAsync(stage, begun));

        using var browser = new Browser();
        await browser.PostAsync($"{stage.Url}/device", new() { ["user_code"] = begun.GetProperty("user_code").GetString()! }, origin: stage.Url);
        await stage.ConsentAsync(browser, "deny");
        stage.Clock.Advance(DeviceBook.Interval);
        Assert.Equal("access_denied", await AskAsync(stage, begun));

        var other = (await stage.TokenAsync(Form(stage), path: "/oauth/device_authorization")).Body;
        stage.Clock.Advance(DeviceBook.Life);
        Assert.Equal("expired_token", await AskAsync(stage, other));
    }

    [Fact]
    public async Task Only_a_client_that_an_operator_trusts_with_it_gets_a_code_and_only_our_own_page_takes_one()
    {
        await using var stage = await StartAsync();
        Assert.Equal("unauthorized_client", (await stage.TokenAsync(new Dictionary<string, string>(Form(stage)) { ["client_id"] = "desktop" }, path: "/oauth/device_authorization")).Body.GetProperty("error").GetString());
        Assert.Equal("invalid_target", (await stage.TokenAsync(new Dictionary<string, string>(Form(stage)) { ["resource"] = stage.Url }, path: "/oauth/device_authorization")).Body.GetProperty("error").GetString());

        var begun = (await stage.TokenAsync(Form(stage), path: "/oauth/device_authorization")).Body;
        using var browser = new Browser();
        await browser.PostAsync($"{stage.Url}/device", new() { ["user_code"] = begun.GetProperty("user_code").GetString()! }, origin: "https://evil.example", site: null);
        Assert.Equal(HttpStatusCode.BadRequest, browser.Last.StatusCode);
        await browser.PostAsync($"{stage.Url}/device", new() { ["user_code"] = "BBBB-BBBB" }, origin: stage.Url);
        Assert.Equal(HttpStatusCode.BadRequest, browser.Last.StatusCode);
        Assert.Equal("expired_token", (await stage.TokenAsync(new Dictionary<string, string>(Asking(begun)) { ["client_id"] = "desktop" })).Body.GetProperty("error").GetString());
    }

    [Fact]
    public void Guessing_codes_is_stopped_after_a_while()
    {
        var clock = new OffsetClock();
        var devices = new DeviceBook(clock);
        var (_, user) = devices.Add("tool", "https://gateway.example.com/mcp/shop")!.Value;
        Assert.True(devices.TryFind(user, out _, out _, out _));

        for (var guess = 0; guess < 200; guess++) Assert.False(devices.TryFind("ZZZZZZZZ", out _, out _, out _));
        Assert.False(devices.TryFind(user, out _, out _, out _));

        clock.Advance(TimeSpan.FromMinutes(1));
        Assert.True(devices.TryFind(user, out _, out _, out _));
    }

    private static Task<AuthorizationStage> StartAsync() => AuthorizationStage.StartAsync(options => options with { Clients = [.. options.Clients, new OAuthClientOptions { Id = "tool", Name = "Desk tool", MayUseDevice = true }] });

    private static Dictionary<string, string> Form(AuthorizationStage stage) => new() { ["client_id"] = "tool", ["resource"] = stage.Shop };

    private static Dictionary<string, string> Asking(JsonElement begun) => new() { ["grant_type"] = "urn:ietf:params:oauth:grant-type:device_code", ["device_code"] = begun.GetProperty("device_code").GetString()!, ["client_id"] = "tool" };

    private static async Task<string?> AskAsync(AuthorizationStage stage, JsonElement begun) => (await stage.TokenAsync(Asking(begun))).Body.GetProperty("error").GetString();
}
