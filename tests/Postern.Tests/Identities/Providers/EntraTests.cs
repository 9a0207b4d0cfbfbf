using System.Text.Json.Nodes;
using Postern.Core.Operations;
using Postern.Gateway.Identities;
using static Postern.Tests.Identities.Providers.ProviderTokens;

namespace Postern.Tests.Identities.Providers;

[Guarantee("G13")]
public sealed class EntraTests
{
    [Fact]
    [Row("J10")]
    public async Task A_person_of_version_2_is_known_by_object_and_tenant()
    {
        using var stage = new ProviderStage(ProviderStage.Page("entra.yaml"));

        var una = await stage.Authenticator.AcceptsAsync(stage.Sign(EntraSecond(stage.Forge)));

        Assert.Equal($"entra:{Una}.{Tenant}", una.Key);
        Assert.Equal((IdentityKind.Person, "tQx-1"), (una.Kind, una.TokenId));
        Assert.Equal("entra:aaaaaaaa-0000-4000-8000-00000000a9e7", una.QualifiedAgent);
        Assert.Equal(["entra:99999999-0000-4000-8000-000000000001", "entra:role:Orders.Approve", "entra:support"], una.QualifiedGroups.Order(StringComparer.Ordinal));
    }

    [Fact]
    [Row("J10")]
    public async Task Versions_are_kept_apart_in_both_directions()
    {
        using var second = new ProviderStage(ProviderStage.Page("entra.yaml"));
        using var first = new ProviderStage(ProviderStage.Page("entra-v1.yaml"));
        await first.Authenticator.AcceptsAsync(first.Sign(EntraFirst(first.Forge)));
        await first.Authenticator.AcceptsAsync(first.Sign(EntraFirst(first.Forge), change: claims => claims["aud"] = Api));

        // presented whole, and with the issuer's text exchanged, signed by whoever that issuer is
        await second.Authenticator.RefusesAsync(first.Sign(EntraFirst(first.Forge)));
        await first.Authenticator.RefusesAsync(second.Sign(EntraSecond(second.Forge)));
        await second.Authenticator.RefusesAsync(second.Sign(EntraFirst(second.Forge), change: claims => (claims["iss"], claims["aud"]) = (second.Forge.Authority, Api)));
        await first.Authenticator.RefusesAsync(first.Sign(EntraSecond(first.Forge), change: claims => (claims["iss"], claims["aud"]) = (first.Forge.Authority, "api://postern")));

        // the audience of one is none of the other
        await second.Authenticator.RefusesAsync(second.Sign(EntraSecond(second.Forge), change: claims => claims["aud"] = "api://postern"));
        await second.Authenticator.RefusesAsync(second.Sign(EntraSecond(second.Forge), change: claims => claims["ver"] = "1.0"));
        await second.Authenticator.RefusesAsync(second.Sign(EntraSecond(second.Forge), change: claims => claims["ver"] = 2.0));
        await second.Authenticator.RefusesAsync(second.Sign(EntraSecond(second.Forge), change: claims => claims.Remove("ver")));
    }

    [Fact]
    [Row("J08")]
    public async Task An_id_token_of_the_same_application_is_no_access_token()
    {
        using var stage = new ProviderStage(ProviderStage.Page("entra.yaml"));

        await stage.Authenticator.RefusesAsync(stage.Sign(EntraIdToken(stage.Forge)));
        await stage.Authenticator.RefusesAsync(stage.Sign(EntraSecond(stage.Forge), change: claims => claims.Remove("azp")));
        await stage.Authenticator.RefusesAsync(stage.Sign(EntraSecond(stage.Forge), change: claims => { claims.Remove("scp"); claims.Remove("roles"); claims.Remove("idtyp"); }));
    }

    [Fact]
    [Row("J11")]
    public async Task Tenants_are_checked_in_the_issuer_and_in_the_claim()
    {
        using var stage = new ProviderStage(ProviderStage.Page("entra-tenants.yaml"));

        var one = await stage.Authenticator.AcceptsAsync(stage.Sign(EntraSecond(stage.Forge)));
        var two = await stage.Authenticator.AcceptsAsync(stage.Sign(EntraSecond(stage.Forge, OtherTenant)));
        Assert.NotEqual(one.Key, two.Key);

        // a tenant of the list in the claim, another of the list in the issuer: each is configured, the pair is not
        await stage.Authenticator.RefusesAsync(stage.Sign(EntraSecond(stage.Forge), change: claims => claims["tid"] = OtherTenant));
        await stage.Authenticator.RefusesAsync(stage.Sign(EntraSecond(stage.Forge), change: claims => claims.Remove("tid")));
        await stage.Authenticator.RefusesAsync(stage.Sign(EntraSecond(stage.Forge), change: claims => claims["tid"] = new JsonArray(Tenant)));

        // a tenant that is not on the list, and the template itself
        const string stranger = "77777777-7777-4888-8999-000000000000";
        await stage.Authenticator.RefusesAsync(stage.Sign(EntraSecond(stage.Forge, stranger)));
        await stage.Authenticator.RefusesAsync(stage.Sign(EntraSecond(stage.Forge, "{tenantid}")));
        await stage.Authenticator.RefusesAsync(stage.Sign(EntraSecond(stage.Forge, "common")));

        // the other tenant's key signs nothing for this one
        var other = stage.ForgeOf($"https://login.microsoftonline.com/{OtherTenant}/v2.0");
        await stage.Authenticator.RefusesAsync(other.Sign(Header(other).ToJsonString(), EntraSecond(other).ToJsonString()));
    }

    [Fact]
    [Row("J15")]
    public async Task An_app_only_token_is_a_workload_whether_it_is_marked_or_not()
    {
        using var stage = new ProviderStage(ProviderStage.Page("entra.yaml"));

        foreach (var isMarked in (bool[])[true, false])
        {
            var app = await stage.Authenticator.AcceptsAsync(stage.Sign(EntraApp(stage.Forge, isMarked)));
            Assert.Equal(IdentityKind.Workload, app.Kind);
            Assert.Equal($"entra:0bbbbbbb-1111-4111-8111-000000000002.{Tenant}", app.Key);
            Assert.Equal(["entra:role:Orders.Approve"], app.QualifiedGroups);
        }
        var both = await stage.Authenticator.RefusesAsync(stage.Sign(EntraApp(stage.Forge, isMarked: true), change: claims => claims["scp"] = "access_as_user"));
        Assert.Equal(TokenFault.BothKinds.Reason, both.Reason);
    }

    [Fact]
    [Row("J13")]
    public async Task What_changes_hands_decides_nothing()
    {
        using var stage = new ProviderStage(ProviderStage.Page("entra.yaml"));
        var una = await stage.Authenticator.AcceptsAsync(stage.Sign(EntraSecond(stage.Forge)));

        // the address and the name pass to somebody else, who may also name a group of their own like a role or like a configured name
        var next = await stage.Authenticator.AcceptsAsync(stage.Sign(EntraSecond(stage.Forge), change: claims =>
        {
            claims["oid"] = "0ccccccc-1111-4111-8111-000000000003";
            claims["roles"] = new JsonArray();
            claims["groups"] = new JsonArray("support", "role:Orders.Approve");
        }));

        Assert.NotEqual(una.Key, next.Key);
        Assert.Empty(next.Groups);

        // without the stable identifier nobody is anybody
        await stage.Authenticator.RefusesAsync(stage.Sign(EntraSecond(stage.Forge), change: claims => claims.Remove("oid")));
        await stage.Authenticator.RefusesAsync(stage.Sign(EntraSecond(stage.Forge), change: claims => claims["oid"] = 7));
        await stage.Authenticator.RefusesAsync(stage.Sign(EntraSecond(stage.Forge), change: claims => claims["oid"] = ""));
    }

    [Theory]
    [Row("J12")]
    [InlineData("https://graph.windows.net/x/users/y/getMemberObjects")]
    [InlineData("https://evil.example/groups")]
    public async Task Overage_without_a_directory_is_refused_and_nothing_is_asked(string endpoint)
    {
        using var stage = new ProviderStage(ProviderStage.Page("entra.yaml"));

        var refused = await stage.Authenticator.RefusesAsync(stage.Sign(EntraOverage(stage.Forge, endpoint)));
        await stage.Authenticator.RefusesAsync(stage.Sign(EntraSecond(stage.Forge), change: claims => { claims.Remove("groups"); claims["hasgroups"] = true; }));

        Assert.Contains("overage", refused.Reason, StringComparison.Ordinal);
        Assert.Empty(stage.Forge.Fetched);
    }
}
