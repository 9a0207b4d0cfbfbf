using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Postern.Demo.Issuer;
using Postern.Demo.Shop;
using Postern.Gateway;
using Postern.Gateway.Configuration;
using Postern.Protocols;

namespace Postern.Demo;

/// <summary>How a demo is set up.</summary>
public sealed record DemoOptions
{
    /// <summary>The gateway's port on 127.0.0.1; 0 takes a free one; null takes 7600 when it is free, and any other when it is not.</summary>
    public int? Port { get; init; } = 0;

    /// <summary>All time comes from here.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;
}

/// <summary>Everything that the demo needs, on this machine, in this process: an issuer, a shop, and a gateway between them and the world.</summary>
public sealed class DemoStage : IAsyncDisposable
{
    private const int UsualPort = 7600;

    // Longer than a hold waits for its answer: the agent must still be signed in when it comes.
    private static readonly TimeSpan TokenLifetime = TimeSpan.FromHours(1);

    private DemoStage(string folder, DemoIssuer issuer, ShopServer shop, GatewayHost gateway)
    {
        Folder = folder;
        Issuer = issuer;
        Shop = shop;
        Gateway = gateway;
    }

    /// <summary>Configuration, policy, journal and keys; kept when the demo ends.</summary>
    public string Folder { get; }

    /// <summary>Who vouches for alice and bob.</summary>
    public DemoIssuer Issuer { get; }

    /// <summary>The target.</summary>
    public ShopServer Shop { get; }

    /// <summary>What stands between them.</summary>
    public GatewayHost Gateway { get; }

    /// <summary>Where an MCP client reaches the shop.</summary>
    public Uri Endpoint => new(Gateway.Url + "/mcp/shop");

    /// <summary>The gateway's data folder.</summary>
    public string DataFolder => Path.Combine(Folder, "data");

    /// <summary>The recording.</summary>
    public string JournalFolder => Path.Combine(DataFolder, "journal");

    /// <summary>What verification needs, and all that it needs.</summary>
    public string PublicKeyFile => Path.Combine(DataFolder, "journal.pub.pem");

    /// <summary>Starts everything.</summary>
    /// <exception cref="DemoException">Something cannot start; the message says what and why.</exception>
    public static async Task<DemoStage> StartAsync(DemoOptions options, CancellationToken cancellationToken)
    {
        var folder = Directory.CreateTempSubdirectory("postern-demo-").FullName;
        var port = options.Port is > 0 and var given ? given : FreePort(preferred: options.Port is null ? UsualPort : 0);
        var gatewayUrl = $"http://127.0.0.1:{port}";
        var shopSecret = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));
        DemoIssuer? issuer = null;
        ShopServer? shop = null;
        try
        {
            issuer = await DemoIssuer.StartAsync(new DemoIssuerOptions { DefaultAudience = gatewayUrl, TokenLifetime = TokenLifetime, Clock = options.Clock }, cancellationToken);
            shop = await ShopServer.StartAsync(shopSecret, port: 0, cancellationToken);
            var file = DemoFiles.Write(folder, gatewayUrl, issuer.Issuer, DemoClient.GatewayId, DemoClient.GatewaySecret, shop.Url, shopSecret);
            // The file alone decides: variables of the surrounding shell must not change what the demo shows.
            var loaded = ConfigurationLoader.Load(file, [], ProtocolCatalog.Create().Select(protocol => protocol.Name));
            if (loaded.Options is not { } configuration) throw new DemoException($"the demo's own configuration is refused: {string.Join("; ", loaded.Problems)}");
            var gateway = await GatewayHost.StartAsync(configuration, new GatewaySurroundings { Clock = options.Clock }, cancellationToken);
            return new DemoStage(folder, issuer, shop, gateway);
        }
        catch (Exception e)
        {
            if (shop is not null) await shop.DisposeAsync();
            if (issuer is not null) await issuer.DisposeAsync();
            Directory.Delete(folder, recursive: true);
            if (e is GatewayStartException) throw new DemoException(e.Message);
            throw;
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await Gateway.DisposeAsync();
        await Shop.DisposeAsync();
        await Issuer.DisposeAsync();
    }

    // Tokens name the gateway's URL as their audience, so its port must be known before the issuer starts.
    private static int FreePort(int preferred)
    {
        using var probe = new TcpListener(IPAddress.Loopback, preferred);
        try
        {
            probe.Start();
            return ((IPEndPoint)probe.LocalEndpoint).Port;
        }
        catch (SocketException) when (preferred != 0)
        {
            return FreePort(preferred: 0);
        }
    }
}
