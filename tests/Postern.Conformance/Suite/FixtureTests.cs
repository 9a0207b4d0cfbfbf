using Postern.Conformance.Peers;

namespace Postern.Conformance.Suite;

/// <summary>The fixture itself: what the comparison through Postern rests on.</summary>
public sealed class FixtureTests
{
    [Theory]
    [InlineData(SuiteScope.Legacy)]
    [InlineData(SuiteScope.Modern)]
    public async Task The_fixture_passes_every_scored_check_when_asked_directly(string revision)
    {
        var cancellationToken = TestContext.Current.CancellationToken;
        await using var fixture = await NodeServer.StartFixtureAsync(cancellationToken);

        var checks = await SuiteRun.AgainstAsync(fixture.Url, revision, cancellationToken);

        Assert.Equal(SuiteScope.ScenariosOf(revision), checks.Select(check => check.Scenario).Distinct().Count());
        Assert.Empty(checks.Where(check => check.HasFailed && !SuiteScope.IsOfExtension(check)));
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

        var checks = await SuiteRun.AgainstAsync(forwarder.Url, revision, cancellationToken);

        Assert.Equal(SuiteScope.ScenariosOf(revision), checks.Select(check => check.Scenario).Distinct().Count());
        Assert.Empty(checks.Where(check => check.HasFailed && !SuiteScope.IsOfExtension(check)));
    }
}
