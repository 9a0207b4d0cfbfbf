using System.Diagnostics;
using Npgsql;
using Postern.Conformance.Gateways;
using Postern.Tests;

namespace Postern.Conformance.Postgres;

/// <summary>When a session ends though its client would go on.</summary>
public sealed class SessionEndTests(SharedCluster shared)
{
    private static CancellationToken Test => TestContext.Current.CancellationToken;

    [Fact]
    [Row("J17")]
    [Guarantee("G10")]
    public async Task When_the_token_is_over_the_session_is_and_with_it_what_runs()
    {
        await using var bed = await PostgresBed.StartAsync(shared);
        // The skew that clocks are granted counts for the session too, 30 s by default: this token ended 16 s ago, and its session ends in 14.
        var now = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        var token = bed.Gateway.Token("alice", claims => (claims["iat"], claims["nbf"], claims["exp"]) = (now - 600, now - 600, now - 16));
        await using var session = await Raw.RawSession.OpenAsync(bed.Port, token);
        await using var idle = await Raw.RawSession.OpenAsync(bed.Port, token);
        var clock = Stopwatch.StartNew();

        var answer = await session.QueryAsync("select pg_sleep(60)");
        var idleEnd = await idle.UntilReadyAsync();

        Assert.DoesNotContain(answer, message => message.Type is 'D' or 'Z');
        Assert.DoesNotContain(idleEnd, message => message.Type is 'Z');
        Assert.InRange(clock.Elapsed.TotalSeconds, 1, 17);
        // Nothing goes on at the server either.
        await Task.Delay(500, Test);
        Assert.Equal("0", await bed.TruthAsync($"select count(*) from pg_stat_activity where datname = '{bed.Database}' and query like '%pg_sleep(60)%' and state = 'active' and pid <> pg_backend_pid()"));
    }

    [Theory]
    [InlineData("revoked")]
    [InlineData("disabled")]
    [InlineData("left the group")]
    [Row("J18")]
    [Guarantee("G10")]
    public async Task Whoever_is_revoked_disabled_or_out_of_the_group_loses_the_session_and_what_runs_in_it_within_two_seconds(string cause)
    {
        await using var bed = await PostgresBed.StartAsync(shared);
        var user = await ScimAsync(bed, "POST", "Users", """{"userName":"alice@example.com","externalId":"alice"}""");
        var group = await ScimAsync(bed, "POST", "Groups", $$"""{"displayName":"support","members":[{"value":"{{user}}"}]}""");
        var token = bed.Gateway.Token("alice");
        await using var session = await Raw.RawSession.OpenAsync(bed.Port, token);
        await session.SendAsync(Raw.RawSession.Query("select pg_sleep(60)"));
        await Task.Delay(500, Test);

        var clock = Stopwatch.StartNew();
        if (cause == "disabled") await ScimAsync(bed, "PATCH", $"Users/{user}", """{"Operations":[{"op":"replace","path":"active","value":false}]}""");
        else if (cause == "left the group") await ScimAsync(bed, "PATCH", $"Groups/{group}", $$"""{"Operations":[{"op":"remove","path":"members[value eq \"{{user}}\"]"}]}""");
        else await SendAsync(bed, "POST", "/api/v1/identities/revoke", """{"identity":"demo:alice"}""", token);
        var answer = await session.UntilReadyAsync();

        Assert.DoesNotContain(answer, message => message.Type is 'D' or 'Z');
        Assert.True(clock.Elapsed < TimeSpan.FromSeconds(2), $"{clock.Elapsed}");
        while (await bed.TruthAsync($"select count(*) from pg_stat_activity where datname = '{bed.Database}' and query like '%pg_sleep(60)%' and state = 'active' and pid <> pg_backend_pid()") != "0")
        {
            Assert.True(clock.Elapsed < TimeSpan.FromSeconds(5), "it goes on at the server");
            await Task.Delay(50, Test);
        }
    }

    private static async Task<string> ScimAsync(PostgresBed bed, string method, string path, string body)
    {
        using var document = System.Text.Json.JsonDocument.Parse(await SendAsync(bed, method, $"/scim/demo/v2/{path}", body, TestGateway.DirectorySecret));
        return document.RootElement.GetProperty("id").GetString()!;
    }

    private static async Task<string> SendAsync(PostgresBed bed, string method, string path, string body, string bearer)
    {
        using var http = new HttpClient();
        using var request = new HttpRequestMessage(new HttpMethod(method), bed.Gateway.Url + path) { Content = new StringContent(body, System.Text.Encoding.UTF8, "application/json") };
        request.Headers.Authorization = new System.Net.Http.Headers.AuthenticationHeaderValue("Bearer", bearer);
        using var response = await http.SendAsync(request, Test);
        var text = await response.Content.ReadAsStringAsync(Test);
        Assert.True(response.IsSuccessStatusCode, $"{path}: {response.StatusCode} {text}");
        return text;
    }

    [Fact]
    [Guarantee("G10")]
    public async Task A_policy_that_no_longer_permits_cuts_what_runs_within_two_seconds()
    {
        await using var bed = await PostgresBed.StartAsync(shared);
        await using var session = await Raw.RawSession.OpenAsync(bed.Port, bed.Gateway.Token("alice"));
        await session.SendAsync(Raw.RawSession.Query("select pg_sleep(60)"));
        await Task.Delay(300, Test);

        await File.WriteAllTextAsync(Path.Combine(bed.Gateway.Data, "..", "policy.yaml"), PostgresBed.Policy.Replace("functions: [pg_catalog.pg_sleep]", "functions: [public.nothing]", StringComparison.Ordinal), Test);
        var clock = Stopwatch.StartNew();
        var answer = await session.UntilReadyAsync();

        Assert.DoesNotContain(answer, message => message.Type is 'D');
        Assert.True(clock.Elapsed < TimeSpan.FromSeconds(6), $"{clock.Elapsed}");
    }

    [Fact]
    [Row("F07")]
    public async Task A_server_that_ends_is_told_and_nothing_is_sent_twice()
    {
        await using var bed = await PostgresBed.StartAsync(shared);
        await using var connection = new NpgsqlConnection(bed.Connection());
        await connection.OpenAsync(Test);
        await using var command = new NpgsqlCommand("SELECT pg_sleep(60)", connection);
        var running = command.ExecuteNonQueryAsync(Test);
        await Task.Delay(300, Test);

        await bed.TruthAsync($"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{bed.Database}' and query like '%pg_sleep%' and pid <> pg_backend_pid()");

        await Assert.ThrowsAnyAsync<NpgsqlException>(() => running);
        await using var again = new NpgsqlConnection(bed.Connection());
        await again.OpenAsync(Test);
    }

    [Fact]
    [Row("D01")]
    public async Task A_client_that_takes_no_answer_is_given_up_and_its_statement_with_it()
    {
        await using var bed = await PostgresBed.StartAsync(shared, sessions: new Protocols.SessionLimits { IdleInTransaction = TimeSpan.FromSeconds(2) });
        await using var session = await Raw.RawSession.OpenAsync(bed.Port, bed.Gateway.Token("alice"));
        await session.SendAsync(Raw.RawSession.Query("select a.id, b.note, c.note, d.note from orders a, orders b, orders c, orders d, orders e"));
        while (await RunningAsync(bed) == "0") await Task.Delay(50, Test);

        var clock = Stopwatch.StartNew();
        while (await RunningAsync(bed) != "0")
        {
            Assert.True(clock.Elapsed < TimeSpan.FromSeconds(30), "the statement waits for a client that does not read");
            await Task.Delay(200, Test);
        }
        Assert.True(clock.Elapsed > TimeSpan.FromSeconds(1), "it was ended before its time");

        static Task<string> RunningAsync(PostgresBed bed) => bed.TruthAsync($"select count(*) from pg_stat_activity where datname = '{bed.Database}' and query like 'select a.id%' and pid <> pg_backend_pid()");
    }

    [Fact]
    [Row("F17")]
    public async Task When_the_client_goes_away_what_it_ran_is_cancelled()
    {
        await using var bed = await PostgresBed.StartAsync(shared);
        await using (var session = await Raw.RawSession.OpenAsync(bed.Port, bed.Gateway.Token("alice")))
        {
            await session.SendAsync(Raw.RawSession.Query("select pg_sleep(60)"));
            await Task.Delay(300, Test);
        }

        var clock = Stopwatch.StartNew();
        while (await bed.TruthAsync($"select count(*) from pg_stat_activity where datname = '{bed.Database}' and query like 'select pg_sleep(60)%' and state = 'active'") != "0")
        {
            Assert.True(clock.Elapsed < TimeSpan.FromSeconds(10), "the statement runs on without its client");
            await Task.Delay(100, Test);
        }
    }
}
