using System.Net;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Postern.Gateway.Authorization;
using Postern.Gateway.Identities;
using Postern.Tests.Identities;

namespace Postern.Tests.Authorization;

[Row("J22")]
[Row("P33")]
public sealed class ClientDocumentTests
{
    private const string Id = "https://agent.example.com/oauth/client.json";
    private static readonly CancellationToken None = CancellationToken.None;

    private static string Document(string id = Id, string redirects = """["https://agent.example.com/callback","http://127.0.0.1/callback","https://elsewhere.example/callback"]""", string more = "") =>
        $$"""{"client_id":"{{id}}","client_name":"An agent","redirect_uris":{{redirects}}{{more}}}""";

    [Fact]
    public async Task A_document_at_a_named_host_is_a_client()
    {
        using var documents = Open(Answer(Document()), "agent.example.com");

        var client = await documents.FindAsync(Id, None);

        Assert.Equal("An agent", client!.Name);
        Assert.Equal(Id, client.Id);
        Assert.Equal(ClientProof.None, client.Proof);

        // its own host and the person's machine; for another host it cannot speak
        Assert.Equal(["https://agent.example.com/callback", "http://127.0.0.1/callback"], client.Redirects);
    }

    [Theory]
    [InlineData("*.example.com", true)]
    [InlineData("*", true)]
    [InlineData("AGENT.example.com", true)]
    [InlineData("example.com", false)]
    [InlineData("*.agent.example.com", false)]
    [InlineData("nt.example.com", false)]
    public async Task Only_hosts_that_an_operator_named_are_asked(string pattern, bool isAsked)
    {
        var asked = 0;
        using var documents = Open(request =>
        {
            asked++;
            return Answer(Document())(request);
        }, pattern);

        Assert.Equal(isAsked, await documents.FindAsync(Id, None) is not null);
        Assert.Equal(isAsked ? 1 : 0, asked);
    }

    [Theory]
    [InlineData("http://agent.example.com/oauth/client.json")]
    [InlineData("https://agent.example.com")]
    [InlineData("https://agent.example.com/")]
    [InlineData("https://agent.example.com:8443/oauth/client.json")]
    [InlineData("https://user@agent.example.com/oauth/client.json")]
    [InlineData("https://agent.example.com/oauth/client.json#x")]
    [InlineData("https://agent.example.com/oauth/client.json?x=1")]
    [InlineData("https://agent.example.com/oauth/../client.json")]
    [InlineData("https://agent.example.com/oauth/%2e%2e/client.json")]
    [InlineData("https://agent.example.com\\oauth/client.json")]
    [InlineData("https://AGENT.example.com/oauth/client.json")]
    [InlineData("https://169.254.169.254/latest/meta-data")]
    [InlineData("https://[::1]/client.json")]
    [InlineData("https://127.0.0.1/client.json")]
    [InlineData("https://2130706433/client.json")]
    [InlineData("https://0x7f.1/client.json")]
    public async Task What_is_not_in_the_one_spelling_is_never_fetched(string id)
    {
        using var documents = Open(_ => throw new InvalidOperationException("fetched"), "*");

        Assert.Null(await documents.FindAsync(id, None));
    }

    [Fact]
    public async Task A_document_that_is_not_the_clients_own_is_no_client()
    {
        foreach (var document in new[]
        {
            Document("https://other.example.com/client.json"), Document(Id + "/"), Document(redirects: "[]"), Document(redirects: """["https://elsewhere.example/callback"]"""),
            Document(redirects: """["javascript:alert(1)"]"""), Document(redirects: "\"https://agent.example.com/callback\""), Document(more: ",\"client_secret\":\"x\""),
            Document(more: ",\"token_endpoint_auth_method\":\"client_secret_basic\""), Document(more: ",\"token_endpoint_auth_method\":\"private_key_jwt\",\"jwks_uri\":\"https://agent.example.com/jwks\""),
            Document(more: ",\"client_id\":\"https://agent.example.com/oauth/client.json\""), "[]", "not json", "",
        })
        {
            using var documents = Open(Answer(document), "*");
            Assert.Null(await documents.FindAsync(Id, None));
        }
    }

    [Fact]
    public async Task A_host_that_answers_strangely_is_no_client()
    {
        foreach (var answer in new Func<HttpRequestMessage, HttpResponseMessage>[]
        {
            _ => new HttpResponseMessage(HttpStatusCode.Found) { Headers = { Location = new Uri("http://169.254.169.254/") } },
            _ => new HttpResponseMessage(HttpStatusCode.NotFound),
            _ => new HttpResponseMessage(HttpStatusCode.OK) { Content = new StringContent(Document(), Encoding.UTF8, "text/html") },
            _ => new HttpResponseMessage(HttpStatusCode.OK) { Content = new StringContent(Document(more: $",\"padding\":\"{new string('x', ClientDocuments.MaxDocument)}\""), Encoding.UTF8, "application/json") },
            _ => throw new HttpRequestException("unreachable"),
        })
        {
            using var documents = Open(answer, "*");
            Assert.Null(await documents.FindAsync(Id, None));
        }
    }

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("::1")]
    [InlineData("10.1.2.3")]
    [InlineData("192.168.1.1")]
    [InlineData("fd00::1")]
    [InlineData("169.254.169.254")]
    [InlineData("::ffff:169.254.169.254")]
    [InlineData("64:ff9b::a9fe:a9fe")]
    [InlineData("0.0.0.0")]
    public async Task A_name_that_leads_inside_is_not_connected_to(string address)
    {
        var connected = false;
        var dialer = new IssuerDialer(resolve: (_, _) => Task.FromResult<IPAddress[]>([IPAddress.Parse(address)]), connect: (_, _) =>
        {
            connected = true;
            throw new IOException("connected");
        });
        using var documents = new ClientDocuments(["*"], allowsInside: false, TimeProvider.System, NullLogger.Instance, dialer: dialer);

        Assert.Null(await documents.FindAsync(Id, None));
        Assert.False(connected);
    }

    [Fact]
    public async Task Inside_is_reached_where_the_operator_said_so_and_a_clouds_own_address_never()
    {
        var connected = new List<string>();
        ValueTask<Stream> Connect(IPEndPoint end, CancellationToken cancellationToken)
        {
            connected.Add(end.Address.ToString());
            throw new IOException("far enough");
        }
        var dialer = new IssuerDialer(resolve: (_, _) => Task.FromResult<IPAddress[]>([IPAddress.Parse("169.254.169.254"), IPAddress.Parse("10.1.2.3")]), connect: Connect, mayBeInside: true);
        using var documents = new ClientDocuments(["*"], allowsInside: true, TimeProvider.System, NullLogger.Instance, dialer: dialer);

        Assert.Null(await documents.FindAsync(Id, None));
        Assert.Equal(["10.1.2.3"], connected);
    }

    [Fact]
    public async Task A_document_is_read_again_after_a_while_and_not_before()
    {
        var asked = 0;
        var clock = new OffsetClock();
        using var documents = new ClientDocuments(["*"], allowsInside: false, clock, NullLogger.Instance, new Scripted(request =>
        {
            asked++;
            return Answer(Document())(request);
        }));

        for (var i = 0; i < 5; i++) Assert.NotNull(await documents.FindAsync(Id, None));
        Assert.Equal(1, asked);
        clock.Advance(ClientDocuments.Life);
        Assert.NotNull(await documents.FindAsync(Id, None));
        Assert.Equal(2, asked);
    }

    [Fact]
    public async Task Strangers_cannot_make_the_gateway_ask_many_hosts_at_once()
    {
        var (open, most) = (0, 0);
        var go = new TaskCompletionSource();
        using var documents = new ClientDocuments(["*"], allowsInside: false, TimeProvider.System, NullLogger.Instance, new Held(async () =>
        {
            most = Math.Max(most, Interlocked.Increment(ref open));
            await go.Task;
            return new HttpResponseMessage(HttpStatusCode.NotFound);
        }));

        var asked = Enumerable.Range(0, 50).Select(number => documents.FindAsync($"https://host{number}.example.com/client.json", None).AsTask()).ToArray();
        go.SetResult();

        Assert.All(await Task.WhenAll(asked), Assert.Null);
        Assert.InRange(most, 1, 8);
    }

    private static ClientDocuments Open(Func<HttpRequestMessage, HttpResponseMessage> answer, string host) =>
        new([host.ToLowerInvariant()], allowsInside: false, TimeProvider.System, NullLogger.Instance, new Scripted(answer));

    private static Func<HttpRequestMessage, HttpResponseMessage> Answer(string document) => _ => new HttpResponseMessage(HttpStatusCode.OK) { Content = new StringContent(document, Encoding.UTF8, "application/json") };

    private sealed class Scripted(Func<HttpRequestMessage, HttpResponseMessage> answer) : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) => Task.FromResult(answer(request));
    }

    private sealed class Held(Func<Task<HttpResponseMessage>> answer) : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) => answer();
    }
}
