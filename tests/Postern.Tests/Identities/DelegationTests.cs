using System.Text.Json.Nodes;
using Postern.Core.Operations;
using Postern.Core.Pipeline;
using Postern.Core.Policy;
using Postern.Gateway.Identities;
using Postern.Tests.Policy;

namespace Postern.Tests.Identities;

/// <summary>Agent and person: who is acted for, who acts, and what a policy makes of both.</summary>
[Guarantee("G13")]
public sealed class DelegationTests : IDisposable
{
    private readonly TokenForge _forge = new();

    public void Dispose() => _forge.Dispose();

    [Theory]
    [Row("J21")]
    [InlineData("""{"sub":"agent-1"}""", true)]
    [InlineData("""{"sub":"agent-1","iss":"https://issuer.example"}""", true)]
    [InlineData("""{"sub":"robot-77","client_id":"agent-1"}""", true)]
    [InlineData("""{"sub":"agent-1","act":{"sub":"agent-0","act":{"sub":"somebody"}}}""", true)]
    [InlineData("""{"sub":"admin-agent"}""", false)]
    [InlineData("""{"sub":"agent-1","client_id":"admin-agent"}""", false)]
    [InlineData("""{"sub":"agent-1","iss":"https://other.example"}""", false)]
    [InlineData("""{"sub":"agent-1","iss":7}""", false)]
    [InlineData("""{"client_id":"agent-1"}""", false)]
    [InlineData("""{"sub":""}""", false)]
    [InlineData("""{"sub":["agent-1"]}""", false)]
    [InlineData("""{"sub":"agent-1","client_id":7}""", false)]
    [InlineData("""{"sub":"agent-1","act":"agent-0"}""", false)]
    [InlineData("""{"sub":"agent-1","act":{"iss":"https://issuer.example"}}""", false)]
    [InlineData("\"agent-1\"", false)]
    [InlineData("[]", false)]
    [InlineData("null", false)]
    public async Task An_actor_is_the_client_of_the_token_or_the_token_is_refused(string actor, bool isGood)
    {
        using var authenticator = _forge.Authenticator();
        var token = _forge.Token(claims => claims["act"] = JsonNode.Parse(actor));

        if (!isGood)
        {
            await authenticator.RefusesAsync(token);
            return;
        }
        var identity = await authenticator.AcceptsAsync(token);
        Assert.Equal(("corp:u-1", "corp:agent-1", IdentityKind.Person), (identity.Key, identity.QualifiedAgent, identity.Kind));
    }

    [Fact]
    [Row("J21")]
    public async Task A_token_that_names_no_client_has_its_actor_as_agent_and_the_person_stays_the_person()
    {
        using var authenticator = _forge.Authenticator();

        var identity = await authenticator.AcceptsAsync(_forge.Token(claims =>
        {
            claims.Remove("client_id");
            claims["act"] = JsonNode.Parse("""{"sub":"agent-9"}""");
        }));

        Assert.Equal(("corp:u-1", "corp:agent-9", IdentityKind.Person), (identity.Key, identity.QualifiedAgent, identity.Kind));
    }

    [Fact]
    [Row("J21")]
    public async Task A_chain_of_actors_is_bounded()
    {
        using var authenticator = _forge.Authenticator();
        foreach (var depth in (int[])[1, IdentityAgent.MaxActors, IdentityAgent.MaxActors + 1, 12])
        {
            var chain = new JsonObject { ["sub"] = "first" };
            for (var i = 2; i <= depth; i++) chain = new JsonObject { ["sub"] = i == depth ? "agent-1" : $"a-{i}", ["act"] = chain };
            chain["sub"] = "agent-1";
            var token = _forge.Token(claims => claims["act"] = chain);
            _ = depth <= IdentityAgent.MaxActors ? (object)await authenticator.AcceptsAsync(token) : await authenticator.RefusesAsync(token);
        }
    }

    [Theory]
    [Row("J21")]
    [InlineData("may_act", """{"sub":"admin-agent"}""")]
    [InlineData("actor", "\"admin\"")]
    [InlineData("on_behalf_of", "\"admin\"")]
    [InlineData("roles", "[\"admin\"]")]
    [InlineData("_meta", """{"identity":"admin","act":{"sub":"admin"},"client_id":"admin-agent"}""")]
    public async Task Claims_that_are_not_the_configured_ones_change_nothing(string name, string value)
    {
        using var authenticator = _forge.Authenticator();

        var plain = await authenticator.AcceptsAsync(_forge.Token());
        var claiming = await authenticator.AcceptsAsync(_forge.Token(claims => claims[name] = JsonNode.Parse(value)));

        Assert.Equal((plain.Key, plain.QualifiedAgent, plain.Kind), (claiming.Key, claiming.QualifiedAgent, claiming.Kind));
        Assert.Equal(plain.QualifiedGroups.Order(StringComparer.Ordinal), claiming.QualifiedGroups.Order(StringComparer.Ordinal));
    }

    private const string Policy = """
        rules:
          - {id: una, who: {users: ["corp:u-1"]}, on: {connection: manor, doors: [cellar]}, then: allow}
          - {id: una-by-agent, who: {users: ["corp:u-1"], agents: ["corp:agent-1"]}, on: {connection: manor, doors: [attic]}, then: allow}
          - {id: robots, who: {workloads: ["corp:u-1"]}, on: {connection: manor, doors: [engine]}, then: allow}
          - {id: people-of-support, who: {groups: ["corp:support"]}, on: {connection: manor, doors: [lobby]}, when: who.kind == 'person', then: allow}
          - {id: all-of-support, who: {groups: ["corp:support"]}, on: {connection: manor, doors: [yard]}, then: allow}
        """;

    [Fact]
    [Row("J15")]
    [Row("J21")]
    public async Task An_app_only_token_is_denied_by_policy_wherever_a_person_is_required()
    {
        using var authenticator = _forge.Authenticator();
        var set = PolicyText.Set(Policy);
        bool May(Identity who, string door) => set.Decide(who, Toy.Door(door), Toy.Now) is Decision.Allow;

        // the same subject, the same groups, the same agent: once a person, once app-only
        var person = await authenticator.AcceptsAsync(_forge.Token());
        var app = await authenticator.AcceptsAsync(_forge.Token(claims => claims["idtyp"] = "app"));
        Assert.Equal(person.Key, app.Key);

        Assert.Equal((true, true, false, true, true), (May(person, "cellar"), May(person, "attic"), May(person, "engine"), May(person, "lobby"), May(person, "yard")));
        Assert.Equal((false, false, true, false, true), (May(app, "cellar"), May(app, "attic"), May(app, "engine"), May(app, "lobby"), May(app, "yard")));
    }

    [Fact]
    [Row("J21")]
    public async Task A_rule_for_person_and_agent_needs_both()
    {
        using var authenticator = _forge.Authenticator();
        var set = PolicyText.Set(Policy);
        var other = await authenticator.AcceptsAsync(_forge.Token(claims => claims["client_id"] = "agent-2"));
        var nobody = await authenticator.AcceptsAsync(_forge.Token(claims => claims.Remove("client_id")));

        Assert.IsType<Decision.Deny>(set.Decide(other, Toy.Door("attic"), Toy.Now));
        Assert.IsType<Decision.Deny>(set.Decide(nobody, Toy.Door("attic"), Toy.Now));
        Assert.IsType<Decision.Allow>(set.Decide(other, Toy.Door("cellar"), Toy.Now));
    }
}
