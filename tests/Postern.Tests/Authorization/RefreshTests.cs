using System.Net;
using Postern.Demo.Issuer;

namespace Postern.Tests.Authorization;

[Guarantee("G10")]
[Collection(AuthorizationCollection.Name)]
public sealed class RefreshTests(SharedStage shared)
{
    [Fact]
    public async Task A_refresh_token_is_good_once_and_gives_the_next()
    {
        var stage = shared.Stage;
        var first = await stage.TokensAsync();
        var (status, second, _) = await stage.TokenAsync(AuthorizationStage.RefreshForm(Text(first, "refresh_token")));

        Assert.Equal(HttpStatusCode.OK, status);
        Assert.NotEqual(Text(first, "refresh_token"), Text(second, "refresh_token"));
        Assert.Equal(Sid(first), Sid(second));
        Assert.Equal(HttpStatusCode.OK, (await stage.UseAsync(Text(second, "access_token"))).Status);
    }

    [Fact]
    [Row("J22")]
    public async Task A_refresh_token_that_comes_twice_ends_the_whole_family()
    {
        await using var stage = await AuthorizationStage.StartAsync();
        var first = await stage.TokensAsync();
        var second = (await stage.TokenAsync(AuthorizationStage.RefreshForm(Text(first, "refresh_token")))).Body;

        var (status, error, _) = await stage.TokenAsync(AuthorizationStage.RefreshForm(Text(first, "refresh_token")));

        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Equal("invalid_grant", Text(error, "error"));
        Assert.Equal(HttpStatusCode.BadRequest, (await stage.TokenAsync(AuthorizationStage.RefreshForm(Text(second, "refresh_token")))).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await stage.UseAsync(Text(first, "access_token"))).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await stage.UseAsync(Text(second, "access_token"))).Status);

        // and a restart does not undo it
        await stage.RestartAsync();
        Assert.Equal(HttpStatusCode.Unauthorized, (await stage.UseAsync(Text(second, "access_token"))).Status);
        Assert.Equal(HttpStatusCode.BadRequest, (await stage.TokenAsync(AuthorizationStage.RefreshForm(Text(second, "refresh_token")))).Status);
    }

    [Fact]
    public async Task A_refresh_token_in_the_hands_of_another_client_ends_the_family()
    {
        var stage = shared.Stage;
        var tokens = await stage.TokensAsync();

        Assert.Equal(HttpStatusCode.BadRequest, (await stage.TokenAsync(AuthorizationStage.RefreshForm(Text(tokens, "refresh_token"), "web"))).Status);

        Assert.Equal(HttpStatusCode.BadRequest, (await stage.TokenAsync(AuthorizationStage.RefreshForm(Text(tokens, "refresh_token")))).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await stage.UseAsync(Text(tokens, "access_token"))).Status);
    }

    [Fact]
    public async Task Two_that_refresh_at_once_do_not_both_get_tokens()
    {
        var stage = shared.Stage;
        var tokens = await stage.TokensAsync();

        var answers = await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => stage.TokenAsync(AuthorizationStage.RefreshForm(Text(tokens, "refresh_token")))));

        Assert.True(answers.Count(answer => answer.Status == HttpStatusCode.OK) <= 1);
    }

    [Fact]
    public async Task Groups_are_read_again_at_every_refresh()
    {
        var groups = new[] { "support" };
        await using var stage = await AuthorizationStage.StartAsync(renewed: persona => persona with { Groups = [.. groups] });
        var tokens = await stage.TokensAsync();
        Assert.Contains("get_", (await stage.UseAsync(Text(tokens, "access_token"))).Text, StringComparison.Ordinal);

        groups = ["cleaning"];
        var next = (await stage.TokenAsync(AuthorizationStage.RefreshForm(Text(tokens, "refresh_token")))).Body;

        Assert.Equal("cleaning", AuthorizationStage.ClaimsOf(Text(next, "access_token")).GetProperty("groups")[0].GetString());
        Assert.DoesNotContain("get_", (await stage.UseAsync(Text(next, "access_token"))).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Whoever_the_issuer_does_not_renew_is_out_with_everything()
    {
        var isEmployed = true;
        await using var stage = await AuthorizationStage.StartAsync(renewed: persona => isEmployed ? persona : null);
        var tokens = await stage.TokensAsync();

        isEmployed = false;
        Assert.Equal(HttpStatusCode.BadRequest, (await stage.TokenAsync(AuthorizationStage.RefreshForm(Text(tokens, "refresh_token")))).Status);

        Assert.Equal(HttpStatusCode.Unauthorized, (await stage.UseAsync(Text(tokens, "access_token"))).Status);
    }

    [Fact]
    public async Task A_sign_in_ends_however_busy_it_is()
    {
        await using var stage = await AuthorizationStage.StartAsync(options => options with { SignInLife = TimeSpan.FromHours(1) });
        var tokens = await stage.TokensAsync();

        stage.Clock.Advance(TimeSpan.FromMinutes(55));
        var (status, last, _) = await stage.TokenAsync(AuthorizationStage.RefreshForm(Text(tokens, "refresh_token")));
        Assert.Equal(HttpStatusCode.OK, status);
        Assert.InRange(last.GetProperty("expires_in").GetInt32(), 1, 300);
        Assert.Equal(HttpStatusCode.Unauthorized, (await stage.UseAsync(Text(tokens, "access_token"))).Status);

        stage.Clock.Advance(TimeSpan.FromMinutes(6));
        Assert.Equal(HttpStatusCode.BadRequest, (await stage.TokenAsync(AuthorizationStage.RefreshForm(Text(last, "refresh_token")))).Status);
    }

    [Fact]
    public async Task A_client_gives_back_either_token_and_the_family_ends()
    {
        var stage = shared.Stage;
        foreach (var kind in (string[])["refresh_token", "access_token"])
        {
            var tokens = await stage.TokensAsync();
            Dictionary<string, string> Form(string client) => new() { ["token"] = Text(tokens, kind), ["client_id"] = client };

            // another client's asking changes nothing, and looks the same
            Assert.Equal(HttpStatusCode.OK, (await stage.TokenAsync(Form("web"), path: "/oauth/revoke")).Status);
            Assert.Equal(HttpStatusCode.OK, (await stage.UseAsync(Text(tokens, "access_token"))).Status);

            Assert.Equal(HttpStatusCode.OK, (await stage.TokenAsync(Form("desktop"), path: "/oauth/revoke")).Status);
            Assert.Equal(HttpStatusCode.Unauthorized, (await stage.UseAsync(Text(tokens, "access_token"))).Status);
            Assert.Equal(HttpStatusCode.BadRequest, (await stage.TokenAsync(AuthorizationStage.RefreshForm(Text(tokens, "refresh_token")))).Status);
        }
    }

    private static string Text(System.Text.Json.JsonElement json, string name) => json.GetProperty(name).GetString()!;

    private static string Sid(System.Text.Json.JsonElement tokens) => AuthorizationStage.ClaimsOf(Text(tokens, "access_token")).GetProperty("sid").GetString()!;
}
