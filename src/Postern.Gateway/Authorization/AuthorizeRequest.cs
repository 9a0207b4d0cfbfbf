using System.Diagnostics.CodeAnalysis;
using Microsoft.AspNetCore.Http;

namespace Postern.Gateway.Authorization;

/// <summary>What a client asks of a person, read strictly. Immutable.</summary>
/// <param name="Id">Ours, random: what belongs to this request and no other.</param>
/// <param name="Client">The client's id.</param>
/// <param name="Redirect">Where the answer goes.</param>
/// <param name="State">The client's own, given back as it came; null when there was none.</param>
/// <param name="Challenge">PKCE, S256.</param>
/// <param name="Resource">The one resource that a token will be good for.</param>
internal sealed record AuthorizeRequest(string Id, string Client, string Redirect, string? State, string Challenge, string Resource)
{
    private const int MaxState = 1024;

    /// <summary>When a device asked, and not a browser: the code that the person typed. Then there is no address to send them back to.</summary>
    public string? Device { get; init; }

    /// <summary>What a device asks, found by the code that a person typed.</summary>
    public static AuthorizeRequest OfDevice(string client, string resource, string user) => new(OAuthText.NewSecret(), client, "", null, "", resource) { Device = user };

    /// <summary>Null, with the error for the client, when the request cannot be granted to anybody. Client and address are checked already.</summary>
    public static AuthorizeRequest? Read(IQueryCollection query, OAuthClient client, string redirect, ResourceRules resources, out OAuthError? error)
    {
        error = Complaint(query);
        if (error is not null) return null;
        if (!resources.TryRead(query["resource"], out var resource))
        {
            error = new("invalid_target", "expected `resource`, the URL of one connection of this gateway");
            return null;
        }
        return new(OAuthText.NewSecret(), client.Id, redirect, StateOf(query), query["code_challenge"].ToString(), resource);
    }

    /// <summary>The client's state when it is one that can be given back.</summary>
    public static string? StateOf(IQueryCollection query) => query["state"] is [{ Length: > 0 and <= MaxState } state] && OAuthText.IsVisible(state) ? state : null;

    /// <summary>One text, there exactly once.</summary>
    public static bool TryOne(IQueryCollection query, string name, [NotNullWhen(true)] out string? value)
    {
        value = query[name] is [{ Length: > 0 } one] ? one : null;
        return value is not null;
    }

    private static OAuthError? Complaint(IQueryCollection query)
    {
        foreach (var (name, values) in query)
        {
            // RFC 6749 section 3.1; two resources would be a token for two (RFC 8707 section 2)
            if (values.Count != 1) return name == "resource" ? new("invalid_target", "expected one resource") : new("invalid_request", "expected every parameter once");
        }
        if (query.ContainsKey("request")) return new("request_not_supported", "expected plain parameters");
        if (query.ContainsKey("request_uri")) return new("request_uri_not_supported", "expected plain parameters");
        if (query["response_type"] != "code") return new("unsupported_response_type", "expected response_type=code");
        if (query.TryGetValue("response_mode", out var mode) && mode != "query") return new("invalid_request", "expected response_mode=query");
        if (query.ContainsKey("state") && StateOf(query) is null) return new("invalid_request", "expected a state of visible characters, at most 1024");

        // RFC 9700 section 2.1.1: always, and never `plain`
        if (query["code_challenge_method"] != "S256" || !OAuthText.IsChallenge(query["code_challenge"].ToString())) return new("invalid_request", "expected a code_challenge with code_challenge_method=S256");
        if (!OAuthText.IsScope(query["scope"].ToString())) return new("invalid_scope", "expected scopes, each apart by one space");
        return query["prompt"] == "none" ? new("interaction_required", "people are asked here") : null;
    }
}
