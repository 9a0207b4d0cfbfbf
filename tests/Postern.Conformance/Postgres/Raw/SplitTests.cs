using Postern.Tests;
using static Postern.Conformance.Postgres.Raw.RawSession;

namespace Postern.Conformance.Postgres.Raw;

/// <summary>The same conversation, cut in two at every byte of it, on either side: nothing changes but the cuts.</summary>
public sealed class SplitTests(SharedCluster shared)
{
    private const string Sql = "select id, name, email, secret from customers order by id; select 1/0";

    [Fact]
    [Row("M01")]
    [Guarantee("G11")]
    public async Task An_answer_that_is_cut_at_any_byte_is_masked_all_the_same()
    {
        var cluster = await shared.StartedAsync();
        await using var middle = new Middle(cluster);
        await using var bed = await PostgresBed.StartAsync(shared, port: middle.Port);
        await using var session = await OpenAsync(bed.Port, bed.Gateway.Token("alice"));
        var length = 0;
        middle.Answer = whole =>
        {
            length = whole.Length;
            return [whole];
        };
        var expected = Everything(await session.QueryAsync(Sql));
        Assert.Contains("[masked:customer-pii]", expected, StringComparison.Ordinal);
        Assert.Contains("division by zero", expected, StringComparison.Ordinal);
        Assert.InRange(length, 200, 2_000);

        for (var at = 1; at < length; at++)
        {
            middle.Answer = whole => [whole[..at], whole[at..]];
            Assert.Equal(expected, Everything(await session.QueryAsync(Sql)));
        }
        // And once in as many pieces as there are bytes.
        middle.Answer = whole => whole.Select(one => (byte[])[one]);
        Assert.Equal(expected, Everything(await session.QueryAsync(Sql)));
    }

    [Fact]
    [Row("Q14")]
    public async Task A_request_that_is_cut_at_any_byte_is_judged_all_the_same()
    {
        await using var bed = await PostgresBed.StartAsync(shared);
        await using var session = await OpenAsync(bed.Port, bed.Gateway.Token("alice"));
        byte[] request =
        [
            .. Parse("s", "select name, email from customers where id = $1"), .. Describe('S', "s"), .. Bind("", "s", "1"), .. Execute(""), .. Close('S', "s"), .. Sync, .. Query("delete from customers"), .. Query("select 1"),
        ];
        var expected = await ConverseAsync(session, request, request.Length);
        Assert.Contains("42501", expected, StringComparison.Ordinal);

        for (var at = 1; at < request.Length; at++) Assert.Equal(expected, await ConverseAsync(session, request, at));
        await session.SendAsync([.. request.Select(one => (byte[])[one])]);
        Assert.Equal(expected, Everything([.. await session.UntilReadyAsync(), .. await session.UntilReadyAsync(), .. await session.UntilReadyAsync()]));
    }

    private static async Task<string> ConverseAsync(RawSession session, byte[] request, int at)
    {
        await session.SendAsync(request[..at], request[at..]);
        return Everything([.. await session.UntilReadyAsync(), .. await session.UntilReadyAsync(), .. await session.UntilReadyAsync()]);
    }

    /// <summary>All of it but what names one decision among others.</summary>
    private static string Everything(IEnumerable<RawMessage> messages) =>
        string.Join('\n', messages.Select(message => message.Type + (message is { Type: 'E' } error ? error.Field('C') + error.Field('S') + (error.Field('C') == "42501" ? "" : error.Field('M')) : message.Text)));
}
