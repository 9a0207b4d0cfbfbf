using System.Text.Json;
using System.Web;
using ModelContextProtocol.Authentication;
using ModelContextProtocol.Client;
using Postern.Conformance.Peers;
using Postern.Tests;

namespace Postern.Conformance.Authorization;

/// <summary>The official clients sign in by themselves, from the first 401 to a tool call, with a person's browser that is a script.</summary>
[Guarantee("G13")]
[Collection("authorization")]
public sealed class SdkSignInTests
{
    private static readonly CancellationToken Cancellation = TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task The_csharp_client_signs_in_at_the_gateway(bool isDemo)
    {
        await using var bed = isDemo ? await AuthorizationBed.WithDemoIssuerAsync(AuthorizationBed.Own("offline_access"), Cancellation) : await AuthorizationBed.WithOidcProviderAsync(AuthorizationBed.Own(), Cancellation);

        Assert.Contains("get_order", await ListWithCSharpAsync(bed));
    }

    [Theory]
    [InlineData("1", true)]
    [InlineData("2", true)]
    [InlineData("1", false)]
    [InlineData("2", false)]
    public async Task The_typescript_clients_sign_in_at_the_gateway_and_renew_their_sign_in(string version, bool isDemo)
    {
        await using var bed = isDemo ? await AuthorizationBed.WithDemoIssuerAsync(AuthorizationBed.Own("offline_access"), Cancellation) : await AuthorizationBed.WithOidcProviderAsync(AuthorizationBed.Own(), Cancellation);

        await WithTypeScriptAsync(bed, version, AuthorizationBed.Client);
    }

    [Fact]
    public async Task A_typescript_client_that_nobody_registered_registers_itself_where_that_is_open()
    {
        await using var bed = await AuthorizationBed.WithDemoIssuerAsync(AuthorizationBed.Own("offline_access") with { Registrations = 5 }, Cancellation);

        await WithTypeScriptAsync(bed, "2", client: "");
    }

    [Fact]
    public async Task Without_a_server_of_its_own_the_gateway_sends_clients_to_the_provider_and_takes_its_tokens()
    {
        await using var bed = await AuthorizationBed.WithOidcProviderAsync(own: null, Cancellation);

        // this provider grants nothing to a client that asks for no scope
        Assert.Contains("get_order", await ListWithCSharpAsync(bed, "openid", "profile"));
    }

    private static async Task<string[]> ListWithCSharpAsync(AuthorizationBed bed, params string[] scopes)
    {
        var transport = new HttpClientTransport(new HttpClientTransportOptions
        {
            Endpoint = new Uri(bed.Shop),
            TransportMode = HttpTransportMode.StreamableHttp,
            OAuth = new ClientOAuthOptions
            {
                ClientId = AuthorizationBed.Client,
                Scopes = scopes.Length == 0 ? null : scopes,
                RedirectUri = new Uri("http://127.0.0.1:43210/callback"),
                AuthorizationCallbackHandler = async (context, cancellationToken) =>
                {
                    var answer = HttpUtility.ParseQueryString((await bed.VisitAsync(context.AuthorizationUri.AbsoluteUri, cancellationToken)).Query);
                    return new AuthorizationResult { Code = answer["code"], State = answer["state"], Iss = answer["iss"] };
                },
            },
        });
        await using var client = await McpClient.CreateAsync(transport, cancellationToken: Cancellation);
        return [.. (await client.ListToolsAsync(cancellationToken: Cancellation)).Select(tool => tool.Name)];
    }

    private static async Task WithTypeScriptAsync(AuthorizationBed bed, string version, string client)
    {
        await using var child = Child.Start(Checkout.NodeExecutable, [Path.Combine(Checkout.Node, "clients", "oauth.mjs")], new Dictionary<string, string> { ["VERSION"] = version, ["URL"] = bed.Shop, ["CLIENT"] = client });
        var link = (await SaidAsync(child)).GetProperty("open").GetString()!;
        var answer = await bed.VisitAsync(link, Cancellation);
        await child.WriteLineAsync(JsonSerializer.Serialize(new { answer = answer.AbsoluteUri }));

        var seen = await SaidAsync(child);
        Assert.Contains("get_order", seen.GetProperty("names").EnumerateArray().Select(name => name.GetString()));
        Assert.True(seen.GetProperty("refresh").GetBoolean());
        var renewed = await SaidAsync(child);
        Assert.Contains("get_order", renewed.GetProperty("names").EnumerateArray().Select(name => name.GetString()));
        Assert.True(renewed.GetProperty("rotated").GetBoolean());
    }

    private static async Task<JsonElement> SaidAsync(Child child)
    {
        var line = await child.ReadLineAsync(Cancellation) ?? throw new InvalidOperationException($"the client ended: {child.Errors}");
        var said = JsonDocument.Parse(line).RootElement;
        return said.TryGetProperty("error", out var error) ? throw new InvalidOperationException(error.GetString()) : said;
    }
}
