using static Postern.Gateway.Configuration.ConfigurationShape;

namespace Postern.Gateway.Configuration;

/// <summary>The keys below <c>authorization</c>.</summary>
internal static class AuthorizationKeys
{
    private const string IdPattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$";

    public static Section Section { get; } = new(
    [
        new("server", new Value(ValueKind.Choice) { Choices = ["issuers", "gateway"] }, "`issuers`: clients sign in at the issuers, where they are registered. `gateway`: they sign in at the gateway's own authorization server, which sends people to one issuer and issues short tokens for one connection each.") { Default = "issuers" },
        new("issuer", new Value(ValueKind.Text), "The issuer that people sign in at; it needs `clientId`. The only one that has it when absent."),
        new("providerScopes", new ListOf(new Value(ValueKind.Text)), "What is asked of that issuer. With `offline_access`, where the issuer knows it, groups are read again at every renewal.") { Default = "openid, profile" },
        new("tokenLife", new Value(ValueKind.Duration), "How long an access token lives; at most `10m`.") { Default = "10m" },
        new("signInLife", new Value(ValueKind.Duration), "How long a client can renew a sign-in before the person signs in again; at most `24h`.") { Default = "8h" },
        new("clients", new MapOf(IdPattern, "letters, digits, `.`, `_` and `-`, at most 63", Client), "Clients that are registered by hand, by `client_id`. Policy knows them as agents: `issuer:client`."),
        new("clientDocuments", new Section(
        [
            new("hosts", new ListOf(new Value(ValueKind.Text)), "Hosts whose documents may describe a client: `claude.ai`, `*.example.com`, or `*` for any. None when absent."),
            new("inside", new Value(ValueKind.Switch), "`true`: those hosts may have addresses inside the organisation.") { Default = "false" },
        ]), "Clients whose `client_id` is the https URL of a document that describes them (Client ID Metadata Documents)."),
        new("registration", new Section(
        [
            new("mode", new Value(ValueKind.Choice) { Choices = ["off", "open"] }, "`open`: any program may register itself as a public client (RFC 7591).") { Default = "off" },
            new("limit", new Value(ValueKind.Number), "How many may be registered at once.") { Default = "200" },
        ]), "Dynamic registration."),
        new("exchange", new ListOf(new Value(ValueKind.Text)), "Issuers whose tokens can be exchanged for one that is good for a single connection (RFC 8693): names under `issuers`."),
    ]);

    private static Section Client => new(
    [
        new("name", new Value(ValueKind.Text), "What people read when they are asked for consent.") { IsRequired = true },
        new("redirects", new ListOf(new Value(ValueKind.Text)), "Where answers may go, compared as text. `http://127.0.0.1/…`, `http://[::1]/…` and `http://localhost/…` stand for any port."),
        new("secret", new Value(ValueKind.Secret), "Its secret; without one, and without `keys`, it is a public client."),
        new("secretFile", new Value(ValueKind.Path), "A file that holds it instead."),
        new("keys", new Value(ValueKind.Path), "A file with its public keys (JSON Web Key Set); it then authenticates with `private_key_jwt`."),
        new("device", new Value(ValueKind.Switch), "`true`: people may sign in for it on another device (device code): they type a code that it shows. Whoever can send a person a code can misuse that.") { Default = "false" },
        new("workload", new Value(ValueKind.Switch), "`true`: it acts for itself (`client_credentials`) and for nobody else; policy knows it as `postern:NAME`. Needs `keys` or a secret.") { Default = "false" },
        new("groups", new ListOf(new Value(ValueKind.Text)), "The groups of a workload; policy writes them `postern:group`."),
    ]);
}
