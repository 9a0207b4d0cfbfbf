using Microsoft.Extensions.Logging.Abstractions;
using Postern.Core.Operations;
using Postern.Core.Pipeline;
using Postern.Protocols.Mcp;
using Postern.Tests.Doubles;
using Postern.Upstreams.Stdio;

namespace Postern.Tests.Stdio;

/// <summary>Whose children run, and how many; none of these is ever started.</summary>
public sealed class StdioChildrenTests
{
    private static readonly StdioTarget Own = new("/bin/true", [], "/");
    private static readonly StdioTarget Shared = Own with { IsShared = true };
    private readonly SteppedClock _clock = new();
    private readonly StdioChildren _children;

    public StdioChildrenTests() =>
        _children = new StdioChildren(name => name == "shared" ? Shared : Own, new StdioLimits(Overall: 4, PerIdentity: 2), McpLine.Read, new MemoryRecorder(), _clock, NullLogger.Instance);

    [Fact]
    [Guarantee("G14")]
    [Row("P13")]
    public void A_session_is_found_by_exactly_its_identity_agent_and_connection()
    {
        var alice = Caller("alice");
        var session = _children.OpenSession(Own, alice, out _);

        Assert.Same(session.Child, _children.Find(session.Id, alice, isAnswer: false)!.Child);
        Assert.Null(_children.Find(session.Id, Caller("bob"), isAnswer: false));
        Assert.Null(_children.Find(session.Id, Caller("alice", agent: "other"), isAnswer: false));
        Assert.Null(_children.Find(session.Id, Caller("alice", connection: "other"), isAnswer: false));
        Assert.Null(_children.Find("unknown", alice, isAnswer: false));
        Assert.Null(_children.Find(null, alice, isAnswer: false));
    }

    [Fact]
    [Guarantee("G14")]
    public void The_gateway_reaches_anothers_session_with_an_answer_only_and_an_issuer_of_its_name_not_at_all()
    {
        var session = _children.OpenSession(Own, Caller("alice"), out _);
        var gateway = ChildOwner.Of(new Identity { Issuer = "gateway", Subject = "postern", Kind = IdentityKind.Gateway }, "files");
        var impostor = ChildOwner.Of(new Identity { Issuer = "gateway", Subject = "postern", Kind = IdentityKind.Person }, "files");

        Assert.NotNull(_children.Find(session.Id, gateway, isAnswer: true));
        Assert.Null(_children.Find(session.Id, gateway, isAnswer: false));
        Assert.Null(_children.Find(session.Id, impostor, isAnswer: true));
        Assert.NotSame(_children.Standing(Own, gateway), _children.Standing(Own, impostor));
    }

    [Fact]
    [Guarantee("G14")]
    public void What_stands_alone_has_a_child_for_each_identity_and_agent_beside_its_sessions()
    {
        var first = _children.Standing(Own, Caller("alice"));

        Assert.Same(first, _children.Standing(Own, Caller("alice")));
        Assert.NotSame(first, _children.OpenSession(Own, Caller("alice"), out _).Child);
        Assert.NotSame(first, _children.Standing(Own, Caller("bob")));
        Assert.NotSame(first, _children.Standing(Own, Caller("carol", agent: "other")));
    }

    [Fact]
    [Guarantee("G16")]
    [Row("D08")]
    public void The_longest_unused_of_ones_own_makes_room_and_what_is_in_use_does_not()
    {
        var alice = Caller("alice");
        var oldest = _children.OpenSession(Own, alice, out _);
        _clock.Advance(TimeSpan.FromSeconds(1));
        var newer = _children.OpenSession(Own, alice, out _);
        _clock.Advance(TimeSpan.FromSeconds(1));
        _children.OpenSession(Own, Caller("bob"), out _);

        var third = _children.OpenSession(Own, alice, out _);
        Assert.Null(_children.Find(oldest.Id, alice, isAnswer: false));
        Assert.NotNull(_children.Find(newer.Id, alice, isAnswer: false));

        newer.Child.Board.AddListener(newer.Child.NewStream());
        third.Child.Board.AddListener(third.Child.NewStream());
        var full = Assert.Throws<UpstreamException>(() => _children.OpenSession(Own, alice, out _));
        Assert.Equal("2 servers run for this identity already", full.Message);

        _children.OpenSession(Own, Caller("bob"), out _);
        Assert.Equal("4 servers run already", Assert.Throws<UpstreamException>(() => _children.OpenSession(Own, Caller("carol"), out _)).Message);
        Assert.Equal(4, _children.Count);
    }

    [Fact]
    [Guarantee("G10")]
    [Row("J18")]
    public void A_revoked_identity_loses_its_children_and_nobody_elses()
    {
        var alice = _children.OpenSession(Own, Caller("alice"), out _);
        _children.Standing(Own, Caller("alice", agent: "other"));
        var bob = _children.OpenSession(Own, Caller("bob"), out _);
        var shared = _children.OpenSession(Shared, Caller("alice", connection: "shared"), out _);
        var joined = _children.OpenSession(Shared, Caller("bob", connection: "shared"), out var isFirst);

        _children.EndAll(Caller("alice").Identity!);

        Assert.False(isFirst);
        Assert.Null(_children.Find(alice.Id, Caller("alice"), isAnswer: false));
        Assert.Null(_children.Find(shared.Id, Caller("alice", connection: "shared"), isAnswer: false));
        Assert.NotNull(_children.Find(bob.Id, Caller("bob"), isAnswer: false));
        Assert.NotNull(_children.Find(joined.Id, Caller("bob", connection: "shared"), isAnswer: false));
        Assert.Equal(2, _children.Count);
    }

    [Fact]
    [Guarantee("G16")]
    public void What_nobody_used_for_the_idle_time_is_ended_and_what_listens_is_not()
    {
        var idle = _children.OpenSession(Own, Caller("alice"), out _);
        var listening = _children.OpenSession(Own, Caller("bob"), out _);
        listening.Child.Board.AddListener(listening.Child.NewStream());

        _clock.Advance(Own.Idle);
        _children.Sweep();
        Assert.Equal(2, _children.Count);
        _clock.Advance(TimeSpan.FromSeconds(1));
        _children.Sweep();

        Assert.Equal(1, _children.Count);
        Assert.Null(_children.Find(idle.Id, Caller("alice"), isAnswer: false));
    }

    [Fact]
    [Guarantee("G16")]
    [Row("D08")]
    public async Task An_identity_in_a_loop_is_stopped_for_the_rest_of_the_minute_and_others_are_not()
    {
        for (var i = 0; i < StdioChildren.StartsPerMinute; i++) await _children.CloseAsync(_children.OpenSession(Own, Caller("alice"), out _));

        Assert.Throws<UpstreamException>(() => _children.OpenSession(Own, Caller("alice"), out _));
        Assert.NotNull(_children.OpenSession(Own, Caller("bob"), out _));
        _clock.Advance(TimeSpan.FromMinutes(1));
        Assert.NotNull(_children.OpenSession(Own, Caller("alice"), out _));
    }

    [Fact]
    public async Task Nothing_starts_once_the_gateway_stops()
    {
        _children.OpenSession(Own, Caller("alice"), out _);

        await _children.CloseAllAsync();

        Assert.Equal(0, _children.Count);
        Assert.Throws<UpstreamException>(() => _children.OpenSession(Own, Caller("alice"), out _));
        Assert.Throws<UpstreamException>(() => _children.Standing(Own, Caller("alice")));
    }

    private static ChildOwner Caller(string person, string agent = "agent", string connection = "files") =>
        ChildOwner.Of(new Identity { Issuer = "demo", Subject = person, Kind = IdentityKind.Person, Agent = agent }, connection);
}
