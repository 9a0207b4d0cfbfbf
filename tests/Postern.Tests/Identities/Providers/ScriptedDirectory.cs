using System.Net;
using System.Text.Json.Nodes;

namespace Postern.Tests.Identities.Providers;

/// <summary>Microsoft Graph and its token endpoint, as far as groups go, in front of an issuer; answers whatever it is told to.</summary>
internal sealed class ScriptedDirectory(TokenForge issuer) : HttpMessageHandler
{
    public const string Base = "https://graph.microsoft.com/v1.0";
    public const string Path = "/users/0aaaaaaa-1111-4111-8111-000000000001/transitiveMemberOf";

    /// <summary>Whose tokens they are.</summary>
    public TokenForge Issuer => issuer;

    /// <summary>What was asked: method, address without query, and the bearer token.</summary>
    public List<string> Asked { get; } = [];

    /// <summary>The forms that came to the token endpoint.</summary>
    public List<string> Forms { get; } = [];

    /// <summary>Groups of each page.</summary>
    public IReadOnlyList<IReadOnlyList<string>> Pages { get; set; } = [["99999999-0000-4000-8000-000000000001"]];

    /// <summary>Replaces the directory's answer.</summary>
    public Func<HttpRequestMessage, CancellationToken, Task<HttpResponseMessage>>? Answer { get; set; }

    /// <summary>Replaces the token endpoint's answer.</summary>
    public Func<HttpResponseMessage>? TokenAnswer { get; set; }

    public string Token { get; set; } = "directory-token-1";

    public int Questions => Asked.Count(asked => asked.Contains("/v1.0/", StringComparison.Ordinal));

    public static JsonObject Member(string id, string type = "#microsoft.graph.group") => new() { ["@odata.type"] = type, ["id"] = id };

    public static HttpResponseMessage List(IEnumerable<JsonNode> members, string? next = null)
    {
        var list = new JsonObject { ["@odata.context"] = $"{Base}/$metadata#directoryObjects(id)", ["value"] = new JsonArray([.. members]) };
        if (next is not null) list["@odata.nextLink"] = next;
        return TokenForge.Answer(list.ToJsonString());
    }

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var address = request.RequestUri!;
        lock (Asked) Asked.Add($"{request.Method} {address.GetLeftPart(UriPartial.Path)} {request.Headers.Authorization?.Parameter}".TrimEnd());
        if (address.AbsoluteUri.EndsWith("/token", StringComparison.Ordinal))
        {
            var form = await request.Content!.ReadAsStringAsync(cancellationToken);
            lock (Forms) Forms.Add(form);
            return TokenAnswer?.Invoke() ?? TokenForge.Answer(new JsonObject { ["token_type"] = "Bearer", ["expires_in"] = 3599, ["access_token"] = Token }.ToJsonString());
        }
        if (address.Host == "graph.microsoft.com")
        {
            if (Answer is { } scripted) return await scripted(request, cancellationToken);
            if (!address.AbsolutePath.EndsWith("/transitiveMemberOf", StringComparison.Ordinal) || request.Headers.Authorization?.Parameter != Token) return TokenForge.Answer("{}", HttpStatusCode.Unauthorized);
            var query = System.Web.HttpUtility.ParseQueryString(address.Query);
            var page = query["$skiptoken"] is { } skip ? int.Parse(skip) : 0;
            var members = Pages[page].Select(JsonNode (id) => Member(id)).Append(Member("role-template-1", "#microsoft.graph.directoryRole"));
            return List(members, page + 1 < Pages.Count ? $"{address.GetLeftPart(UriPartial.Path)}?$select=id&$top=999&$skiptoken={page + 1}" : null);
        }
        return await issuer.AnswerAsync(request, cancellationToken);
    }
}
