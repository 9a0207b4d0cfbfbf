using Postern.Core.Recording;
using Postern.Tests;
using static Postern.Conformance.Postgres.Raw.RawSession;

namespace Postern.Conformance.Postgres.Raw;

/// <summary>Messages of a session as no driver sends them.</summary>
public sealed class UnitTests(SharedCluster shared)
{
    [Fact]
    [Row("Q10")]
    public async Task A_function_call_is_refused_and_the_session_goes_on()
    {
        await using var bed = await PostgresBed.StartAsync(shared);
        await using var session = await OpenAsync(bed.Port, bed.Gateway.Token("alice"));

        // pg_terminate_backend(int): oid 2096, one argument in text.
        await session.SendAsync(Message('F', Number(2096), [0, 0, 0, 1], Number(1), "1"u8.ToArray(), [0, 0]));
        var answer = await session.UntilReadyAsync();

        Assert.Equal("EZ", string.Concat(answer.Select(message => message.Type)));
        Assert.DoesNotContain(answer, message => message.Type == 'V');
        await AssertAliveAsync(session);
    }

    [Theory]
    [InlineData('d')]
    [InlineData('c')]
    [InlineData('f')]
    [Row("Q15")]
    public async Task Copy_messages_that_nobody_asked_for_reach_nobody(char type)
    {
        await using var bed = await PostgresBed.StartAsync(shared);
        await using var session = await OpenAsync(bed.Port, bed.Gateway.Token("alice"));

        await session.SendAsync(Message(type, type == 'c' ? [] : Text("delete from orders;")), Sync);
        var answer = await session.UntilReadyAsync();

        Assert.Equal("EZ", Types(answer));
        await AssertAliveAsync(session);
        Assert.Equal("20", await bed.TruthAsync("select count(*) from orders"));
    }

    [Theory]
    [InlineData((byte)'z')]
    [InlineData((byte)0)]
    [InlineData((byte)'R')]
    [InlineData((byte)'p')]
    [Row("Q14")]
    public async Task A_message_that_no_client_sends_ends_the_session(byte type)
    {
        await using var bed = await PostgresBed.StartAsync(shared);
        await using var session = await OpenAsync(bed.Port, bed.Gateway.Token("alice"));

        await session.SendAsync(Message((char)type, Text("x")), Query("delete from orders"));

        Assert.DoesNotContain(await session.UntilReadyAsync(), message => message.Type is 'C' or 'Z');
        Assert.Equal("20", await bed.TruthAsync("select count(*) from orders"));
    }

    [Theory]
    [InlineData(new byte[] { (byte)'Q', 0, 0, 0, 3 })]
    [InlineData(new byte[] { (byte)'Q', 255, 255, 255, 255 })]
    [InlineData(new byte[] { (byte)'Q', 127, 255, 255, 255 })]
    [InlineData(new byte[] { (byte)'Q', 0, 0, 0, 4 })]
    [InlineData(new byte[] { (byte)'Q', 0, 0, 0, 5, (byte)'x' })]
    [InlineData(new byte[] { (byte)'Q', 0, 0, 0, 8, (byte)'a', 0, (byte)'b', 0 })]
    [InlineData(new byte[] { (byte)'Q', 0, 0, 0, 7, 0xff, 0xfe, 0 })]
    [InlineData(new byte[] { (byte)'S', 0, 0, 0, 5, 0 })]
    [InlineData(new byte[] { (byte)'E', 0, 0, 0, 4 })]
    [InlineData(new byte[] { (byte)'B', 0, 0, 0, 8, 0, 0, 0, 9 })]
    [InlineData(new byte[] { (byte)'P', 0, 0, 0, 8, 0, 0, 255, 255 })]
    [InlineData(new byte[] { (byte)'D', 0, 0, 0, 6, (byte)'X', 0 })]
    [Row("Q14")]
    public async Task Lengths_and_texts_that_do_not_hold_what_they_say_never_reach_the_server(byte[] bytes)
    {
        await using var bed = await PostgresBed.StartAsync(shared);
        await using var session = await OpenAsync(bed.Port, bed.Gateway.Token("alice"));

        await session.SendAsync([.. bytes, .. Sync]);

        var answer = await session.ReadAsync();
        Assert.True(answer is null or { Type: 'E' }, $"{answer?.Type}");
    }

    [Fact]
    [Row("Q08")]
    public async Task A_name_stands_for_what_was_judged_under_it_and_for_nothing_else()
    {
        await using var bed = await PostgresBed.StartAsync(shared);
        await using var session = await OpenAsync(bed.Port, bed.Gateway.Token("alice"));

        // What is refused is not there afterwards, also not under a name that stood for something before.
        await session.SendAsync(Parse("a", "select note from orders where id = $1"), Sync);
        Assert.Equal("1Z", Types(await session.UntilReadyAsync()));
        await session.SendAsync(Parse("b", "delete from customers"), Sync);
        Assert.Equal("EZ", Types(await session.UntilReadyAsync()));
        await session.SendAsync(Bind("", "b"), Execute(""), Sync);
        Assert.Equal("EZ", Types(await session.UntilReadyAsync()));
        await session.SendAsync(Parse("a", "select name from customers"), Sync);
        Assert.Equal("EZ", Types(await session.UntilReadyAsync()));
        await session.SendAsync(Close('S', "a"), Parse("a", "delete from customers where id = $1"), Bind("", "a", "1"), Execute(""), Sync);
        Assert.Equal("EZ", Types(await session.UntilReadyAsync()));

        // Names of one unit are read in its order: judged is what will run.
        await session.SendAsync([.. Parse("", "select 1"), .. Bind("", ""), .. Parse("", "delete from customers"), .. Bind("p", ""), .. Execute("p"), .. Sync]);
        Assert.Equal("EZ", Types(await session.UntilReadyAsync()));
        // A portal lives as long as its transaction.
        await session.SendAsync([.. Parse("", "select 1"), .. Bind("q", ""), .. Sync]);
        Assert.Equal("12Z", Types(await session.UntilReadyAsync()));
        await session.SendAsync(Execute("q"), Sync);
        Assert.Equal("EZ", Types(await session.UntilReadyAsync()));

        Assert.Equal("2|20", await bed.TruthAsync("select (select count(*) from customers), (select count(*) from orders)"));
        await AssertAliveAsync(session);
    }

    [Fact]
    [Row("Q08")]
    public async Task A_new_session_knows_no_statement_of_an_earlier_one()
    {
        await using var bed = await PostgresBed.StartAsync(shared);
        await using (var first = await OpenAsync(bed.Port, bed.Gateway.Token("alice")))
        {
            await first.SendAsync(Parse("kept", "select 1"), Sync);
            Assert.Equal("1Z", Types(await first.UntilReadyAsync()));
        }
        await using var session = await OpenAsync(bed.Port, bed.Gateway.Token("alice"));

        await session.SendAsync(Bind("", "kept"), Execute(""), Sync);

        Assert.Equal("EZ", Types(await session.UntilReadyAsync()));
    }

    [Fact]
    [Row("Q09")]
    public async Task A_portal_with_a_row_limit_is_refused()
    {
        await using var bed = await PostgresBed.StartAsync(shared);
        await using var session = await OpenAsync(bed.Port, bed.Gateway.Token("alice"));

        await session.SendAsync([.. Parse("", "select id from orders"), .. Bind("", ""), .. Execute("", 3), .. Sync]);
        var answer = await session.UntilReadyAsync();

        Assert.Equal("EZ", Types(answer));
        Assert.NotEmpty(answer[0].Field('M'));
        await AssertAliveAsync(session);
    }

    [Fact]
    [Row("Q12")]
    public async Task Keys_are_of_our_own_and_a_wrong_one_cancels_nothing()
    {
        await using var bed = await PostgresBed.StartAsync(shared);
        await using var session = await OpenAsync(bed.Port, bed.Gateway.Token("alice"));
        Assert.Equal(8, session.Key.Length);
        await session.SendAsync(Query("select pg_sleep(2), 'slept'"));
        for (var guess = 0; guess < 50; guess++)
        {
            await using var other = await ConnectAsync(bed.Port);
            var key = session.Key.ToArray();
            key[guess % 8] ^= (byte)(1 + guess);
            await other.SendAsync([.. Number(16), .. Number(80877102), .. key]);
            Assert.Null(await other.ReadAsync());
        }
        Assert.Contains("slept", (await session.UntilReadyAsync()).Single(message => message.Type == 'D').Text, StringComparison.Ordinal);

        await session.SendAsync(Query("select pg_sleep(60)"));
        await Task.Delay(300, TestContext.Current.CancellationToken);
        await using (var right = await ConnectAsync(bed.Port)) await right.SendAsync([.. Number(16), .. Number(80877102), .. session.Key]);

        Assert.Equal("57014", (await session.UntilReadyAsync()).Single(message => message.Type == 'E').Field('C'));
        var recording = await bed.StopAsync();
        Assert.Contains(recording.Records, record => record.Payload is RecordedOccurrence { Kind: "cancel.refused" });
        Assert.Contains(recording.Records, record => record.Payload is RecordedOccurrence { Kind: "session.cancel" });
    }

    [Fact]
    [Row("Q14")]
    public async Task A_unit_without_an_end_is_ended_by_its_size()
    {
        await using var bed = await PostgresBed.StartAsync(shared);
        await using var session = await OpenAsync(bed.Port, bed.Gateway.Token("alice"));
        var parse = Parse("", "select 1");

        // More messages than a unit may have, without a Sync.
        await session.SendAsync([.. Enumerable.Range(0, 1_100).SelectMany(_ => parse)]);

        Assert.Equal('E', (await session.ReadAsync())?.Type);
    }

    private static string Types(IEnumerable<RawMessage> messages) => string.Concat(messages.Where(message => message.Type is not ('N' or 'S')).Select(message => message.Type));

    private static async Task AssertAliveAsync(RawSession session) => Assert.Contains("alive", (await session.QueryAsync("select 'alive'")).Single(message => message.Type == 'D').Text, StringComparison.Ordinal);
}
