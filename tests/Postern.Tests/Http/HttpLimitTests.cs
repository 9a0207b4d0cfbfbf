using System.Globalization;
using System.Net;
using System.Text;

namespace Postern.Tests.Http;

/// <summary>Limits of rules over HTTP: counted where they are for every protocol, told in HTTP's words.</summary>
public sealed class HttpLimitTests
{
    [Fact]
    [Row("D08")]
    public async Task So_many_requests_in_a_time_and_then_too_many_with_the_time_to_retry()
    {
        await using var bed = await HttpBed.StartAsync(policy: Reads("calls: 2/h"));

        Assert.Equal(HttpStatusCode.OK, (await bed.GetAsync("/orders/1")).Status);
        Assert.Equal(HttpStatusCode.OK, (await bed.GetAsync("/orders/2")).Status);
        var refused = await bed.GetAsync("/orders/3");

        Assert.Equal((HttpStatusCode.TooManyRequests, "policy.limit"), (refused.Status, refused.Json.GetProperty("code").GetString()));
        Assert.InRange(int.Parse(refused.Header("Retry-After")!, CultureInfo.InvariantCulture), 3_000, 3_600);
        Assert.Equal(2, bed.Target.Requests.Count);
        // Bob's are counted for bob.
        Assert.Equal(HttpStatusCode.OK, (await bed.SendAsync("GET", "/orders/4", token: bed.TokenOf("bob"))).Status);
    }

    [Fact]
    [Row("D08")]
    public async Task A_body_of_more_bytes_never_ends_as_if_it_were_whole()
    {
        await using var bed = await HttpBed.StartAsync(policy: Reads("bytes: 4KiB"));
        bed.Target.Answer = request => RawTarget.Reply("text/plain", new string('a', request.Target == "/orders/small" ? 1_000 : 100_000));

        Assert.Equal(1_000, (await bed.GetAsync("/orders/small")).Bytes.Length);
        var refused = await bed.GetAsync("/orders/large");

        // Nothing of it had gone on, so it can still be said in words.
        Assert.NotEqual(HttpStatusCode.OK, refused.Status);
        Assert.Equal("policy.limit", refused.Json.GetProperty("code").GetString());
        Assert.DoesNotContain("aaaa", refused.Body, StringComparison.Ordinal);
        Assert.Equal(2, bed.Target.Requests.Count);
    }

    [Fact]
    [Row("D08")]
    public async Task A_stream_of_more_bytes_is_cut()
    {
        await using var bed = await HttpBed.StartAsync(policy: Reads("bytes: 4KiB"));
        var go = new SemaphoreSlim(0);
        bed.Target.TakeOver = async (socket, _) =>
        {
            await socket.SendAsync(Encoding.ASCII.GetBytes("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: first\n\n"));
            await go.WaitAsync();
            await socket.SendAsync(Encoding.ASCII.GetBytes($"data: {new string('a', 5_000)}\n\n"));
            return true;
        };
        using var request = new HttpRequestMessage(HttpMethod.Get, bed.Url + "/orders/live");
        request.Headers.TryAddWithoutValidation("Authorization", "Bearer " + bed.Token);

        using var response = await bed.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        Assert.Equal("data: first", await reader.ReadLineAsync());
        go.Release();

        var cut = await Assert.ThrowsAnyAsync<Exception>(() => reader.ReadToEndAsync().WaitAsync(TimeSpan.FromSeconds(20)));
        Assert.True(cut is IOException or HttpRequestException, cut.ToString());
    }

    private static string Reads(string limits) => $$"""
        version: 1
        rules:
          - { id: reads, who: { groups: [support, on-call] }, on: { connection: api, methods: [GET], paths: ["/orders/**"] }, then: allow, limits: { {{limits}} } }
        """;
}
