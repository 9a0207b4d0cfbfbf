using Postern.Cli.SignIn;
using Postern.Core.Operations;

namespace Postern.Tests.Identities;

public sealed class LoginFlowTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("postern-login-").FullName;
    private readonly List<string> _said = [];

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private LoginFlow Flow(SignInStage stage, OAuthClient client) => new(new SignInStore(_folder), client, stage.Clock);

    // the "browser" is a person who picks alice
    private LoginPrompt Prompt(Func<Uri, Task>? browse = null) => new(_said.Add, page =>
    {
        _ = browse?.Invoke(page);
        return browse is not null;
    });

    private static async Task PickAsync(Uri page)
    {
        using var browser = new Browser();
        await browser.OpenAsync(page.AbsoluteUri);
        await browser.PickAsync("alice");
    }

    [Fact]
    public async Task A_person_signs_in_through_the_browser_and_the_token_is_for_the_gateway()
    {
        await using var stage = await SignInStage.StartAsync();
        using var client = new OAuthClient();

        var signIn = await Flow(stage, client).RunAsync(new() { Gateway = new Uri(stage.Url) }, Prompt(PickAsync), CancellationToken.None);

        var accepted = Assert.IsType<Authentication.Accepted>(await stage.Authenticator.AuthenticateAsync(signIn.AccessToken, $"{stage.Url}/mcp/shop", CancellationToken.None));
        Assert.Equal("demo:alice", accepted.Identity.Key);
        Assert.Null(accepted.Identity.InteractiveSince);
        Assert.DoesNotContain(_said, line => line.Contains(signIn.AccessToken, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_person_signs_in_on_another_device()
    {
        await using var stage = await SignInStage.StartAsync();
        using var client = new OAuthClient();
        var prompt = new LoginPrompt(
            line =>
            {
                _said.Add(line);
                _ = Task.Run(async () =>
                {
                    using var browser = new Browser();
                    await browser.PostAsync($"{stage.Issuer.Issuer}/device", new() { ["user_code"] = line[^9..] });
                    await browser.PickAsync("alice");
                });
            },
            _ => false);

        var signIn = await Flow(stage, client).RunAsync(new() { Gateway = new Uri(stage.Url), UseDevice = true }, prompt, CancellationToken.None);

        Assert.IsType<Authentication.Accepted>(await stage.Authenticator.AuthenticateAsync(signIn.AccessToken, stage.Url, CancellationToken.None));
    }

    [Fact]
    public async Task The_kept_token_is_its_owners_alone_is_refreshed_and_forgotten()
    {
        await using var stage = await SignInStage.StartAsync();
        using var client = new OAuthClient();
        var (flow, store, gateway) = (Flow(stage, client), new SignInStore(_folder), new Uri(stage.Url));
        var first = await flow.RunAsync(new() { Gateway = gateway }, Prompt(PickAsync), CancellationToken.None);

        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(store.PathFor(gateway)));
        Assert.Equal(first.AccessToken, await flow.TokenAsync(gateway, CancellationToken.None));

        stage.Clock.Advance(TimeSpan.FromMinutes(15));
        var tokens = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => flow.TokenAsync(gateway, CancellationToken.None)));
        Assert.NotEqual(first.AccessToken, tokens[0]);
        Assert.Single(tokens.Distinct());
        Assert.IsType<Authentication.Accepted>(await stage.Authenticator.AuthenticateAsync(tokens[0]!, stage.Url, CancellationToken.None));

        Assert.Equal("", await flow.LogOutAsync(gateway, CancellationToken.None));
        Assert.Null(await flow.TokenAsync(gateway, CancellationToken.None));
        Assert.Null(await flow.LogOutAsync(gateway, CancellationToken.None));
    }

    [Theory]
    [InlineData(null, "openid", true)]
    [InlineData("api://postern/access", "openid api://postern/access", false)]
    public async Task A_provider_is_told_by_resource_or_by_scope_what_the_token_is_for(string? scope, string asked, bool withResource)
    {
        await using var stage = await SignInStage.StartAsync();
        using var client = new OAuthClient();
        Uri? page = null;
        var prompt = new LoginPrompt(_said.Add, opened =>
        {
            page = opened;
            _ = PickAsync(opened);
            return true;
        });

        var signIn = await Flow(stage, client).RunAsync(new() { Gateway = new Uri(stage.Url), Scope = scope }, prompt, CancellationToken.None);

        var query = System.Web.HttpUtility.ParseQueryString(page!.Query);
        Assert.Equal((asked, withResource ? stage.Url : null), (query["scope"], query["resource"]));
        Assert.Equal(scope, signIn.Scope);
    }

    [Theory]
    [InlineData("{\"error\":\"temporarily_unavailable\"}", 503, true)]
    [InlineData("{}", 500, true)]
    [InlineData("{\"error\":\"invalid_grant\"}", 400, false)]
    public async Task Only_an_issuer_that_says_it_is_over_costs_the_sign_in(string answer, int status, bool isKept)
    {
        var (store, gateway) = (new SignInStore(_folder), new Uri("http://127.0.0.1:9"));
        store.Keep(new StoredSignIn { Gateway = "http://127.0.0.1:9", Issuer = "http://127.0.0.1:8", ClientId = "c", TokenEndpoint = "http://127.0.0.1:8/token", AccessToken = "a", RefreshToken = "r", ExpiresAt = DateTimeOffset.UnixEpoch });
        using var client = new OAuthClient(new OneAnswer(answer, status));
        var flow = new LoginFlow(store, client, TimeProvider.System);

        if (isKept) Assert.Contains("try again", (await Assert.ThrowsAsync<SignInException>(() => flow.TokenAsync(gateway, CancellationToken.None))).Message, StringComparison.Ordinal);
        else Assert.Null(await flow.TokenAsync(gateway, CancellationToken.None));

        Assert.Equal(isKept, store.Find(gateway) is not null);
    }

    [Fact]
    public async Task Signing_out_forgets_even_where_the_issuer_cannot_be_asked_and_says_so()
    {
        var (store, gateway) = (new SignInStore(_folder), new Uri("http://127.0.0.1:9"));
        store.Keep(new StoredSignIn { Gateway = "http://127.0.0.1:9", Issuer = "http://127.0.0.1:1", ClientId = "c", TokenEndpoint = "http://127.0.0.1:1/token", AccessToken = "a", RefreshToken = "r", ExpiresAt = DateTimeOffset.UnixEpoch });
        using var client = new OAuthClient();

        var left = await new LoginFlow(store, client, TimeProvider.System).LogOutAsync(gateway, CancellationToken.None);

        Assert.Contains("cannot be reached", left, StringComparison.Ordinal);
        Assert.Null(store.Find(gateway));
    }

    private sealed class OneAnswer(string body, int status) : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
            Task.FromResult(new HttpResponseMessage((System.Net.HttpStatusCode)status) { Content = new StringContent(body, System.Text.Encoding.UTF8, "application/json") });
    }

    [Fact]
    public async Task A_token_file_that_others_can_read_is_not_used()
    {
        await using var stage = await SignInStage.StartAsync();
        using var client = new OAuthClient();
        var (flow, store, gateway) = (Flow(stage, client), new SignInStore(_folder), new Uri(stage.Url));
        await flow.RunAsync(new() { Gateway = gateway }, Prompt(PickAsync), CancellationToken.None);
        File.SetUnixFileMode(store.PathFor(gateway), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead);

        var fault = await Assert.ThrowsAsync<SignInException>(() => flow.TokenAsync(gateway, CancellationToken.None));

        Assert.Contains("others can read", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_stolen_token_file_reaches_data_but_neither_pages_nor_forms()
    {
        await using var stage = await SignInStage.StartAsync();
        using var client = new OAuthClient();
        var flow = Flow(stage, client);
        await flow.RunAsync(new() { Gateway = new Uri(stage.Url) }, Prompt(PickAsync), CancellationToken.None);
        var stolen = new SignInStore(_folder).Find(new Uri(stage.Url))!;

        Assert.IsType<Authentication.Accepted>(await stage.Authenticator.AuthenticateAsync(stolen.AccessToken, $"{stage.Url}/mcp/shop", CancellationToken.None));
        using var thief = new Browser();
        await thief.PostAsync($"{stage.Url}/page", new() { ["csrf"] = "x" }, stage.Url, bearer: stolen.AccessToken);
        Assert.Equal(System.Net.HttpStatusCode.Unauthorized, thief.Last.StatusCode);
        Assert.Equal(0, stage.Acted);
    }

    [Theory]
    [InlineData("http://gate.example")]
    [InlineData("ftp://127.0.0.1")]
    [InlineData("http://127.0.0.1:1")]
    public async Task A_gateway_that_cannot_be_asked_safely_or_at_all_is_a_clear_error(string gateway)
    {
        using var client = new OAuthClient();
        var flow = new LoginFlow(new SignInStore(_folder), client, TimeProvider.System);

        await Assert.ThrowsAsync<SignInException>(() => flow.RunAsync(new() { Gateway = new Uri(gateway) }, Prompt(), CancellationToken.None));
    }

    [Fact]
    public async Task A_gateway_under_another_name_is_not_signed_in_to()
    {
        await using var stage = await SignInStage.StartAsync();
        using var client = new OAuthClient();

        var fault = await Assert.ThrowsAsync<SignInException>(() => Flow(stage, client).RunAsync(new() { Gateway = new Uri(stage.Url.Replace("127.0.0.1", "localhost", StringComparison.Ordinal)) }, Prompt(), CancellationToken.None));

        Assert.Contains("calls itself", fault.Message, StringComparison.Ordinal);
    }
}
