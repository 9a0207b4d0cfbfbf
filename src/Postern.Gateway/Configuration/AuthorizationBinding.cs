namespace Postern.Gateway.Configuration;

/// <content>What stands below <c>authorization</c>.</content>
internal sealed partial class ConfigurationBinder
{
    private AuthorizationOptions? Authorization(Reader top)
    {
        var authorization = top.Section("authorization");
        if (authorization.Text("server") != "gateway")
        {
            // Written, and without effect: an operator would believe that it holds.
            if (authorization.Node.Entries.Any(entry => entry.Key.Text != "server")) problems.Add(authorization.Node.Problem("these keys are for `server: gateway`; add that, or remove them"));
            return null;
        }
        var defaults = new AuthorizationOptions();
        var documents = authorization.Section("clientDocuments");
        var registration = authorization.Section("registration");
        return new AuthorizationOptions
        {
            Issuer = authorization.Text("issuer"),
            ProviderScopes = authorization.List("providerScopes"),
            TokenLife = authorization.Duration("tokenLife") ?? defaults.TokenLife,
            SignInLife = authorization.Duration("signInLife") ?? defaults.SignInLife,
            Clients = [.. authorization.Map("clients").Select(entry => Client(entry.Name, entry.Reader))],
            DocumentHosts = [.. documents.List("hosts").Select(host => host.ToLowerInvariant())],
            AllowsInsideDocuments = documents.Text("inside") == "true",
            Registrations = registration.Text("mode") == "open" ? registration.Number("limit") ?? 0 : 0,
            Exchanges = authorization.List("exchange"),
        };
    }

    private OAuthClientOptions Client(string id, Reader client) => new()
    {
        Id = id,
        Name = client.Text("name") ?? id,
        Redirects = client.List("redirects"),
        Secret = Secret(client, "secret"),
        Keys = client.Path("keys"),
        MayUseDevice = client.Text("device") == "true",
        IsWorkload = client.Text("workload") == "true",
        Groups = client.List("groups"),
    };
}
