using System.Globalization;
using System.Net;

namespace Postern.Tests.Http;

/// <summary>Requests that wait for people.</summary>
public sealed class HttpHoldTests
{
    private const string Large = """{"amount":900,"order":"O-7"}""";

    [Fact]
    [Guarantee("G7")]
    public async Task A_held_request_is_told_where_people_answer_and_the_identical_repeat_uses_the_approval_once()
    {
        await using var bed = await HttpBed.StartAsync();

        var held = await bed.SendAsync("POST", "/refunds", Large);
        Assert.Equal(HttpStatusCode.Forbidden, held.Status);
        Assert.Equal("hold.pending", held.Json.GetProperty("code").GetString());
        Assert.StartsWith(bed.Host.PublicUrl + "/approve/", held.Header("Location"), StringComparison.Ordinal);
        Assert.Equal("15", held.Header("Retry-After"));
        Assert.Empty(bed.Target.Requests);

        await bed.ApproveAsync(held.Header("Location")!);

        // Another body is another request; headers that change with every repeat are not.
        Assert.Equal(HttpStatusCode.Forbidden, (await bed.SendAsync("POST", "/refunds", """{"amount":901,"order":"O-7"}""")).Status);
        Assert.Equal(HttpStatusCode.Forbidden, (await bed.SendAsync("POST", "/refunds?again=1", Large)).Status);
        Assert.Equal(HttpStatusCode.Forbidden, (await bed.SendAsync("POST", "/refunds", Large, change: request => request.Headers.Add("X-Tenant-Region", "eu"))).Status);
        var done = await bed.SendAsync("POST", "/refunds", """{ "order":"O-7", "amount":900 }""", change: request => request.Headers.Add("traceparent", "00-1-2-01"));
        Assert.Equal(HttpStatusCode.OK, done.Status);
        Assert.Equal("""{ "order":"O-7", "amount":900 }""", Assert.Single(bed.Target.Requests).BodyText);
        Assert.Equal(HttpStatusCode.Forbidden, (await bed.SendAsync("POST", "/refunds", Large)).Status);
        Assert.Single(bed.Target.Requests);
    }

    [Fact]
    [Guarantee("G7"), Guarantee("G9")]
    public async Task A_body_that_nobody_reads_is_shown_and_bound_byte_for_byte()
    {
        await using var bed = await HttpBed.StartAsync();

        var held = await bed.SendAsync("POST", "/reviewed/a", "plain words", "text/plain");
        Assert.Equal("hold.pending", held.Json.GetProperty("code").GetString());
        Assert.Contains("plain words", await bed.ApproveAsync(held.Header("Location")!), StringComparison.Ordinal);

        Assert.Equal(HttpStatusCode.Forbidden, (await bed.SendAsync("POST", "/reviewed/a", "plain w0rds", "text/plain")).Status);
        Assert.Equal(HttpStatusCode.OK, (await bed.SendAsync("POST", "/reviewed/a", "plain words", "text/plain")).Status);
        Assert.Equal("plain words", Assert.Single(bed.Target.Requests).BodyText);
        // Asked first, so that the answer does not cross a body that nobody reads (RFC 9110 section 10.1.1).
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, (await bed.SendAsync("POST", "/reviewed/a", new string('x', 5_000_000), "text/plain", request => request.Headers.ExpectContinue = true)).Status);
    }

    [Fact]
    public async Task Who_prefers_to_wait_waits_and_gets_the_answer_itself()
    {
        await using var bed = await HttpBed.StartAsync(wait: TimeSpan.FromSeconds(30));

        var waiting = bed.SendAsync("POST", "/refunds", Large, change: request => request.Headers.TryAddWithoutValidation("Prefer", "return=minimal, wait=20"));
        await bed.ApproveAsync(await bed.OpenHoldAsync());
        var done = await waiting;

        Assert.Equal(HttpStatusCode.OK, done.Status);
        Assert.Equal("wait=20", done.Header("Preference-Applied"));
        Assert.Equal(["return=minimal"], Assert.Single(bed.Target.Requests).Values("Prefer"));
    }

    [Fact]
    public async Task Who_waits_in_vain_is_told_to_come_back()
    {
        await using var bed = await HttpBed.StartAsync(wait: TimeSpan.FromSeconds(1));

        var held = await bed.SendAsync("POST", "/refunds", Large, change: request => request.Headers.TryAddWithoutValidation("Prefer", "wait=600"));

        Assert.Equal("hold.pending", held.Json.GetProperty("code").GetString());
        Assert.Equal("wait=1", held.Header("Preference-Applied"));
        Assert.True(int.Parse(held.Header("Retry-After")!, CultureInfo.InvariantCulture) > 0);
    }
}
