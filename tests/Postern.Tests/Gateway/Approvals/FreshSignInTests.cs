using System.Net;

namespace Postern.Tests.Gateway.Approvals;

[Guarantee("G8")]
public sealed class FreshSignInTests
{
    [Fact]
    [Row("A05")]
    public async Task An_answer_needs_a_sign_in_of_the_last_five_minutes()
    {
        var clock = new ShiftedClock();
        await using var gateway = await RunningGateway.StartAsync(clock: clock);
        var id = await gateway.HoldARefundAsync();
        using var bob = await Browser.SignInAsync(gateway, "bob");
        clock.Ahead = TimeSpan.FromMinutes(6);

        var (status, page) = await bob.AnswerAsync(id, "approve");

        Assert.Equal(HttpStatusCode.Unauthorized, status);
        Assert.Contains("fresh=1", page, StringComparison.Ordinal);
        Assert.Contains("Approve this operation?", (await bob.GetAsync($"/approve/{id}")).Page, StringComparison.Ordinal);
    }

    [Fact]
    [Row("A08")]
    [Row("F16")]
    public async Task What_nobody_answered_in_time_can_no_longer_be_answered_and_its_request_is_gone()
    {
        var clock = new ShiftedClock();
        await using var gateway = await RunningGateway.StartAsync(clock: clock);
        var id = await gateway.HoldARefundAsync();
        clock.Ahead = TimeSpan.FromMinutes(31);
        using var bob = await Browser.SignInAsync(gateway, "bob");

        Assert.Equal(HttpStatusCode.Conflict, (await bob.AnswerAsync(id, "approve", csrf: await bob.CsrfAsync("/approvals"))).Status);
        Assert.Equal(0, gateway.Shop.RefundCount);
        for (var attempt = 0; ; attempt++)
        {
            var (_, page) = await bob.GetAsync($"/approve/{id}");
            Assert.Contains("<h1>Expired</h1>", page, StringComparison.Ordinal);
            if (page.Contains("was destroyed", StringComparison.Ordinal)) break;
            Assert.True(attempt < 100, "the kept request outlived the hold");
            await Task.Delay(100);
        }
    }
}
