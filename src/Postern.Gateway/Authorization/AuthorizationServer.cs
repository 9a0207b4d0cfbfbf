using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging;
using Postern.Core.Recording;
using Postern.Core.Sealing;
using Postern.Core.Sessions;
using Postern.Gateway.Configuration;
using Postern.Gateway.Identities;
using Postern.Gateway.Storage;
using Postern.Protocols;

namespace Postern.Gateway.Authorization;

/// <summary>What surrounds the authorization server.</summary>
internal sealed record AuthorizationSurroundings(string Url, string Folder, GatewayDatabase Database, Leash Leash, IRecorder Recorder, RefusalNotes Notes, TimeProvider Clock, ILoggerFactory Logs);

/// <summary>
/// The gateway's own authorization server, made in two steps: first what verifies its tokens, which the authenticator needs; then, around
/// the authenticator, what issues them.
/// </summary>
internal sealed class AuthorizationServer : IDisposable
{
    private readonly AuthorizationOptions _options;
    private readonly AuthorizationSurroundings _around;
    private readonly SigningRing _keys;
    private readonly byte[] _key;
    private readonly TokenFamilies _families;
    private readonly ClientDocuments? _documents;
    private readonly string _issuer;

    private AuthorizationServer(AuthorizationOptions options, string issuer, IEnumerable<string> issuers, AuthorizationSurroundings around, ClientDocuments? documents)
    {
        (_options, _issuer, _around, _documents) = (options, issuer, around, documents);
        _keys = SigningRing.Open(around.Folder, around.Clock);
        _key = FolderKey.ReadOrCreate(around.Folder, "authorization.key", SealedBox.KeyBytes);
        _families = new TokenFamilies(around.Database, _key, around.Leash, around.Recorder, around.Clock, options.TokenLife);
        Tokens = new OwnIssuer(around.Url, options.TokenLife, _keys, issuers, _families.HasEnded);
    }

    /// <summary>Opens it, or answers null where clients sign in at the issuers.</summary>
    /// <exception cref="GatewayStartException">Its keys cannot be read.</exception>
    public static async ValueTask<AuthorizationServer?> OpenAsync(GatewayOptions options, AuthorizationSurroundings around, CancellationToken cancellationToken, ClientDocuments? documents = null)
    {
        if (options.Authorization is not { } own) return null;
        if (documents is null && !own.DocumentHosts.IsEmpty) documents = new ClientDocuments(own.DocumentHosts, own.AllowsInsideDocuments, around.Clock, around.Logs.CreateLogger<ClientDocuments>());
        var server = new AuthorizationServer(own, own.Issuer ?? options.Issuers.Single(issuer => issuer.ClientId is not null).Name, options.Issuers.Select(issuer => issuer.Name), around, documents);
        await server._families.StartAsync(cancellationToken).ConfigureAwait(false);
        around.Leash.Ended = identity => identity.Family is { } family && server._families.HasEnded(family);
        return server;
    }

    /// <summary>Its tokens, for the authenticator.</summary>
    public OwnIssuer Tokens { get; }

    /// <summary>What ends them.</summary>
    public ITokenFamilies Families => _families;

    /// <summary>How long a sign-in can be renewed: as long a revocation of its person must be remembered.</summary>
    public TimeSpan SignInLife => _options.SignInLife;

    /// <summary>Serves it.</summary>
    public void Map(IEndpointRouteBuilder endpoints, TokenAuthenticator authenticator)
    {
        var (url, clock, notes) = (_around.Url, _around.Clock, _around.Notes);
        var resources = new ResourceRules(url);
        var registered = _options.Registrations > 0 ? new RegisteredClients(_around.Database, _options.Registrations, clock) : null;
        var directory = new ClientDirectory(_options.Clients.Select(OAuthClient.From), _documents, registered);
        var clients = new ClientAuthentication(directory, new ClientAssertions(url, authenticator.Verifier, clock));
        var provider = new ProviderDoor(authenticator, url, _issuer, string.Join(' ', _options.ProviderScopes), clock);
        var tokens = new FamilyTokens(Tokens, resources, _around.Recorder, clock);
        var codes = new CodeBook(clock);
        var revocations = authenticator.Revocations;
        var devices = new DeviceBook(clock);
        var start = new FamilyStart(_families, tokens, registered, revocations, clock, _options.SignInLife);
        List<IGrant> grants =
        [
            new CodeGrant(codes, _families, start, resources),
            new DeviceGrant(devices, start),
            new RefreshGrant(provider, _families, tokens, resources, revocations),
            new CredentialsGrant(tokens, resources),
        ];
        if (!_options.Exchanges.IsEmpty) grants.Add(new ExchangeGrant(authenticator, tokens, resources, url, _options.Exchanges));
        new ServerMetadata(url, _keys, _documents is not null, registered is not null, !_options.Exchanges.IsEmpty).Map(endpoints);
        new AuthorizeEndpoint(new AuthorizeParts(url, provider, directory, resources, new ConsentBook(_around.Database, clock), codes, devices, _key, notes, _around.Recorder, clock, _around.Logs.CreateLogger<AuthorizeEndpoint>())).Map(endpoints);
        new TokenEndpoint(clients, grants, notes).Map(endpoints);
        new DeviceEndpoint(clients, devices, resources, url, notes).Map(endpoints);
        new RevokeEndpoint(clients, _families, authenticator, resources, notes).Map(endpoints);
        if (registered is not null) new RegisterEndpoint(registered, notes, clock).Map(endpoints);
    }

    public void Dispose()
    {
        _documents?.Dispose();
        _keys.Dispose();
    }
}
