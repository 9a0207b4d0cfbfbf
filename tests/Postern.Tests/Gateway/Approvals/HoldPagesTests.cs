using System.Net;
using System.Net.Http.Headers;

namespace Postern.Tests.Gateway.Approvals;

public sealed class HoldPagesTests : IAsyncLifetime
{
    private RunningGateway _gateway = null!;

    public async ValueTask InitializeAsync() => _gateway = await RunningGateway.StartAsync();

    public async ValueTask DisposeAsync() => await _gateway.DisposeAsync();

    [Fact]
    [Guarantee("G7")]
    public async Task A_held_call_is_approved_on_the_page_and_the_identical_repeat_runs_once()
    {
        var id = await _gateway.HoldARefundAsync();
        Assert.Equal(0, _gateway.Shop.RefundCount);
        using var bob = await Browser.SignInAsync(_gateway, "bob");

        var (_, page) = await bob.GetAsync($"/approve/{id}");
        Assert.Contains("Approve this operation?", page, StringComparison.Ordinal);
        Assert.Contains("900", page, StringComparison.Ordinal);
        var (status, after) = await bob.AnswerAsync(id, "approve", "checked with the customer");

        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Contains("<h1>Approved</h1>", after, StringComparison.Ordinal);
        Assert.Equal(0, _gateway.Shop.RefundCount);
        await _gateway.CallToolAsync("alice", "refund", """{"order":"O-1001","amount":900,"reason":"broken"}""");
        Assert.Equal(1, _gateway.Shop.CountOf("refund"));
        Assert.NotEqual(id, await _gateway.HoldARefundAsync());
        Assert.Equal(1, _gateway.Shop.CountOf("refund"));
    }

    [Fact]
    [Row("A07")]
    public async Task GET_never_acts_however_it_is_dressed()
    {
        var id = await _gateway.HoldARefundAsync();
        using var bob = await Browser.SignInAsync(_gateway, "bob");
        var csrf = await bob.CsrfAsync($"/approve/{id}");

        foreach (var path in new[] { $"/approve/{id}", $"/approve/{id}?answer=approve&csrf={csrf}", "/approvals", "/" })
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, _gateway.Host.Url + path);
            request.Headers.Add("X-HTTP-Method-Override", "POST");
            using var response = await bob.SendAsync(request);
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        }

        Assert.Contains("Approve this operation?", (await bob.GetAsync($"/approve/{id}")).Page, StringComparison.Ordinal);
    }

    [Fact]
    [Row("A07")]
    public async Task A_form_of_another_site_or_without_the_token_answers_nothing()
    {
        var id = await _gateway.HoldARefundAsync();
        using var bob = await Browser.SignInAsync(_gateway, "bob");
        using var carol = await Browser.SignInAsync(_gateway, "carol");
        var foreign = await carol.CsrfAsync("/approvals");

        Assert.Equal(HttpStatusCode.Forbidden, (await bob.AnswerAsync(id, "approve", csrf: "wrong")).Status);
        Assert.Equal(HttpStatusCode.Forbidden, (await bob.AnswerAsync(id, "approve", csrf: foreign)).Status);
        Assert.Equal(HttpStatusCode.Forbidden, (await bob.AnswerAsync(id, "approve", origin: "https://evil.example")).Status);
        Assert.Contains("Approve this operation?", (await bob.GetAsync($"/approve/{id}")).Page, StringComparison.Ordinal);
    }

    [Fact]
    [Guarantee("G8")]
    [Row("A04")]
    public async Task Whoever_asked_sees_the_state_but_no_buttons_and_cannot_answer()
    {
        var id = await _gateway.HoldARefundAsync();
        using var alice = await Browser.SignInAsync(_gateway, "alice");

        var (_, page) = await alice.GetAsync($"/approve/{id}");
        Assert.Contains("Waiting for approval", page, StringComparison.Ordinal);
        Assert.DoesNotContain("value=\"approve\"", page, StringComparison.Ordinal);
        var (status, _) = await alice.AnswerAsync(id, "approve", csrf: await alice.CsrfAsync("/approvals"));

        Assert.Equal(HttpStatusCode.Forbidden, status);
        Assert.Contains("Waiting for approval", (await alice.GetAsync($"/approve/{id}")).Page, StringComparison.Ordinal);
    }

    [Fact]
    [Row("A15")]
    public async Task For_everyone_else_the_hold_does_not_exist()
    {
        var id = await _gateway.HoldARefundAsync();
        using var carol = await Browser.SignInAsync(_gateway, "carol");

        var (status, page) = await carol.GetAsync($"/approve/{id}");
        var (unknownStatus, unknownPage) = await carol.GetAsync("/approve/0ABCDEFGHJKMNPQRSTVWXYZ012");

        Assert.Equal(HttpStatusCode.NotFound, status);
        Assert.Equal((unknownStatus, unknownPage), (status, page));
        Assert.DoesNotContain(id, (await carol.GetAsync("/approvals")).Page, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.NotFound, (await carol.AnswerAsync(id, "approve", csrf: await carol.CsrfAsync("/approvals"))).Status);
    }

    [Fact]
    [Row("A05")]
    [Guarantee("G8")]
    public async Task A_stolen_token_of_an_approver_reads_but_never_approves()
    {
        var id = await _gateway.HoldARefundAsync();
        var stolen = _gateway.TokenOf("bob", "postern-cli");
        using var http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false });

        using var read = await _gateway.ApiAsync($"/approvals/{id}", stolen);
        Assert.Equal(HttpStatusCode.OK, read.StatusCode);
        Assert.DoesNotContain("broken", await read.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        using var own = await _gateway.ApiAsync($"/approvals/{id}", _gateway.TokenOf("alice", "postern-cli"));
        Assert.Contains("broken", await own.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        using var form = new HttpRequestMessage(HttpMethod.Post, $"{_gateway.Host.Url}/approve/{id}") { Content = new FormUrlEncodedContent([new("answer", "approve"), new("csrf", stolen)]) };
        form.Headers.Authorization = new AuthenticationHeaderValue("Bearer", stolen);
        form.Headers.Add("Origin", _gateway.Host.Url);
        using var posted = await http.SendAsync(form);
        using var accepted = await _gateway.ApiAsync("/connections/shop/definitions/accept", _gateway.TokenOf("carol", "postern-cli"), HttpMethod.Post, new StringContent("{}"));

        Assert.Equal(HttpStatusCode.Unauthorized, posted.StatusCode);
        Assert.Equal(HttpStatusCode.Forbidden, accepted.StatusCode);
        using var after = await _gateway.ApiAsync($"/approvals/{id}", stolen);
        Assert.Contains("\"state\":\"open\"", await after.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_denial_needs_a_reason_and_ends_the_question()
    {
        var id = await _gateway.HoldARefundAsync();
        using var bob = await Browser.SignInAsync(_gateway, "bob");

        Assert.Equal(HttpStatusCode.BadRequest, (await bob.AnswerAsync(id, "deny")).Status);
        Assert.Equal(HttpStatusCode.BadRequest, (await bob.AnswerAsync(id, "maybe", "x")).Status);
        var (_, page) = await bob.AnswerAsync(id, "deny", "ask the customer first <b>");

        Assert.Contains("<h1>Denied</h1>", page, StringComparison.Ordinal);
        Assert.Contains("ask the customer first &lt;b&gt;", page, StringComparison.Ordinal);
        Assert.Contains("hold.rejected", (await _gateway.CallToolAsync("alice", "refund", """{"order":"O-1001","amount":900,"reason":"broken"}""")).GetRawText(), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, (await bob.GetAsync($"/approve/{id}")).Status);
    }

    [Fact]
    public async Task A_hold_survives_a_restart()
    {
        var id = await _gateway.HoldARefundAsync();

        await _gateway.RestartAsync();

        using var bob = await Browser.SignInAsync(_gateway, "bob");
        Assert.Contains("900", (await bob.GetAsync($"/approve/{id}")).Page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Pages_need_a_sign_in_run_no_script_and_cannot_be_framed()
    {
        using var http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false });
        foreach (var path in new[] { "/", "/approvals", "/approve/0ABCDEFGHJKMNPQRSTVWXYZ012" })
        {
            using var response = await http.GetAsync(_gateway.Host.Url + path);
            Assert.Contains("/signin", response.Headers.Location!.ToString(), StringComparison.Ordinal);
        }
        using var bob = await Browser.SignInAsync(_gateway, "bob");
        using var request = new HttpRequestMessage(HttpMethod.Get, _gateway.Host.Url + "/approvals");
        using var page = await bob.SendAsync(request);

        var policy = Assert.Single(page.Headers.GetValues("Content-Security-Policy"));
        Assert.Contains("default-src 'none'", policy, StringComparison.Ordinal);
        Assert.Contains("frame-ancestors 'none'", policy, StringComparison.Ordinal);
        Assert.DoesNotContain("<script", await page.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }
}
