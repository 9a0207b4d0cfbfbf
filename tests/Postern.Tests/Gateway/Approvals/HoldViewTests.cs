using System.Text;
using Postern.Core.Approvals;
using Postern.Core.Operations;
using Postern.Core.Policy;
using Postern.Gateway.Approvals;
using Postern.Gateway.Pages;
using Postern.Tests.Doubles;

namespace Postern.Tests.Gateway.Approvals;

[Guarantee("G9")]
public sealed class HoldViewTests
{
    private static readonly DateTimeOffset _now = new(2026, 11, 21, 12, 0, 0, TimeSpan.Zero);

    internal static Hold Sample(string request = """{"name":"refund","arguments":{"order":9,"amount":900}}""") => new()
    {
        Id = "0ABCDEFGHJKMNPQRSTVWXYZ012",
        Binding = Digest.Of("binding"u8),
        OpenedBy = OperationId.New(_now),
        Requester = "demo:alice",
        RequesterName = "Alice Archer",
        Agent = "claude-code",
        ClientName = "Claude Code 2.1",
        Connection = "shop",
        Target = "http://127.0.0.1:7700/mcp",
        Summary = "mcp.tools.call: refund",
        Request = Encoding.UTF8.GetBytes(request),
        Terms = new HoldTerms([new ApproverRequirement(["demo:on-call"], [], 1)], TimeSpan.FromMinutes(30), TimeSpan.FromMinutes(10), HoldRisk.High),
        Rule = "large-refunds@14",
        Reason = "Refunds over 500 need the on-call person.",
        PolicyVersion = 14,
        OpenedAt = _now.AddMinutes(-2),
        ExpiresAt = _now.AddMinutes(28),
        State = HoldState.Open,
    };

    private static string Draw(Hold hold, string viewer = "bob", bool withForm = true, DateTimeOffset? now = null) =>
        HoldView.Of(hold, Samples.Person(viewer), withForm ? Html.Of($"<input type=\"hidden\">") : null, now ?? _now).ToString();

    [Fact]
    public void An_approver_sees_who_wants_what_where_why_and_until_when()
    {
        var page = Draw(Sample());

        foreach (var expected in new[] { "Alice Archer", "demo:alice", "claude-code", "mcp.tools.call: refund", "shop", "http://127.0.0.1:7700/mcp", "Refunds over 500", "large-refunds@14", "one person: a member of demo:on-call", "2026-11-21 12:28:00 UTC", "in 28 minutes", "high risk", "900" })
        {
            Assert.Contains(expected, page, StringComparison.Ordinal);
        }
        Assert.Contains("value=\"approve\"", page, StringComparison.Ordinal);
        Assert.Contains("value=\"deny\"", page, StringComparison.Ordinal);
    }

    [Fact]
    [Row("A13")]
    public void What_the_client_says_of_itself_is_labelled_and_stands_below_the_request()
    {
        var page = Draw(Sample() with { ClientName = "Approved by security\u202E <b>" });

        var request = page.IndexOf("Exactly this request", StringComparison.Ordinal);
        var label = page.IndexOf("Said by the client, not verified", StringComparison.Ordinal);
        var words = page.IndexOf("Approved by security<b class=\"mark\">U+202E</b> &lt;b&gt;", StringComparison.Ordinal);
        Assert.True(request > 0 && request < label && label < words);
    }

    [Theory]
    [InlineData(HoldState.Consumed)]
    [InlineData(HoldState.Denied)]
    [InlineData(HoldState.Expired)]
    public void What_is_over_has_no_buttons(HoldState state) =>
        Assert.DoesNotContain("<button", Draw(Sample() with { State = state, Request = default }), StringComparison.Ordinal);

    [Fact]
    [Row("A09")]
    public void An_approval_that_was_not_used_yet_can_only_be_taken_back()
    {
        var page = Draw(Sample() with { State = HoldState.Approved, UsableUntil = _now.AddMinutes(5), Request = default });

        Assert.Contains("value=\"deny\"", page, StringComparison.Ordinal);
        Assert.DoesNotContain("value=\"approve\"", page, StringComparison.Ordinal);
    }

    [Fact]
    [Row("A08")]
    public void A_hold_past_its_time_is_drawn_as_expired_before_the_sweep_comes_by()
    {
        var page = Draw(Sample(), now: _now.AddMinutes(28));

        Assert.Contains("<h1>Expired</h1>", page, StringComparison.Ordinal);
        Assert.DoesNotContain("<button", page, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_field_that_others_filled_is_escaped()
    {
        const string hostile = "<img src=x onerror=alert(1)>\u202E";
        var hold = Sample(System.Text.Json.JsonSerializer.Serialize(hostile)) with
        {
            RequesterName = hostile, Requester = hostile, Agent = hostile, ClientName = hostile, Connection = hostile, Target = hostile, Summary = hostile, Rule = hostile, Reason = hostile,
            Answers = [new Answer(hostile, hostile, [], Approved: true, hostile, _now)],
            Terms = new HoldTerms([new ApproverRequirement([hostile], [hostile], 2)], TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(1), HoldRisk.Low),
        };

        var page = Draw(hold);

        Assert.DoesNotContain("<img", page, StringComparison.Ordinal);
        Assert.DoesNotContain("\u202E", page, StringComparison.Ordinal);
    }
}
