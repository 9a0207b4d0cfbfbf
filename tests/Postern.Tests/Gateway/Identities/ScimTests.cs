using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Postern.Gateway.Configuration;

namespace Postern.Tests.Gateway.Identities;

/// <summary>SCIM 2.0 as directories speak it (RFC 7643, RFC 7644), with the requests of Entra and Okta among them.</summary>
public sealed class ScimTests : IAsyncLifetime
{
    private const string Secret = "a-secret-of-the-directory-0123456789";
    private RunningGateway _gateway = null!;

    public async ValueTask InitializeAsync() => _gateway = await RunningGateway.StartAsync(scim: new ScimOptions(Secret, "externalId"));

    public async ValueTask DisposeAsync() => await _gateway.DisposeAsync();

    [Fact]
    public async Task It_says_what_it_is_and_only_to_whoever_knows_the_secret()
    {
        Assert.True((await OkAsync("GET", "/ServiceProviderConfig")).GetProperty("patch").GetProperty("supported").GetBoolean());
        Assert.Equal(2, (await OkAsync("GET", "/ResourceTypes")).GetProperty("totalResults").GetInt32());
        Assert.Equal("userName", (await OkAsync("GET", "/Schemas/urn:ietf:params:scim:schemas:core:2.0:User")).GetProperty("attributes")[0].GetProperty("name").GetString());
        foreach (var wrong in new[] { null, "", Secret + "x", Secret[..^1], _gateway.TokenOf("carol") }) Assert.Equal(401, (await SendAsync("GET", "/Users", null, wrong)).Status);
        Assert.Equal(401, (await SendAsync("GET", "/Users", null, Secret, "nobody")).Status);
        Assert.Equal(404, (await SendAsync("GET", "/Devices", null, Secret)).Status);
        Assert.Equal(405, (await SendAsync("PUT", "/Users", "{}", Secret)).Status);
    }

    [Fact]
    public async Task Users_are_added_found_changed_and_deleted()
    {
        var id = await IdAsync("POST", "/Users", """{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"Ann@example.com","externalId":"ann","name":{"givenName":"Ann"},"emails":[{"value":"ann@example.com"}],"active":true}""");
        await IdAsync("POST", "/Users", """{"userName":"ben@example.com","externalId":"ben"}""");

        Assert.Equal(409, (await SendAsync("POST", "/Users", """{"userName":"ANN@example.com","externalId":"other"}""", Secret)).Status);
        Assert.Equal(409, (await SendAsync("POST", "/Users", """{"userName":"cy@example.com","externalId":"ann"}""", Secret)).Status);
        Assert.Equal(id, (await OkAsync("GET", "/Users?filter=userName%20eq%20%22ann@EXAMPLE.com%22")).GetProperty("Resources")[0].GetProperty("id").GetString());
        Assert.Equal(id, (await OkAsync("GET", "/Users?filter=externalId%20Eq%20%22ann%22")).GetProperty("Resources")[0].GetProperty("id").GetString());
        Assert.Equal(0, (await OkAsync("GET", "/Users?filter=externalId%20eq%20%22nobody%22")).GetProperty("totalResults").GetInt32());
        var page = await OkAsync("GET", "/Users?startIndex=2&count=1");
        Assert.Equal((2, 1, "ben@example.com"), (page.GetProperty("totalResults").GetInt32(), page.GetProperty("itemsPerPage").GetInt32(), page.GetProperty("Resources")[0].GetProperty("userName").GetString()));
        foreach (var filter in new[] { "userName co \"a\"", "userName eq \"a\" or active eq true", "password eq \"x\"", "userName eq \"a", "(userName eq \"a\")" }) Assert.Equal(400, (await SendAsync("GET", "/Users?filter=" + Uri.EscapeDataString(filter), null, Secret)).Status);

        // A whole resource without `active` enables nobody.
        await OkAsync("PATCH", $"/Users/{id}", """{"Operations":[{"op":"replace","path":"active","value":false}]}""");
        Assert.False((await OkAsync("PUT", $"/Users/{id}", """{"userName":"ann@example.com","externalId":"ann"}""")).GetProperty("active").GetBoolean());
        Assert.Equal(204, (await SendAsync("DELETE", $"/Users/{id}", null, Secret)).Status);
        Assert.Equal(404, (await SendAsync("GET", $"/Users/{id}", null, Secret)).Status);
    }

    [Theory]
    [InlineData("""{"Operations":[{"op":"Replace","path":"active","value":"False"}]}""", false)] // Entra
    [InlineData("""{"Operations":[{"op":"Replace","value":{"active":"False"}}]}""", false)]
    [InlineData("""{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","value":{"active":false}}]}""", false)] // Okta
    [InlineData("""{"Operations":[{"op":"Add","path":"urn:ietf:params:scim:schemas:core:2.0:User:active","value":false}]}""", false)]
    [InlineData("""{"Operations":[{"op":"replace","path":"ACTIVE","value":false},{"op":"replace","path":"displayName","value":"Ann"}]}""", false)]
    [InlineData("""{"Operations":[{"op":"replace","path":"emails[type eq \"work\"].value","value":"x@example.com"}]}""", true)]
    [InlineData("""{"Operations":[{"op":"replace","path":"name.givenName","value":"Anna"},{"op":"remove","path":"title"}]}""", true)]
    public async Task Disabling_is_understood_as_directories_write_it(string patch, bool active)
    {
        var id = await IdAsync("POST", "/Users", """{"userName":"ann@example.com","externalId":"alice"}""");

        Assert.Equal(active, (await OkAsync("PATCH", $"/Users/{id}", patch)).GetProperty("active").GetBoolean());
        Assert.Equal(active ? HttpStatusCode.OK : HttpStatusCode.Unauthorized, (await _gateway.ApiAsync("/whoami", _gateway.TokenOf("alice"))).StatusCode);
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("{")]
    [InlineData("""{"Operations":[]}""")]
    [InlineData("""{"Operations":[{"op":"replace"}]}""")]
    [InlineData("""{"Operations":[{"op":"move","path":"active","value":true}]}""")]
    [InlineData("""{"Operations":[{"op":"remove"}]}""")]
    [InlineData("""{"Operations":[{"op":"remove","path":"active"}]}""")]
    [InlineData("""{"Operations":[{"op":"replace","path":"active","value":"maybe"}]}""")]
    [InlineData("""{"Operations":[{"op":"replace","path":"active","value":{}}]}""")]
    [InlineData("""{"Operations":[{"op":"replace","path":7,"value":true}]}""")]
    [InlineData("""{"Operations":[{"op":"replace","path":"active","value":false}],"Operations":[]}""")]
    public async Task What_cannot_be_understood_is_refused_and_changes_nothing(string patch)
    {
        var id = await IdAsync("POST", "/Users", """{"userName":"ann@example.com","externalId":"alice"}""");

        Assert.Equal(400, (await SendAsync("PATCH", $"/Users/{id}", patch, Secret)).Status);
        Assert.True((await OkAsync("GET", $"/Users/{id}")).GetProperty("active").GetBoolean());
    }

    [Fact]
    [Row("J18")]
    public async Task Groups_of_a_token_count_only_for_whom_the_directory_has_in_them_and_others_are_the_tokens_word()
    {
        var ann = await IdAsync("POST", "/Users", """{"userName":"ann@example.com","externalId":"alice"}""");
        Assert.Equal(["support"], await GroupsAsync("alice"));

        var group = await IdAsync("POST", "/Groups", """{"displayName":"support","externalId":"9f1c"}""");
        Assert.Empty(await GroupsAsync("alice"));
        Assert.Equal(["security", "admins"], await GroupsAsync("carol"));
        await OkAsync("PATCH", $"/Groups/{group}", $$"""{"Operations":[{"op":"Add","path":"members","value":[{"value":"{{ann}}"}]}]}""");
        Assert.Equal(["support"], await GroupsAsync("alice"));
        await OkAsync("PATCH", $"/Groups/{group}", $$"""{"Operations":[{"op":"remove","path":"members[value eq \"{{ann}}\"]"}]}""");
        Assert.Empty(await GroupsAsync("alice"));
        await OkAsync("PATCH", $"/Groups/{group}", $$"""{"Operations":[{"op":"replace","path":"members","value":[{"value":"{{ann}}"}]}]}""");
        await _gateway.RestartAsync();
        Assert.Equal(["support"], await GroupsAsync("alice"));
        Assert.Equal(1, (await OkAsync("GET", $"/Groups/{group}")).GetProperty("members").GetArrayLength());
        Assert.False((await OkAsync("GET", $"/Groups/{group}?excludedAttributes=members")).TryGetProperty("members", out _));
        Assert.Equal(400, (await SendAsync("PATCH", $"/Groups/{group}", """{"Operations":[{"op":"add","path":"members","value":[{"value":"nobody"}]}]}""", Secret)).Status);

        // A group that is gone has nobody in it, though tokens still name it; one that is made again begins anew.
        Assert.Equal(204, (await SendAsync("DELETE", $"/Groups/{group}", null, Secret)).Status);
        Assert.Equal(404, (await SendAsync("GET", $"/Groups/{group}", null, Secret)).Status);
        Assert.Empty(await GroupsAsync("alice"));
        await IdAsync("POST", "/Groups", $$"""{"displayName":"support","externalId":"9f1c","members":[{"value":"{{ann}}"}]}""");
        Assert.Equal(["support"], await GroupsAsync("alice"));
    }

    private async Task<string[]> GroupsAsync(string subject)
    {
        using var response = await _gateway.ApiAsync("/whoami", _gateway.TokenOf(subject));
        return [.. JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement.GetProperty("groups").EnumerateArray().Select(one => one.GetString()!)];
    }

    private async Task<JsonElement> OkAsync(string method, string path, string? body = null)
    {
        var (status, answer) = await SendAsync(method, path, body, Secret);
        Assert.True(status == 200, $"{method} {path}: {status} {answer}");
        return JsonDocument.Parse(answer).RootElement.Clone();
    }

    private async Task<string> IdAsync(string method, string path, string body)
    {
        var (status, answer) = await SendAsync(method, path, body, Secret);
        Assert.True(status == 201, $"{method} {path}: {status} {answer}");
        return JsonDocument.Parse(answer).RootElement.GetProperty("id").GetString()!;
    }

    private async Task<(int Status, string Body)> SendAsync(string method, string path, string? body, string? secret, string issuer = "demo")
    {
        using var http = new HttpClient();
        using var request = new HttpRequestMessage(new HttpMethod(method), $"{_gateway.Host.Url}/scim/{issuer}/v2{path}") { Content = body is null ? null : new StringContent(body, Encoding.UTF8, "application/scim+json") };
        if (secret is not null) request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", secret);
        using var response = await http.SendAsync(request, TestContext.Current.CancellationToken);
        if (response.Content.Headers.ContentType is { } type) Assert.Equal("application/scim+json", type.MediaType);
        return ((int)response.StatusCode, await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
    }
}
