using System.Collections.Immutable;
using System.Text;
using Postern.Core.Approvals;
using Postern.Core.Grants;
using Postern.Core.Operations;
using Postern.Core.Pipeline;
using Postern.Core.Policy;
using Postern.Core.Sessions;
using Postern.Gateway.Approvals;
using Postern.Gateway.Grants;
using Postern.Tests.Doubles;
using Postern.Tests.Gateway;

namespace Postern.Tests.Pipeline;

/// <summary>The real pipeline, policy, approvals and hold store around the toy protocol; the journal and the clock are doubles.</summary>
internal sealed class ToyGateway : IPolicySource, IDisposable
{
    private static readonly PolicyEnvironment Environment = new()
    {
        Vocabularies = [new ToyVocabulary()],
        Connections = [Samples.Museum],
        Issuers = ["demo"],
        Definitions = NoDefinitions.Instance,
        HashKey = new byte[32],
    };

    private static readonly Connection Itself = new("gateway", "gateway", "https://gate.example", []);

    private readonly TemporaryFolder? _folder;
    private readonly TemporaryFolder? _grantFolder;
    private readonly People? _people;
    private readonly int _maxOpen;
    private int _version;

    public ToyGateway(string policy, IHoldStore? holds = null, int maxWaiting = 1_000, People? people = null, int maxOpen = ApprovalDesk.UsualMaxOpen, IGrantStore? grants = null)
    {
        Holds = holds ?? SqliteHoldStore.Open((_folder = new TemporaryFolder()).Path);
        Current = Load(policy);
        (_people, _maxOpen) = (people, maxOpen);
        Leash = new Leash(Clock, maxWaiting);
        Desk = new ApprovalDesk(Holds, Recorder, [], Clock, people, maxOpen);
        GrantStore = grants ?? SqliteGrantStore.Open((_grantFolder = new TemporaryFolder()).Path);
        Grants = new GrantDesk(GrantStore, Holds, Desk, this, Leash, Recorder, Itself, Clock);
        Desk.Follower = Grants;
        Sessions = new SessionBook(Clock);
        Pipeline = new OperationPipeline(this, Recorder, Desk, Sessions, Leash, "https://gate.example", Clock);
    }

    public SteppedClock Clock { get; } = new();

    public MemoryRecorder Recorder { get; } = new();

    public IHoldStore Holds { get; }

    public ToyGuide Guide { get; } = new();

    public Leash Leash { get; private set; }

    public ApprovalDesk Desk { get; private set; }

    public SessionBook Sessions { get; private set; }

    public OperationPipeline Pipeline { get; private set; }

    public IGrantStore GrantStore { get; }

    public GrantDesk Grants { get; private set; }

    public ActiveGrants GrantsOf(Identity identity) => Leash.Grants.Of(identity);

    /// <summary>What a restart leaves of grants: the store alone, with nothing in memory.</summary>
    public async Task RestartGrantsAsync()
    {
        Leash.Dispose();
        Grants.Dispose();
        Leash = new Leash(Clock);
        Desk = new ApprovalDesk(Holds, Recorder, [], Clock, _people, _maxOpen);
        Grants = new GrantDesk(GrantStore, Holds, Desk, this, Leash, Recorder, Itself, Clock);
        Desk.Follower = Grants;
        Sessions = new SessionBook(Clock);
        Pipeline = new OperationPipeline(this, Recorder, Desk, Sessions, Leash, "https://gate.example", Clock);
        await Grants.StartAsync(CancellationToken.None);
    }

    public PolicySet Current { get; private set; }

    public void Publish(string policy)
    {
        Current = Load(policy);
        Leash.Redecide(Current);
    }

    public async Task<ToyExchange> AskAsync(string message, Identity? identity = null, TimeSpan patience = default, CancellationToken callerGone = default)
    {
        var exchange = Exchange(message, patience);
        await Pipeline.RunAsync(exchange, identity ?? Samples.Person("alice", "visitors"), callerGone);
        return exchange;
    }

    public ToyExchange Exchange(string message, TimeSpan patience = default) =>
        new(ToyOperations.Read(Samples.Museum, Encoding.UTF8.GetBytes(message), Clock.GetUtcNow()), Guide) { Patience = patience };

    public Task<AnswerResult> AnswerAsync(Hold hold, bool approve, string who = "bob", params ImmutableArray<string> groups) =>
        Desk.AnswerAsync(hold.Id, Fresh(who, groups.IsDefaultOrEmpty ? ["guards"] : groups), approve, "seen", CancellationToken.None).AsTask();

    public Identity Fresh(string who, ImmutableArray<string> groups) => new()
    {
        Issuer = "demo", Subject = who, Kind = IdentityKind.Person, Groups = groups, DisplayName = who, InteractiveSince = Clock.GetUtcNow(),
    };

    public void Dispose()
    {
        Leash.Dispose();
        Grants.Dispose();
        (GrantStore as IDisposable)?.Dispose();
        _grantFolder?.Dispose();
        if (_folder is null) return;
        ((SqliteHoldStore)Holds).Dispose();
        _folder.Dispose();
    }

    private PolicySet Load(string policy)
    {
        var loaded = PolicyLoader.Load([new PolicyFile("toy.yaml", policy)], Environment, ++_version);
        return loaded.Set ?? throw new InvalidOperationException(string.Join('\n', loaded.Problems));
    }

    private sealed class NoDefinitions : IDefinitionCatalogue
    {
        public static readonly NoDefinitions Instance = new();

        public bool Knows(string connection) => false;

        public Definition? Find(string connection, string fact, string name) => null;

        public IEnumerable<string> Names(string connection, string fact) => [];
    }
}
