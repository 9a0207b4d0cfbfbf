using Postern.Conformance.Peers;

namespace Postern.Conformance.Suite;

/// <summary>The fixture itself: what the comparison through Postern rests on.</summary>
public sealed class FixtureTests
{
    [Theory]
    [InlineData(SuiteScope.Legacy)]
    [InlineData(SuiteScope.Modern)]
    public async Task The_fixture_passes_every_check_in_scope_when_asked_directly(string revision)
    {
        var cancellationToken = TestContext.Current.CancellationToken;
        await using var fixture = await NodeServer.StartFixtureAsync(cancellationToken);

        var checks = SuiteScope.Select(await SuiteRun.AgainstAsync(fixture.Url, revision, cancellationToken), revision);

        Assert.Equal(SuiteScope.Of(revision).Order(StringComparer.Ordinal), checks.Select(check => check.Scenario).Distinct().Order(StringComparer.Ordinal));
        Assert.Empty(checks.Where(check => check.HasFailed));
        Assert.Empty(fixture.Errors);
    }

    [Theory]
    [InlineData(SuiteScope.Legacy)]
    [InlineData(SuiteScope.Modern)]
    public async Task The_forwarder_that_adds_a_token_changes_no_check(string revision)
    {
        var cancellationToken = TestContext.Current.CancellationToken;
        await using var fixture = await NodeServer.StartFixtureAsync(cancellationToken);
        await using var forwarder = new AddingForwarder(fixture.Url, "X-Added: yes");

        var checks = SuiteScope.Select(await SuiteRun.AgainstAsync(forwarder.Url, revision, cancellationToken), revision);

        Assert.NotEmpty(checks);
        Assert.Empty(checks.Where(check => check.HasFailed));
    }
}
