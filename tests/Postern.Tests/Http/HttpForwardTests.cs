using System.Net;

namespace Postern.Tests.Http;

/// <summary>What goes to the target and what comes back.</summary>
public sealed class HttpForwardTests
{
    [Fact]
    [Guarantee("G12"), Guarantee("G13")]
    public async Task A_permitted_request_reaches_the_target_with_the_lent_credential_and_never_the_callers()
    {
        await using var bed = await HttpBed.StartAsync();

        var answer = await bed.GetAsync("/orders?state=open");

        Assert.Equal(HttpStatusCode.OK, answer.Status);
        Assert.Equal("""{"ok":true}""", answer.Body);
        var received = Assert.Single(bed.Target.Requests);
        Assert.Equal("GET /orders?state=open HTTP/1.1", received.Line);
        Assert.Equal([HttpBed.Credential], received.Values("Authorization"));
        Assert.DoesNotContain(bed.Token, received.Head, StringComparison.Ordinal);
        Assert.DoesNotContain("3f9a", answer.Everything, StringComparison.Ordinal);
    }

    [Fact]
    [Guarantee("G6")]
    public async Task A_json_body_arrives_byte_for_byte()
    {
        await using var bed = await HttpBed.StartAsync();
        const string body = """ { "amount" : 1e2, "note":"caf\u00e9 ☕" , "big":9007199254740993 } """;

        var answer = await bed.SendAsync("POST", "/refunds", body);

        Assert.True(answer.Status == HttpStatusCode.OK, answer.Body);
        Assert.Equal(body, Assert.Single(bed.Target.Requests).BodyText);
    }

    [Fact]
    [Guarantee("G5")]
    public async Task What_no_rule_permits_is_a_problem_document_and_nothing_is_sent()
    {
        await using var bed = await HttpBed.StartAsync();

        var answer = await bed.SendAsync("DELETE", "/orders/7");

        Assert.Equal(HttpStatusCode.Forbidden, answer.Status);
        Assert.Equal("application/problem+json", answer.Header("Content-Type"));
        Assert.Equal("policy.not_permitted", answer.Json.GetProperty("code").GetString());
        Assert.Equal("denied", answer.Json.GetProperty("postern").GetProperty("decision").GetString());
        Assert.Empty(bed.Target.Requests);
    }

    [Theory]
    [InlineData("/admin")]
    [InlineData("/admin/users")]
    [InlineData("/%61dmin/users")]
    [InlineData("/adm%69n")]
    public async Task A_denied_path_is_denied_in_every_spelling(string path)
    {
        await using var bed = await HttpBed.StartAsync();

        Assert.Equal(HttpStatusCode.Forbidden, (await bed.GetAsync(path)).Status);
        Assert.Empty(bed.Target.Requests);
    }

    [Fact]
    public async Task Conditions_read_the_body()
    {
        await using var bed = await HttpBed.StartAsync();

        Assert.Equal(HttpStatusCode.OK, (await bed.SendAsync("POST", "/refunds", """{"amount":500}""")).Status);
        Assert.Equal(HttpStatusCode.Forbidden, (await bed.SendAsync("POST", "/refunds", """{"amount":500.01}""")).Status);
        Assert.Equal(HttpStatusCode.Forbidden, (await bed.SendAsync("POST", "/refunds", """{}""")).Status);
        // Not announced as JSON: then nobody knows what it asks for, and what depends on it is refused.
        Assert.Equal(HttpStatusCode.Forbidden, (await bed.SendAsync("POST", "/refunds", """{"amount":5}""", "text/plain")).Status);
        Assert.Single(bed.Target.Requests);
    }

    [Fact]
    public async Task Masks_act_on_json_replies_and_on_the_record()
    {
        await using var bed = await HttpBed.StartAsync("""masks: [ { id: pii, on: [ { connection: api } ], fields: ["$..email"], as: redact } ]""");
        bed.Target.Answer = _ => RawTarget.Reply("application/json", """{"customers":[{"id":1,"email":"canary@example.org"}]}""");

        var answer = await bed.SendAsync("POST", "/refunds", """{"amount":5,"email":"asked@example.org"}""");

        Assert.Equal("""{"customers":[{"id":1,"email":"[masked:pii]"}]}""", answer.Body);
        Assert.Equal("""{"amount":5,"email":"asked@example.org"}""", Assert.Single(bed.Target.Requests).BodyText);
        var journal = await bed.JournalAsync();
        Assert.Contains("http.request", journal, StringComparison.Ordinal);
        Assert.DoesNotContain("canary@example.org", journal, StringComparison.Ordinal);
        Assert.DoesNotContain("asked@example.org", journal, StringComparison.Ordinal);
    }
}
