using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Postern.Core.Operations;
using Postern.Gateway.Identities;
using static Postern.Tests.Identities.Providers.ProviderTokens;

namespace Postern.Tests.Identities.Providers;

/// <summary>Groups that are too many for a token: from the configured directory, whole, or not at all.</summary>
[Guarantee("G13")]
[Row("J12")]
public sealed class GroupOverageTests : IDisposable
{
    private const string Evil = "https://evil.example/users/una/getMemberObjects";
    private readonly ProviderStage _stage;
    private readonly ScriptedDirectory _directory;

    public GroupOverageTests()
    {
        ScriptedDirectory? directory = null;
        _stage = new ProviderStage(ProviderStage.Page("entra-directory.yaml"), _ => directory ??= new ScriptedDirectory(new TokenForge($"https://login.microsoftonline.com/{Tenant}/v2.0")));
        _directory = directory!;
        var issuer = _directory.Issuer;
        issuer.DiscoveryAnswer = () => TokenForge.Answer(new JsonObject { ["issuer"] = issuer.Authority, ["jwks_uri"] = $"{issuer.Authority}/keys", ["token_endpoint"] = $"https://login.microsoftonline.com/{Tenant}/oauth2/v2.0/token" }.ToJsonString());
    }

    public void Dispose() => _stage.Dispose();

    private string Overage(Action<JsonObject>? change = null) => _stage.Sign(EntraOverage(_stage.Forge, Evil), change: change);

    [Fact]
    public async Task The_configured_directory_is_asked_page_by_page_and_never_the_address_in_the_token()
    {
        _directory.Pages = [[Support], [.. Enumerable.Range(0, 300).Select(i => $"g-{i}")], ["last"]];

        var una = await _stage.Authenticator.AcceptsAsync(Overage());

        Assert.Equal(302 + 1, una.QualifiedGroups.Count); // and the role
        Assert.Contains($"entra:{Support}", una.QualifiedGroups.Items);
        Assert.Contains("entra:last", una.QualifiedGroups.Items);
        Assert.DoesNotContain(_directory.Asked, asked => asked.Contains("evil", StringComparison.Ordinal));
        Assert.Equal(3, _directory.Asked.Count(asked => asked == $"GET {ScriptedDirectory.Base}{ScriptedDirectory.Path} {_directory.Token}"));
        Assert.Equal("grant_type=client_credentials&client_id=aaaaaaaa-0000-4000-8000-000000000003&client_secret=graph-secret-of-the-test&scope=https%3A%2F%2Fgraph.microsoft.com%2F.default", Assert.Single(_directory.Forms));
    }

    [Fact]
    public async Task The_other_spelling_of_overage_and_a_list_beside_it_ask_the_directory_too()
    {
        foreach (var change in (Action<JsonObject>[])[claims => { claims.Remove("_claim_names"); claims.Remove("_claim_sources"); claims["hasgroups"] = true; }, claims => claims["groups"] = new JsonArray("admins")])
        {
            var una = await _stage.Authenticator.AcceptsAsync(Overage(change));
            Assert.Equal([$"entra:{Support}", "entra:role:Orders.Approve"], una.QualifiedGroups.Order(StringComparer.Ordinal));
        }
    }

    [Theory]
    [InlineData("""{"roles":"src1"}""")]
    [InlineData("""{"groups":"src1","roles":"src1"}""")]
    [InlineData("""["groups"]""")]
    [InlineData("\"groups\"")]
    public async Task Other_claims_that_are_elsewhere_are_refused_unasked(string names)
    {
        await _stage.Authenticator.RefusesAsync(Overage(claims => claims["_claim_names"] = JsonNode.Parse(names)));
        Assert.Empty(_directory.Asked);
    }

    [Fact]
    public async Task A_program_is_looked_up_as_one()
    {
        _directory.Answer = (request, _) => Task.FromResult(request.RequestUri!.AbsolutePath == "/v1.0/servicePrincipals/0bbbbbbb-1111-4111-8111-000000000002/transitiveMemberOf" ? ScriptedDirectory.List([ScriptedDirectory.Member("robots")]) : TokenForge.Answer("{}", HttpStatusCode.NotFound));

        var app = await _stage.Authenticator.AcceptsAsync(Overage(claims =>
        {
            claims.Remove("scp");
            claims["idtyp"] = "app";
            claims["oid"] = "0bbbbbbb-1111-4111-8111-000000000002";
        }));

        Assert.Equal(IdentityKind.Workload, app.Kind);
        Assert.Contains("entra:robots", app.QualifiedGroups.Items);
    }

    [Theory]
    [InlineData("../../groups/99999999-0000-4000-8000-000000000001/members?x=")]
    [InlineData("una@acme.example")]
    [InlineData("{0aaaaaaa-1111-4111-8111-000000000001}")]
    public async Task Nothing_but_an_id_becomes_part_of_the_address(string id)
    {
        await _stage.Authenticator.RefusesAsync(Overage(claims => claims["oid"] = id));
        Assert.Equal(0, _directory.Questions);
    }

    [Fact]
    public async Task An_answer_is_used_for_five_minutes_and_then_asked_again()
    {
        var token = Overage();
        await _stage.Authenticator.AcceptsAsync(token);
        await _stage.Authenticator.AcceptsAsync(token);
        await _stage.Authenticator.AcceptsAsync(Overage(claims => claims["uti"] = "another"));
        Assert.Equal(1, _directory.Questions);

        // removed from the group meanwhile
        _directory.Pages = [[]];
        _stage.Clock.Advance(GroupDirectory.Fresh - TimeSpan.FromSeconds(1));
        Assert.Contains($"entra:{Support}", (await _stage.Authenticator.AcceptsAsync(token)).QualifiedGroups.Items);
        _stage.Clock.Advance(TimeSpan.FromSeconds(1));
        Assert.DoesNotContain($"entra:{Support}", (await _stage.Authenticator.AcceptsAsync(token)).QualifiedGroups.Items);
        Assert.Equal(2, _directory.Questions);
        Assert.Single(_directory.Forms);
    }

    [Fact]
    public async Task Many_callers_of_one_principal_cost_one_question()
    {
        var release = new TaskCompletionSource();
        _directory.Answer = async (_, _) =>
        {
            await release.Task;
            return ScriptedDirectory.List([ScriptedDirectory.Member(Support)]);
        };

        var callers = Enumerable.Range(0, 50).Select(i => Task.Run(() => _stage.Authenticator.AcceptsAsync(Overage(claims => claims["uti"] = $"u-{i}")))).ToList();
        SpinWait.SpinUntil(() => _directory.Questions > 0, TimeSpan.FromSeconds(20));
        release.SetResult();
        await Task.WhenAll(callers);

        Assert.Equal(1, _directory.Questions);
    }

    public static TheoryData<string> Hostile =>
    [
        "500", "401", "302", "html", "empty", "huge", "no value", "value is an object", "member without type", "member without id", "member is text", "duplicate members", "another host", "another scheme", "another port",
        "user in the link", "another path", "the secret's path", "link is a number", "relative link", "endless pages", "too many groups", "connection breaks",
    ];

    [Theory]
    [MemberData(nameof(Hostile))]
    public async Task A_directory_that_does_not_give_a_whole_list_is_as_good_as_none(string kind)
    {
        _directory.Answer = (request, _) => Task.FromResult(Misbehave(kind, request));

        var refused = await _stage.Authenticator.RefusesAsync(Overage());

        Assert.Equal(TokenFault.NoDirectory.Reason, refused.Reason);
        Assert.True(refused.IsTransient);
        Assert.DoesNotContain(_directory.Asked, asked => asked.Contains("evil", StringComparison.Ordinal) || asked.Contains("/secret", StringComparison.Ordinal));
        Assert.InRange(_directory.Questions, 1, GroupPages.MaxPages);

        // nothing of it stays, and a directory that is well again is believed
        _directory.Answer = null;
        Assert.Contains($"entra:{Support}", (await _stage.Authenticator.AcceptsAsync(Overage())).QualifiedGroups.Items);
    }

    private static HttpResponseMessage Misbehave(string kind, HttpRequestMessage request)
    {
        var member = ScriptedDirectory.Member(Support);
        var path = $"{ScriptedDirectory.Base}{ScriptedDirectory.Path}";
        HttpResponseMessage Next(string link) => ScriptedDirectory.List([member], link);
        switch (kind)
        {
            case "500": return TokenForge.Answer("{\"value\":[]}", HttpStatusCode.InternalServerError);
            case "401": return TokenForge.Answer("{\"value\":[]}", HttpStatusCode.Unauthorized);
            case "302": return new(HttpStatusCode.Redirect) { Headers = { Location = new Uri("https://evil.example/") } };
            case "html": return TokenForge.Answer("<!doctype html><title>Sign in</title>");
            case "empty": return TokenForge.Answer("");
            case "huge": return TokenForge.Answer("{\"value\":[]}" + new string(' ', DocumentClient.MaxAnswer));
            case "no value": return TokenForge.Answer("{}");
            case "value is an object": return TokenForge.Answer("{\"value\":{}}");
            case "member without type": return TokenForge.Answer("{\"value\":[{\"id\":\"a\"}]}");
            case "member without id": return TokenForge.Answer("{\"value\":[{\"@odata.type\":\"#microsoft.graph.group\"}]}");
            case "member is text": return TokenForge.Answer("{\"value\":[\"admins\"]}");
            case "duplicate members": return TokenForge.Answer("{\"value\":[{\"@odata.type\":\"#microsoft.graph.group\",\"id\":\"a\"}],\"value\":[]}");
            case "another host": return Next("https://evil.example/v1.0" + ScriptedDirectory.Path);
            case "another scheme": return Next("http" + path[5..]);
            case "another port": return Next(path.Replace(".com/", ".com:8443/", StringComparison.Ordinal));
            case "user in the link": return Next(path.Replace("https://", "https://evil@", StringComparison.Ordinal));
            case "another path": return Next($"{ScriptedDirectory.Base}/users/0ccccccc-1111-4111-8111-000000000003/transitiveMemberOf");
            case "the secret's path": return Next($"{path}/../../../secret");
            case "link is a number": return TokenForge.Answer("{\"value\":[],\"@odata.nextLink\":7}");
            case "relative link": return Next(ScriptedDirectory.Path);
            case "endless pages": return Next($"{path}?$skiptoken={Guid.NewGuid()}");
            case "too many groups": return ScriptedDirectory.List(Enumerable.Range(0, 999).Select(JsonNode (i) => ScriptedDirectory.Member($"{request.RequestUri!.Query.Length}-{i}")), $"{path}?$skiptoken={request.RequestUri!.Query}x");
            default: return new(HttpStatusCode.OK) { Content = new StreamContent(new BrokenStream(Encoding.UTF8.GetBytes("{\"value\":["))) };
        }
    }

    [Fact]
    public async Task Whom_the_directory_does_not_know_is_refused_for_good()
    {
        _directory.Answer = (_, _) => Task.FromResult(TokenForge.Answer("{}", HttpStatusCode.NotFound));

        var refused = await _stage.Authenticator.RefusesAsync(Overage());

        Assert.Equal(TokenFault.NotInDirectory.Reason, refused.Reason);
        Assert.False(refused.IsTransient);
    }

    [Theory]
    [InlineData("""{"access_token":"","token_type":"Bearer"}""")]
    [InlineData("""{"access_token":"a b","token_type":"Bearer"}""")]
    [InlineData("""{"access_token":"a\r\nX-Evil: 1","token_type":"Bearer"}""")]
    [InlineData("""{"access_token":"abc","token_type":"DPoP"}""")]
    [InlineData("""{"access_token":"abc"}""")]
    [InlineData("""{"access_token":7,"token_type":"Bearer"}""")]
    [InlineData("<html>")]
    [InlineData("[]")]
    public async Task A_token_endpoint_that_gives_no_token_means_no_groups_are_known(string answer)
    {
        _directory.TokenAnswer = () => TokenForge.Answer(answer);

        Assert.True((await _stage.Authenticator.RefusesAsync(Overage())).IsTransient);
        Assert.Equal(0, _directory.Questions);
    }

    [Fact]
    public async Task A_token_that_the_directory_does_not_take_is_asked_for_again()
    {
        await _stage.Authenticator.AcceptsAsync(Overage());
        _directory.Token = "directory-token-2";
        _stage.Clock.Advance(GroupDirectory.Fresh);

        await _stage.Authenticator.RefusesAsync(Overage());
        await _stage.Authenticator.AcceptsAsync(Overage());

        Assert.Equal(2, _directory.Forms.Count);
    }

    private sealed class BrokenStream(byte[] start) : MemoryStream(start)
    {
        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            await base.ReadAsync(buffer, cancellationToken) is > 0 and var read ? read : throw new IOException("the connection broke");
    }
}
