using System.Net;
using System.Text.Json;

namespace Postern.Tests.Authorization;

/// <summary>What an administrator takes back ends what the gateway's own server gave, and what would renew it.</summary>
[Guarantee("G10")]
[Row("J18")]
[Collection(AuthorizationCollection.Name)]
public sealed class FamilyRevocationTests
{
    [Theory]
    [InlineData("identity", "demo:alice")]
    [InlineData("agent", "demo:desktop")]
    [InlineData("group", "demo:support")]
    [InlineData("family", null)]
    public async Task What_is_taken_back_is_over_and_is_not_renewed(string of, string? subject)
    {
        await using var stage = await AuthorizationStage.StartAsync();
        var tokens = await stage.TokensAsync();
        var family = AuthorizationStage.ClaimsOf(Text(tokens, "access_token")).GetProperty("sid").GetString();
        Assert.Equal(HttpStatusCode.OK, (await stage.UseAsync(Text(tokens, "access_token"))).Status);

        Assert.Equal(HttpStatusCode.OK, await stage.RevokeAsync(of, subject ?? $"demo:{family}"));

        Assert.Equal(HttpStatusCode.Unauthorized, (await stage.UseAsync(Text(tokens, "access_token"))).Status);
        var (status, error, _) = await stage.TokenAsync(AuthorizationStage.RefreshForm(Text(tokens, "refresh_token")));
        Assert.Equal((HttpStatusCode.BadRequest, "invalid_grant"), (status, Text(error, "error")));

        // a restart does not bring it back, and who signs in again begins anew
        await stage.RestartAsync();
        Assert.Equal(HttpStatusCode.Unauthorized, (await stage.UseAsync(Text(tokens, "access_token"))).Status);
        Assert.Equal(HttpStatusCode.BadRequest, (await stage.TokenAsync(AuthorizationStage.RefreshForm(Text(tokens, "refresh_token")))).Status);
        stage.Clock.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal(HttpStatusCode.OK, (await stage.UseAsync(Text(await stage.TokensAsync(), "access_token"))).Status);
    }

    [Fact]
    public async Task One_family_ends_alone()
    {
        await using var stage = await AuthorizationStage.StartAsync();
        var (one, other) = (await stage.TokensAsync(), await stage.TokensAsync());

        await stage.RevokeAsync("family", "demo:" + AuthorizationStage.ClaimsOf(Text(one, "access_token")).GetProperty("sid").GetString());

        Assert.Equal(HttpStatusCode.Unauthorized, (await stage.UseAsync(Text(one, "access_token"))).Status);
        Assert.Equal(HttpStatusCode.OK, (await stage.UseAsync(Text(other, "access_token"))).Status);
        Assert.Equal(HttpStatusCode.OK, (await stage.TokenAsync(AuthorizationStage.RefreshForm(Text(other, "refresh_token")))).Status);
    }

    private static string Text(JsonElement json, string name) => json.GetProperty(name).GetString()!;
}
