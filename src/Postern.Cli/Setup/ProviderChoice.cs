using System.Collections.Immutable;
using Postern.Cli.Output;
using Postern.Demo.Issuer;

namespace Postern.Cli.Setup;

/// <summary>One thing that a provider must be asked for beyond its name.</summary>
/// <param name="Option">The option that gives it.</param>
/// <param name="Question">How a person is asked.</param>
/// <param name="Key">The key under the issuer.</param>
internal sealed record ProviderDetail(string Option, string Question, string Key)
{
    /// <summary>Written as a list of one.</summary>
    public bool IsList { get; init; }
}

/// <summary>An identity provider as <c>postern init</c> knows it: what to ask, and what of it stands in every configuration.</summary>
/// <param name="Name">The answer that chooses it, and the issuer's name.</param>
/// <param name="Title">What people call it.</param>
internal sealed record ProviderChoice(string Name, string Title)
{
    /// <summary>The port of the demo issuer when it runs alone.</summary>
    public const int DemoPort = 7690;

    /// <summary>Its URL then.</summary>
    public const string DemoAuthority = "http://127.0.0.1:7690";

    private static readonly ProviderDetail _client = new("--client-id", "The client with which people sign in (its redirect URI ends with `/signin/callback`)", "clientId");

    /// <summary>What must be known.</summary>
    public required ImmutableArray<ProviderDetail> Details { get; init; }

    /// <summary>Keys that need no question.</summary>
    public ImmutableArray<string> Keys { get; init; } = [];

    /// <summary>True for the one that runs on this machine and is started by hand.</summary>
    public bool IsDemo { get; init; }

    /// <summary>Every choice, in the order in which they are offered.</summary>
    public static readonly ImmutableArray<ProviderChoice> All =
    [
        new("entra", "Microsoft Entra ID")
        {
            Details = [new("--authority", "Its issuer, `https://login.microsoftonline.com/TENANT-ID/v2.0`", "authority"), new("--audience", "The application id that stands for the gateway's API", "audience"), _client],
            Keys = ["preset: entra"],
        },
        new("okta", "Okta")
        {
            Details = [new("--authority", "Its custom authorization server, such as `https://acme.okta.com/oauth2/default`", "authority"), new("--audience", "Its audience, such as `api://default`", "audience"), _client],
            Keys = ["preset: okta"],
        },
        new("auth0", "Auth0")
        {
            Details = [new("--authority", "Its issuer, with a slash at the end: `https://acme.eu.auth0.com/`", "authority"), new("--audience", "The identifier of the API that stands for the gateway", "audience"), _client],
            Keys = ["preset: auth0"],
        },
        new("google", "Google")
        {
            Details = [new("--audience", "The client id for which agents get their id tokens", "audience"), new("--tenant", "Your hosted domain, such as `example.com`", "tenants") { IsList = true }, _client],
            Keys = ["preset: google", "authority: \"https://accounts.google.com\""],
        },
        new("keycloak", "Keycloak")
        {
            Details = [new("--authority", "Its realm, `https://HOST/realms/REALM`", "authority"), _client],
            Keys = ["preset: keycloak"],
        },
        new("oidc", "another OpenID Connect provider")
        {
            Details = [new("--authority", "Its issuer, exactly as its tokens write `iss`", "authority"), _client],
        },
        new("demo", "the demo issuer, to try it on this machine")
        {
            IsDemo = true,
            Details = [],
            Keys = [$"authority: \"{DemoAuthority}\"", $"clientId: {DemoClient.GatewayId}", $"clientSecret: {DemoClient.GatewaySecret}   # worth nothing: this issuer lets anyone on this machine be anyone"],
        },
    ];

    /// <summary>The lines below the issuer's name.</summary>
    public IEnumerable<string> Lines(IReadOnlyDictionary<string, string> answers)
    {
        foreach (var key in Keys) yield return key;
        foreach (var detail in Details) yield return detail.IsList ? $"{detail.Key}: [{YamlText.Scalar(answers[detail.Option])}]" : $"{detail.Key}: {YamlText.Scalar(answers[detail.Option])}";
    }
}
