using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace Postern.Demo.Acts;

/// <summary>
/// Signs a persona in at the demo issuer for an agent: authorization code with PKCE (RFC 6749 section 4.1, RFC 7636), the way
/// an MCP client does it. The persona picker's form is posted as a browser would post it.
/// </summary>
internal static class AgentSignIn
{
    private const string Client = "demo-agent";
    private const string Redirect = "http://127.0.0.1/callback";

    /// <summary>An access token for the persona, held by the demo agent, for one resource.</summary>
    public static async Task<string> TokenAsync(string issuer, string persona, string resource, CancellationToken cancellationToken)
    {
        var verifier = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));
        var challenge = Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(verifier)));
        var state = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(16));
        var authorize = new Uri($"{issuer}/authorize?response_type=code&client_id={Client}&redirect_uri={Uri.EscapeDataString(Redirect)}&scope=openid"
            + $"&state={state}&code_challenge={challenge}&code_challenge_method=S256&resource={Uri.EscapeDataString(resource)}");

        using var browser = new HttpBrowser();
        var picker = await browser.OpenAsync(authorize, cancellationToken);
        var form = picker.Forms is [var first, ..] ? first : throw new DemoException($"the demo issuer shows no sign-in form (status {(int)picker.Status})");
        var back = await browser.SubmitForRedirectAsync(picker, form, new("persona", persona), cancellationToken);
        var answer = System.Web.HttpUtility.ParseQueryString(back.Query);
        if (answer["state"] != state || answer["iss"] != issuer || answer["code"] is not { } code) throw new DemoException($"the demo issuer refused the sign-in: {answer["error"] ?? "no code"}");

        using var http = new LoopbackHttp();
        using var body = new FormUrlEncodedContent(new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["grant_type"] = "authorization_code",
            ["client_id"] = Client,
            ["code"] = code,
            ["redirect_uri"] = Redirect,
            ["code_verifier"] = verifier,
        });
        using var request = new HttpRequestMessage(HttpMethod.Post, $"{issuer}/token") { Content = body };
        using var response = await http.SendAsync(request, cancellationToken);
        var tokens = JsonNode.Parse(await response.Content.ReadAsStringAsync(cancellationToken))!;
        return (string?)tokens["access_token"] ?? throw new DemoException($"the demo issuer gave no token: {tokens["error"]}");
    }
}
