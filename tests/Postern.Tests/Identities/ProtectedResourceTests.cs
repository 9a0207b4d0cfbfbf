using System.Net;
using System.Text.Json.Nodes;
using Postern.Protocols;

namespace Postern.Tests.Identities;

public sealed class ProtectedResourceTests
{
    [Theory]
    [InlineData("", null, "Bearer resource_metadata=\"https://gate.example/.well-known/oauth-protected-resource\"")]
    [InlineData("/mcp/shop", null, "Bearer resource_metadata=\"https://gate.example/.well-known/oauth-protected-resource/mcp/shop\"")]
    [InlineData("/mcp/shop", "invalid_token", "Bearer error=\"invalid_token\", resource_metadata=\"https://gate.example/.well-known/oauth-protected-resource/mcp/shop\"")]
    [InlineData("/mcp/a\"\r\nX: y", null, "Bearer resource_metadata=\"https://gate.example/.well-known/oauth-protected-resource/mcp/a%22%0D%0AX%3A%20y\"")]
    public void A_challenge_names_the_metadata_of_the_resource(string path, string? error, string expected) =>
        Assert.Equal(expected, ProtectedResource.Challenge("https://gate.example", path, error));

    [Fact]
    public void The_well_known_path_stands_between_host_and_path() =>
        Assert.Equal("https://gate.example/.well-known/oauth-protected-resource/base/mcp", ProtectedResource.MetadataUrl("https://gate.example/base", "/mcp"));

    [Theory]
    [InlineData("")]
    [InlineData("/mcp/shop")]
    [InlineData("/mcp/no-such-connection")]
    public async Task Metadata_is_the_same_for_every_name(string path)
    {
        await using var stage = await SignInStage.StartAsync();
        using var http = new HttpClient();

        var answer = await http.GetAsync($"{stage.Url}/.well-known/oauth-protected-resource{path}");
        var document = JsonNode.Parse(await answer.Content.ReadAsStringAsync())!;

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(stage.Url + path, document["resource"]!.ToString());
        Assert.Equal(stage.Issuer.Issuer, document["authorization_servers"]![0]!.ToString());
        Assert.Equal("[\"header\"]", document["bearer_methods_supported"]!.ToJsonString());
    }

    [Theory]
    [InlineData("/mcp/a%22b")]
    [InlineData("/mcp/%3Cscript%3E")]
    [InlineData("/mcp/a%0Ab")]
    public async Task A_name_that_no_connection_can_have_is_not_mirrored(string path)
    {
        await using var stage = await SignInStage.StartAsync();
        using var http = new HttpClient();

        Assert.Equal(HttpStatusCode.NotFound, (await http.GetAsync($"{stage.Url}/.well-known/oauth-protected-resource{path}")).StatusCode);
    }
}
