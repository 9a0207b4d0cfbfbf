using Postern.Tests;
using static Postern.Conformance.Postgres.Raw.RawSession;

namespace Postern.Conformance.Postgres.Raw;

/// <summary>How a session begins, byte by byte, and how it does not.</summary>
public sealed class EnteringTests(SharedCluster shared)
{
    private static CancellationToken Test => TestContext.Current.CancellationToken;

    [Fact]
    [Row("Q13")]
    public async Task Bytes_that_come_before_tls_end_the_connection()
    {
        await using var bed = await PostgresBed.StartAsync(shared);
        await using var session = await ConnectAsync(bed.Port);

        // Whoever sits on the wire could have put them there (the CVE-2021-23222 class).
        await session.SendAsync([.. SslRequest, .. Startup([("user", "alice"), ("database", "target")])]);

        Assert.Null(await session.ReadAsync());
    }

    [Fact]
    [Row("Q13")]
    public async Task Nobody_signs_in_without_tls()
    {
        await using var bed = await PostgresBed.StartAsync(shared);
        await using var session = await ConnectAsync(bed.Port);

        await session.SendAsync(Startup([("user", "alice"), ("database", "target")]));

        var refused = await session.ReadAsync();
        Assert.Equal('E', refused?.Type);
        Assert.Contains("TLS", refused!.Text, StringComparison.OrdinalIgnoreCase);
        Assert.Null(await session.ReadAsync());
    }

    [Fact]
    [Row("Q13")]
    public async Task Gss_encryption_is_declined_and_tls_still_possible()
    {
        await using var bed = await PostgresBed.StartAsync(shared);
        await using var session = await ConnectAsync(bed.Port);

        await session.SendAsync(GssRequest);
        var answer = new byte[1];
        await session.Stream.ReadExactlyAsync(answer, Test);

        Assert.Equal((byte)'N', answer[0]);
        await session.RequestTlsAsync();
    }

    [Theory]
    [InlineData("postgresql", true)]
    [InlineData("h2", false)]
    [InlineData(null, false)]
    [Row("Q13")]
    public async Task Direct_tls_is_for_those_who_ask_for_postgresql_in_it(string? protocol, bool isServed)
    {
        await using var bed = await PostgresBed.StartAsync(shared);
        await using var session = await ConnectAsync(bed.Port);

        async Task<RawMessage?> EnterAsync()
        {
            try
            {
                await session.StartTlsAsync(protocol);
                await session.SendAsync(Startup([("user", "alice"), ("database", "target")]));
                return await session.ReadAsync();
            }
            catch (Exception refused) when (refused is IOException or System.Security.Authentication.AuthenticationException)
            {
                return null;
            }
        }

        var asked = await EnterAsync();

        Assert.Equal(isServed, asked is { Type: 'R' });
    }

    [Theory]
    [InlineData("options", "-c search_path=hr")]
    [InlineData("search_path", "hr")]
    [InlineData("replication", "database")]
    [InlineData("replication", "true")]
    [InlineData("_pq_.command_protocol", "1")]
    [InlineData("role", "admin")]
    [InlineData("session_authorization", "admin")]
    [InlineData("client_encoding", "LATIN1")]
    [InlineData("standard_conforming_strings", "off")]
    [InlineData("session_replication_role", "replica")]
    [InlineData("default_transaction_read_only", "off")]
    [InlineData("statement_timeout", "1s'; drop table customers; --")]
    [Row("Q11")]
    public async Task Startup_parameters_outside_the_list_are_refused(string name, string value)
    {
        await using var bed = await PostgresBed.StartAsync(shared);

        await Assert.ThrowsAsync<InvalidOperationException>(() => OpenAsync(bed.Port, bed.Gateway.Token("alice"), (name, value)));
    }

    [Theory]
    [InlineData("application_name", "a tool")]
    [InlineData("client_encoding", "UTF8")]
    [InlineData("DateStyle", "ISO, MDY")]
    [InlineData("TimeZone", "Europe/Berlin")]
    [InlineData("extra_float_digits", "2")]
    [Row("Q11")]
    public async Task What_only_changes_how_values_look_is_passed_on(string name, string value)
    {
        await using var bed = await PostgresBed.StartAsync(shared);
        await using var session = await OpenAsync(bed.Port, bed.Gateway.Token("alice"), (name, value));

        Assert.Contains(value, (await session.QueryAsync($"show \"{name.ToLowerInvariant()}\"")).Single(message => message.Type == 'D').Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("alice", "nowhere")]
    [InlineData("alice", "postgres")]
    [InlineData("alice", "target ")]
    [Row("Q11")]
    public async Task The_database_is_a_connection_by_its_exact_name(string user, string database)
    {
        await using var bed = await PostgresBed.StartAsync(shared);
        await using var session = await ConnectAsync(bed.Port);
        await session.RequestTlsAsync();

        await session.SendAsync(Startup([("user", user), ("database", database)]));
        var answers = new List<RawMessage>();
        if (await session.ReadAsync() is { } first)
        {
            answers.Add(first);
            if (first.Type == 'R') await session.SendAsync(Message('p', Text(bed.Gateway.Token("alice"))));
        }
        answers.AddRange(await session.UntilReadyAsync());

        Assert.Equal('E', answers[^1].Type);
        Assert.DoesNotContain(answers, message => message.Type == 'Z');
    }

    [Fact]
    [Row("J01")]
    [Row("J14")]
    public async Task A_credential_that_is_none_is_refused_without_saying_why()
    {
        await using var bed = await PostgresBed.StartAsync(shared);
        var token = bed.Gateway.Token("alice");
        var said = new HashSet<string>();
        foreach (var wrong in (string[])["", "password", token[..^4] + "AAAA", token + "x", new string('a', 60_000), bed.Cluster.Password])
        {
            await using var session = await ConnectAsync(bed.Port);
            await session.RequestTlsAsync();
            await session.SendAsync(Startup([("user", "alice"), ("database", "target")]));
            Assert.Equal('R', (await session.ReadAsync())?.Type);
            await session.SendAsync(Message('p', Text(wrong)));
            var answer = (await session.UntilReadyAsync()).Single();
            Assert.Equal('E', answer.Type);
            Assert.Equal("28P01", answer.Field('C'));
            said.Add(answer.Field('M'));
        }
        Assert.Single(said);
    }

    [Theory]
    [InlineData(0x0002_0000)]
    [InlineData(0x0004_0000)]
    [InlineData(0)]
    [Row("Q14")]
    public async Task Other_versions_of_the_protocol_are_refused(int version)
    {
        await using var bed = await PostgresBed.StartAsync(shared);
        await using var session = await ConnectAsync(bed.Port);
        await session.RequestTlsAsync();

        await session.SendAsync(Startup([("user", "alice"), ("database", "target")], version));

        Assert.NotEqual('R', (await session.ReadAsync())?.Type ?? 'E');
    }

    [Theory]
    [InlineData(new byte[] { 0, 0, 0, 0 })]
    [InlineData(new byte[] { 0, 0, 0, 3, 0, 3, 0, 0 })]
    [InlineData(new byte[] { 255, 255, 255, 255, 0, 3, 0, 0 })]
    [InlineData(new byte[] { 127, 255, 255, 255, 0, 3, 0, 0 })]
    [InlineData(new byte[] { 0, 0, 0, 12, 0, 3, 0, 0, (byte)'u', (byte)'s', (byte)'e', (byte)'r' })]
    [InlineData(new byte[] { (byte)'G', (byte)'E', (byte)'T', (byte)' ', (byte)'/', (byte)' ', (byte)'H', (byte)'T', (byte)'T', (byte)'P' })]
    [Row("Q14")]
    public async Task A_startup_that_is_none_ends_the_connection(byte[] bytes)
    {
        await using var bed = await PostgresBed.StartAsync(shared);
        await using var session = await ConnectAsync(bed.Port);
        await session.RequestTlsAsync();

        await session.SendAsync(bytes);

        Assert.DoesNotContain(await session.UntilReadyAsync(), message => message.Type is 'R' or 'Z');
    }
}
