using System.Net;
using System.Text.Json;
using Browser = Postern.Tests.Identities.Browser;

namespace Postern.Tests.Authorization;

[Collection(AuthorizationCollection.Name)]
public sealed class RegistrationTests(SharedStage shared)
{
    private const string Good = """{"client_name":"A program","redirect_uris":["http://127.0.0.1/callback"],"token_endpoint_auth_method":"none"}""";

    [Fact]
    public async Task Nobody_registers_unless_the_operator_opened_it()
    {
        var stage = shared.Stage;

        Assert.Equal(HttpStatusCode.NotFound, (await stage.SendAsync(HttpMethod.Post, "/oauth/register", Good)).Status);
    }

    [Fact]
    public async Task A_program_that_registered_itself_can_have_people_sign_in_and_they_are_told_what_it_is()
    {
        await using var stage = await AuthorizationStage.StartAsync(options => options with { Registrations = 2 });
        var (status, body) = await stage.SendAsync(HttpMethod.Post, "/oauth/register", Good);
        Assert.Equal(HttpStatusCode.Created, status);
        var id = JsonDocument.Parse(body).RootElement.GetProperty("client_id").GetString()!;

        using var browser = new Browser();
        await browser.OpenAsync(stage.AuthorizeUrl(id));
        Assert.Contains("Nothing is known of this program", browser.Body, StringComparison.Ordinal);
        var code = (await stage.SignInAsync(browser, stage.AuthorizeUrl(id)))["code"];
        Assert.Equal(HttpStatusCode.OK, (await stage.TokenAsync(stage.CodeForm(code, ("client_id", id)))).Status);

        // no more than may be; those that nobody ever used make room after a while, the others do not
        Assert.Equal(HttpStatusCode.Created, (await stage.SendAsync(HttpMethod.Post, "/oauth/register", Good)).Status);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await stage.SendAsync(HttpMethod.Post, "/oauth/register", Good)).Status);
        stage.Clock.Advance(TimeSpan.FromHours(2));
        Assert.Equal(HttpStatusCode.Created, (await stage.SendAsync(HttpMethod.Post, "/oauth/register", Good)).Status);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await stage.SendAsync(HttpMethod.Post, "/oauth/register", Good)).Status);
        await browser.OpenAsync(stage.AuthorizeUrl(id));
        Assert.Equal(HttpStatusCode.OK, browser.Last.StatusCode);
    }

    [Theory]
    [InlineData("""{"redirect_uris":[],"token_endpoint_auth_method":"none"}""")]
    [InlineData("""{"redirect_uris":["http://evil.example/callback"],"token_endpoint_auth_method":"none"}""")]
    [InlineData("""{"redirect_uris":["javascript:alert(1)"],"token_endpoint_auth_method":"none"}""")]
    [InlineData("""{"redirect_uris":["cursor://callback"],"token_endpoint_auth_method":"none"}""")]
    [InlineData("""{"redirect_uris":["https://a.example/x#y"],"token_endpoint_auth_method":"none"}""")]
    [InlineData("""{"redirect_uris":["http://127.0.0.1/callback"]}""")]
    [InlineData("""{"redirect_uris":["http://127.0.0.1/callback"],"token_endpoint_auth_method":"client_secret_basic"}""")]
    [InlineData("""{"redirect_uris":["http://127.0.0.1/callback"],"token_endpoint_auth_method":"none","grant_types":["client_credentials"]}""")]
    [InlineData("""{"redirect_uris":["http://127.0.0.1/callback"],"token_endpoint_auth_method":"none","response_types":["token"]}""")]
    [InlineData("""{"redirect_uris":["http://127.0.0.1/callback"],"redirect_uris":["https://evil.example"],"token_endpoint_auth_method":"none"}""")]
    [InlineData("[]")]
    [InlineData("{")]
    public async Task What_cannot_be_a_harmless_client_is_not_registered(string document)
    {
        await using var stage = await AuthorizationStage.StartAsync(options => options with { Registrations = 2 });

        Assert.Equal(HttpStatusCode.BadRequest, (await stage.SendAsync(HttpMethod.Post, "/oauth/register", document)).Status);
    }
}
