using System.Net;
using System.Text;
using Postern.Gateway.Identities;

namespace Postern.Tests.Identities;

/// <summary>Where the gateway goes for what an issuer says of itself, whatever names and documents lead to (server-side request forgery).</summary>
[Row("P33")]
public sealed class IssuerAddressTests
{
    private static readonly IPAddress Public = IPAddress.Parse("93.184.215.14");

    [Theory]
    [InlineData("93.184.215.14", "Public")]
    [InlineData("2606:2800:21f:cb07::1", "Public")]
    [InlineData("64:ff9b::5db8:d70e", "Public")] // NAT64 of a public address
    [InlineData("2002:5db8:d70e::1", "Public")] // 6to4 of the same
    [InlineData("127.0.0.1", "Inside")]
    [InlineData("::1", "Inside")]
    [InlineData("10.1.2.3", "Inside")]
    [InlineData("172.31.255.255", "Inside")]
    [InlineData("192.168.0.1", "Inside")]
    [InlineData("100.64.0.1", "Inside")]
    [InlineData("fd00::1", "Inside")]
    [InlineData("::ffff:10.0.0.1", "Inside")]
    [InlineData("::ffff:127.0.0.1", "Inside")]
    [InlineData("64:ff9b::7f00:1", "Inside")]
    [InlineData("2002:c0a8:1::1", "Inside")]
    [InlineData("169.254.169.254", "Nowhere")]
    [InlineData("::ffff:169.254.169.254", "Nowhere")]
    [InlineData("::169.254.169.254", "Nowhere")]
    [InlineData("64:ff9b::a9fe:a9fe", "Nowhere")]
    [InlineData("64:ff9b:1::a9fe:a9fe", "Nowhere")] // NAT64 of a network's own choosing, RFC 8215
    [InlineData("2002:a9fe:a9fe::1", "Nowhere")]
    [InlineData("2001:0:4136:e378:8000:63bf:3fff:fdd2", "Nowhere")] // Teredo
    [InlineData("fe80::1", "Nowhere")]
    [InlineData("fec0::1", "Nowhere")]
    [InlineData("ff02::1", "Nowhere")]
    [InlineData("::", "Nowhere")]
    [InlineData("0.0.0.0", "Nowhere")]
    [InlineData("0.1.2.3", "Nowhere")]
    [InlineData("224.0.0.1", "Nowhere")]
    [InlineData("255.255.255.255", "Nowhere")]
    [InlineData("192.0.2.1", "Nowhere")]
    [InlineData("198.19.0.1", "Nowhere")]
    [InlineData("2001:db8::1", "Nowhere")]
    public void An_address_leads_where_the_one_that_it_holds_leads(string address, string reach) =>
        Assert.Equal(reach, Addresses.ReachOf(IPAddress.Parse(address)).ToString());

    [Theory]
    [InlineData("https://169.254.169.254/keys")]
    [InlineData("https://2852039166/keys")] // the same in decimal
    [InlineData("https://0xa9fea9fe/keys")]
    [InlineData("https://0251.0376.0251.0376/keys")]
    [InlineData("https://169.254.43518/keys")]
    [InlineData("https://[::ffff:169.254.169.254]/keys")]
    [InlineData("https://[::ffff:a9fe:a9fe]/keys")]
    [InlineData("https://[2002:a9fe:a9fe::]/keys")]
    [InlineData("https://[64:ff9b::a9fe:a9fe]/keys")]
    [InlineData("https://[fe80::1]/keys")]
    [InlineData("https://0/keys")]
    [InlineData("https://10.0.0.1/keys")]
    [InlineData("https://localhost/keys")]
    [InlineData("https://2130706433/keys")]
    [InlineData("https://127.1/keys")]
    [InlineData("https://[::1]/keys")]
    [InlineData("https://[fd00::1]/keys")]
    [InlineData("https://inside.example/keys")]
    [InlineData("https://metadata.example/keys")]
    [InlineData("https://user@issuer.example/keys")]
    [InlineData("http://issuer.example/keys")]
    [InlineData("http://169.254.169.254/keys")]
    [InlineData("file:///etc/passwd")]
    [InlineData("gopher://issuer.example/keys")]
    public async Task What_a_public_issuers_document_points_at_is_not_asked_inside(string address)
    {
        var stage = new Stage("https://issuer.example");

        var (body, problem) = await stage.Client.GetAsync(new Uri(address), TestContext.Current.CancellationToken);

        Assert.Null(body);
        Assert.NotNull(problem);
        Assert.Empty(stage.Connected);
    }

    [Theory]
    [InlineData("https://issuer.example", "https://keys.example/keys", true)]
    [InlineData("https://issuer.example", "https://issuer.example/keys", true)]
    [InlineData("https://inside.example", "https://inside.example/keys", true)] // the operator named it
    [InlineData("https://inside.example", "https://also-inside.example/keys", true)] // and who is inside may name others there
    [InlineData("https://inside.example", "https://metadata.example/keys", false)]
    [InlineData("https://metadata.example", "https://metadata.example/keys", false)] // no issuer is there, whoever names it
    [InlineData("https://both.example", "https://also-inside.example/keys", false)] // one public address makes it public
    [InlineData("https://issuer.example", "https://both.example/keys", true)] // by its public address
    public async Task Inside_is_asked_only_for_an_issuer_that_is_inside(string authority, string address, bool isAsked)
    {
        var stage = new Stage(authority);

        await stage.Client.GetAsync(new Uri(address), TestContext.Current.CancellationToken);

        Assert.Equal(isAsked, stage.Connected.Count > 0);
        if (!authority.Contains("inside", StringComparison.Ordinal)) Assert.All(stage.Connected, end => Assert.Equal(Public, end.Address));
    }

    [Fact]
    public async Task A_name_that_changes_its_address_is_judged_at_every_connection()
    {
        var stage = new Stage("https://issuer.example");
        stage.Names["rebound.example"] = [Public];
        await stage.Client.GetAsync(new Uri("https://rebound.example/keys"), TestContext.Current.CancellationToken);
        stage.Names["rebound.example"] = [IPAddress.Parse("169.254.169.254")];

        await stage.Client.GetAsync(new Uri("https://rebound.example/keys"), TestContext.Current.CancellationToken);

        // What was judged is what was connected to: there is no second look at the name.
        Assert.Equal([new IPEndPoint(Public, 443)], stage.Connected);
    }

    [Theory]
    [InlineData(301)]
    [InlineData(302)]
    [InlineData(307)]
    [InlineData(308)]
    public async Task No_redirect_is_followed(int status)
    {
        var stage = new Stage("http://localhost:7") { Answer = $"HTTP/1.1 {status} Found\r\nLocation: https://keys.example/\r\nContent-Length: 0\r\n\r\n" };
        stage.Names["localhost"] = [IPAddress.Loopback];

        var (body, problem) = await stage.Client.GetAsync(new Uri("http://localhost:7/keys"), TestContext.Current.CancellationToken);

        Assert.Null(body);
        Assert.Contains($"{status}", problem, StringComparison.Ordinal);
        Assert.Single(stage.Connected);
    }

    private sealed class Stage
    {
        public Stage(string authority)
        {
            var issuer = new TrustedIssuer { Name = "issuer", Authority = authority, Audiences = ["https://postern.test"] };
            Client = new IssuerClient(issuer, dialer: new IssuerDialer(new Uri(authority), (host, _) => Task.FromResult(Names[host]), (end, _) =>
            {
                Connected.Add(end);
                return Answer is null ? throw new IOException("nobody there") : new ValueTask<Stream>(new Duplex(Answer));
            }));
        }

        public IssuerClient Client { get; }

        public string? Answer { get; init; }

        public List<IPEndPoint> Connected { get; } = [];

        public Dictionary<string, IPAddress[]> Names { get; } = new(StringComparer.Ordinal)
        {
            ["issuer.example"] = [Public],
            ["keys.example"] = [Public],
            ["localhost"] = [IPAddress.Loopback, IPAddress.IPv6Loopback],
            ["inside.example"] = [IPAddress.Parse("10.0.0.8")],
            ["also-inside.example"] = [IPAddress.Parse("10.0.0.9")],
            ["both.example"] = [IPAddress.Parse("10.0.0.8"), Public],
            ["metadata.example"] = [IPAddress.Parse("169.254.169.254"), IPAddress.Parse("fe80::1")],
        };
    }

    /// <summary>Takes what is written and answers what it was given.</summary>
    private sealed class Duplex(string answer) : MemoryStream(Encoding.ASCII.GetBytes(answer))
    {
        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) => default;

        public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
