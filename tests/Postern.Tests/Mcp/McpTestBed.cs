using System.Collections.Immutable;
using System.Net;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Postern.Core.Approvals;
using Postern.Core.Operations;
using Postern.Core.Pipeline;
using Postern.Core.Policy;
using Postern.Core.Recording;
using Postern.Core.Sessions;
using Postern.Protocols;
using Postern.Protocols.Mcp;
using Postern.Gateway.Approvals;
using Postern.Tests.Doubles;
using Postern.Tests.Gateway;
using Postern.Upstreams;

namespace Postern.Tests.Mcp;

/// <summary>A gateway with the real pipeline and policy around the MCP protocol, before a scripted target.</summary>
internal sealed class McpTestBed : IAsyncDisposable, IPolicySource, IConnectionDirectory, IAuthenticator, IDefinitionStore
{
    public const string Rules = """
        version: 1
        rules:
          - { id: reads, who: { groups: [support] }, on: { connection: shop, tools: [list_orders] }, then: allow }
          - { id: small, who: { groups: [support] }, on: { connection: shop, tools: [refund] }, when: args.amount <= 500, then: allow }
          - { id: large, who: { groups: [support] }, on: { connection: shop, tools: [refund] }, when: args.amount > 500, then: hold, hold: { approvers: { groups: [on-call] } }, message: Refunds over 500 need the on-call person. }
        """;

    private readonly TemporaryFolder _folder = new();
    private readonly WebApplication _app;
    private readonly HttpUpstreamDialer _dialer;
    private readonly Leash _leash = new(TimeProvider.System);
    private readonly List<StoredDefinition> _stored = [];
    private int _id;

    private McpTestBed(FakeMcpServer server, string policy, string? url, TimeProvider? clock)
    {
        Server = server;
        Holds = SqliteHoldStore.Open(_folder.Path);
        url ??= server.Url;
        All = [new Connection("shop", "mcp", url, [])];
        Current = Load(policy, 1);
        _dialer = new HttpUpstreamDialer(name => name == "shop" ? new UpstreamTarget(new Uri(url)) { Credential = new UpstreamCredential("X-Target-Key", () => FakeMcpServer.Secret), Patience = Patience } : null, clock ?? TimeProvider.System);
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        builder.Services.AddRoutingCore();
        _app = builder.Build();
        Client = new HttpClient();
    }

    public FakeMcpServer Server { get; }

    public MemoryRecorder Recorder { get; } = new();

    public SqliteHoldStore Holds { get; }

    public HttpClient Client { get; }

    public McpProtocol Protocol { get; } = new();

    public ApprovalDesk Desk { get; private set; } = null!;

    public byte[] RootKey { get; } = new byte[ContinuationSeal.KeyBytes];

    public Dictionary<string, TimeSpan> ClientWaits { get; } = [];

    /// <summary>How long a client without a name is kept waiting, once any is.</summary>
    public TimeSpan Wait
    {
        set => ClientWaits[""] = value;
    }

    public Leash Leash => _leash;

    public PolicySet Current { get; private set; }

    public ImmutableArray<Connection> All { get; }

    public string BaseUrl { get; private set; } = "";

    /// <summary>How long the target may take, from the next request on.</summary>
    public UpstreamPatience Patience { get; set; } = new();

    public string Url => BaseUrl + "/mcp/shop";

    /// <param name="policy">The policy in force.</param>
    /// <param name="script">Changes the target before anything reads it.</param>
    /// <param name="front">Puts something before the target; gets the target's URL and gives its own.</param>
    /// <param name="clock">The clock that targets are waited for by.</param>
    /// <param name="wait">How long callers are kept waiting for people; by default not at all.</param>
    /// <param name="known">Definitions that an earlier run has stored.</param>
    public static async Task<McpTestBed> StartAsync(string policy = Rules, Action<FakeMcpServer>? script = null, Func<string, string>? front = null, TimeProvider? clock = null, TimeSpan wait = default, params StoredDefinition[] known)
    {
        var server = await FakeMcpServer.StartAsync();
        script?.Invoke(server);
        var bed = new McpTestBed(server, policy, front?.Invoke(server.Url), clock);
        bed._stored.AddRange(known);
        bed.Wait = wait;
        bed._app.UseRouting();
        const string PublicUrl = "http://gateway.test:7600";
        bed.Desk = new ApprovalDesk(bed.Holds, bed.Recorder, [], TimeProvider.System);
        bed.Protocol.Map(bed._app, new ProtocolServices
        {
            Pipeline = new OperationPipeline(bed, bed.Recorder, bed.Desk, new SessionBook(TimeProvider.System), bed._leash, PublicUrl, TimeProvider.System),
            Authenticator = bed, Connections = bed, Policies = bed, Recorder = bed.Recorder, Upstreams = bed._dialer, Definitions = bed,
            Continuations = new ContinuationSeal(bed.RootKey, TimeProvider.System), LongestWait = wait == default ? default : TimeSpan.FromMinutes(1), ClientWaits = bed.ClientWaits,
            PublicUrl = PublicUrl, AuthorizationServers = ["http://issuer.test"], Clock = TimeProvider.System, Logs = NullLoggerFactory.Instance,
        });
        await bed._app.StartAsync();
        bed.BaseUrl = bed._app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();
        return bed;
    }

    public void Publish(string policy)
    {
        Current = Load(policy, Current.Version.Number + 1);
        _leash.Redecide(Current);
    }

    public Connection? Find(string name) => All.FirstOrDefault(connection => connection.Name == name);

    public ValueTask<Authentication> AuthenticateAsync(string token, string resource, CancellationToken cancellationToken) => new(token is "alice" or "bob" or "carol" && resource == "http://gateway.test:7600/mcp/shop"
        ? new Authentication.Accepted(Samples.Person(token, token == "carol" ? [] : ["support"]))
        : new Authentication.Refused("not a token of ours"));

    public ValueTask<IReadOnlyList<StoredDefinition>> LoadAsync(string connection, CancellationToken cancellationToken)
    {
        lock (_stored) return new([.. _stored]);
    }

    public ValueTask SaveAsync(string connection, IReadOnlyList<StoredDefinition> definitions, CancellationToken cancellationToken)
    {
        lock (_stored)
        {
            _stored.RemoveAll(known => definitions.Any(given => given.Fact == known.Fact && given.Name == known.Name));
            _stored.AddRange(definitions);
        }
        return default;
    }

    /// <summary>What waits to be accepted, as a person would be shown it now.</summary>
    public IEnumerable<ShownDefinition> Waiting() => Protocol.Definitions!.Of("shop").Where(definition => definition.AcceptedHash != definition.SeenHash).Select(definition => new ShownDefinition(definition.Name, definition.SeenHash));

    public ValueTask<Acceptance> AcceptAsync(ShownDefinition[] shown) => Protocol.Definitions!.AcceptAsync(All[0], shown, Samples.Person("carol"), CancellationToken.None);

    /// <summary>Sends one message of the sessions era and returns the whole response.</summary>
    public async Task<Answer> SendAsync(string body, string? session = null, string token = "alice", Action<HttpRequestMessage>? change = null, CancellationToken cancellationToken = default)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, Url);
        request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(body));
        request.Content.Headers.TryAddWithoutValidation("Content-Type", "application/json");
        request.Headers.TryAddWithoutValidation("Accept", "application/json, text/event-stream");
        request.Headers.TryAddWithoutValidation("Authorization", "Bearer " + token);
        if (session is not null) request.Headers.TryAddWithoutValidation("Mcp-Session-Id", session);
        change?.Invoke(request);
        return await AnswerAsync(await Client.SendAsync(request, cancellationToken), cancellationToken);
    }

    /// <summary>Sends one message of the sessions era and returns when the head of the response is there; the inner task is the whole of it.</summary>
    public async Task<Task<Answer>> BeginAsync(string body, string? session = null)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, Url) { Content = new StringContent(body, Encoding.UTF8, "application/json") };
        request.Headers.TryAddWithoutValidation("Accept", "application/json, text/event-stream");
        request.Headers.TryAddWithoutValidation("Authorization", "Bearer alice");
        if (session is not null) request.Headers.TryAddWithoutValidation("Mcp-Session-Id", session);
        return AnswerAsync(await Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead), CancellationToken.None);
    }

    /// <summary>Calls a tool in the sessions era.</summary>
    public Task<Answer> CallAsync(string tool, string arguments = "{}", string? session = null, string token = "alice") => SendAsync(
        $$$"""{"jsonrpc":"2.0","id":{{{Interlocked.Increment(ref _id)}}},"method":"tools/call","params":{"name":{{{JsonSerializer.Serialize(tool)}}},"arguments":{{{arguments}}}}}""", session, token);

    /// <summary>Sends one request of the stateless era with the headers that go with it.</summary>
    public Task<Answer> SendModernAsync(string method, string parameters = "", string? name = null, string token = "alice", Action<HttpRequestMessage>? change = null) => SendAsync(
        $$$$$"""{"jsonrpc":"2.0","id":{{{{{Interlocked.Increment(ref _id)}}}}},"method":"{{{{{method}}}}}","params":{{{{{{parameters}}}}}{{{{{(parameters.Length > 0 ? "," : "")}}}}}"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}""",
        token: token, change: request =>
        {
            request.Headers.TryAddWithoutValidation("MCP-Protocol-Version", "2026-07-28");
            request.Headers.TryAddWithoutValidation("Mcp-Method", method);
            if (name is not null) request.Headers.TryAddWithoutValidation("Mcp-Name", name);
            change?.Invoke(request);
        });

    /// <summary>Calls a tool in the stateless era, with a state that it was told to bring back.</summary>
    public Task<Answer> CallModernAsync(string tool, string arguments = "{}", string? state = null, string token = "alice", string? answers = null) => SendModernAsync(
        "tools/call",
        $"\"name\":{JsonSerializer.Serialize(tool)},{(state is null ? "" : $"\"requestState\":{JsonSerializer.Serialize(state)},")}{(answers is null ? "" : $"\"inputResponses\":{answers},")}\"arguments\":{arguments}",
        tool, token);

    /// <summary>The newest hold, as soon as there is one that is open.</summary>
    public async Task<Hold> HoldAsync()
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while (true)
        {
            if ((await Holds.ListAsync(null, 1, patience.Token)).FirstOrDefault() is { State: HoldState.Open } hold) return hold;
            patience.Token.ThrowIfCancellationRequested();
            await Task.Yield();
        }
    }

    /// <summary>The on-call person answers a hold, by default the newest as soon as there is one.</summary>
    public async Task<Hold> ApproveAsync(Hold? hold = null, bool approve = true)
    {
        hold ??= await HoldAsync();
        var person = new Identity { Issuer = "demo", Subject = "dora", Kind = IdentityKind.Person, Groups = ["on-call"], InteractiveSince = DateTimeOffset.UtcNow };
        Assert.Equal(AnswerResult.Accepted, await Desk.AnswerAsync(hold.Id, person, approve, "seen", CancellationToken.None));
        return hold;
    }

    public async Task UntilAsync(Func<bool> isReached)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while (!isReached())
        {
            patience.Token.ThrowIfCancellationRequested();
            await Task.Yield();
        }
    }

    /// <summary>Opens a session and returns the id that the client sees.</summary>
    public async Task<string> InitializeAsync(string token = "alice", string client = "test client")
    {
        var answer = await SendAsync($$$$"""{"jsonrpc":"2.0","id":"init","method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"{{{{client}}}}","version":"1"}}}""", token: token);
        Assert.Equal(HttpStatusCode.OK, answer.Status);
        return answer.Session!;
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _app.DisposeAsync();
        await Server.DisposeAsync();
        _dialer.Dispose();
        _leash.Dispose();
        Holds.Dispose();
        _folder.Dispose();
    }

    private PolicySet Load(string policy, int version)
    {
        var load = PolicyLoader.Load([new PolicyFile("policy.yaml", policy)], new PolicyEnvironment
        {
            Vocabularies = [McpVocabulary.Instance], Connections = All, Issuers = ["demo"], HashKey = new byte[32],
        }, version);
        return load.Set ?? throw new InvalidOperationException(string.Join('\n', load.Problems));
    }

    private static async Task<Answer> AnswerAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        using (response)
        {
            var text = await response.Content.ReadAsStringAsync(cancellationToken);
            return new Answer(response.StatusCode, text, response.Headers.TryGetValues("Mcp-Session-Id", out var ids) ? ids.Single() : null, response.Content.Headers.ContentType?.MediaType, response.Headers.WwwAuthenticate.ToString());
        }
    }
}

/// <summary>A whole response as a client sees it.</summary>
internal sealed record Answer(HttpStatusCode Status, string Body, string? Session, string? MediaType, string Challenge)
{
    /// <summary>The message, be it the body or the last event.</summary>
    public JsonElement Json => JsonDocument.Parse(MediaType == "text/event-stream" ? Events[^1] : Body).RootElement;

    public string[] Events => [.. Body.Split("\n\n", StringSplitOptions.RemoveEmptyEntries).SelectMany(block => block.Split('\n').Where(line => line.StartsWith("data: ", StringComparison.Ordinal) && line.Length > 6).Select(line => line[6..]))];

    public JsonElement Result => Json.GetProperty("result");

    public JsonElement Error => Json.GetProperty("error");

    public int ErrorCode => Error.GetProperty("code").GetInt32();

    public JsonElement Envelope => Result.GetProperty("_meta").GetProperty("postern/decision");

    public string State => Result.GetProperty("requestState").GetString()!;

    public bool IsError => Result.TryGetProperty("isError", out var isError) && isError.GetBoolean();
}
