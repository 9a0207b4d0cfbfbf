using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Globalization;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;
using Postern.Conformance.Clients;
using Postern.Conformance.Postgres.Raw;

namespace Postern.Conformance.Kills;

/// <summary>Sessions that write and read words which say which statement is which, until their connection breaks.</summary>
internal sealed partial class PostgresCaller(int port)
{
    private const int RowsOfARead = 800;

    private long _last;

    /// <summary>The last row that came back, by word; of a result that broke off too.</summary>
    public ConcurrentDictionary<string, string> Answers { get; } = new(StringComparer.Ordinal);

    /// <summary>Asks for a write that is held, and has it approved; its word.</summary>
    public async Task<string> HoldAndApproveAsync(string token)
    {
        var word = Next("careful");
        await using var session = await RawSession.OpenAsync(port, token);
        await session.SendAsync(Written("careful", word));
        var refusal = Assert.Single(await session.UntilReadyAsync(), message => message.Type == 'E').Text;
        var link = ApprovalLink().Match(refusal);
        Assert.True(link.Success, refusal);
        await ApprovalDeskVisit.ApproveAsync(link.Value, "bob", "tested", TestContext.Current.CancellationToken);
        return word;
    }

    /// <summary>Statement after statement in one session, until it breaks.</summary>
    public Task LoadAsync(string token, int which, CancellationToken over) => TryAsync(token, async session =>
    {
        for (var turn = which; !over.IsCancellationRequested; turn++)
        {
            var goesOn = (turn % 3) switch
            {
                0 => await WriteAsync(session, "done", Next("write")),
                1 => await AskAsync(session, Next("write"), word => RawSession.Query($"insert into done (word) values ('{word}') returning word")),
                _ => await AskAsync(session, Next("read"), word => RawSession.Query($"select '{word} row ' || i from generate_series(1, {RowsOfARead}) i")),
            };
            if (!goesOn) return;
        }
    });

    /// <summary>A session of its own for this; whatever breaks it is the kill's.</summary>
    public async Task TryAsync(string token, Func<RawSession, Task> work)
    {
        try
        {
            await using var session = await RawSession.OpenAsync(port, token);
            await work(session);
        }
        catch (Exception broken) when (broken is IOException or SocketException or ObjectDisposedException or InvalidOperationException)
        {
            // The gateway is gone; what it did until then is the judge's matter.
        }
    }

    /// <summary>Writes the word by a bound value; false when the session broke.</summary>
    public Task<bool> WriteAsync(RawSession session, string table, string word) => AskAsync(session, word, _ => Written(table, word));

    private static byte[] Written(string table, string word) =>
        [.. RawSession.Parse("", $"insert into {table} (word) values ($1) returning word"), .. RawSession.Bind("", "", word), .. RawSession.Execute(""), .. RawSession.Sync];

    private string Next(string kind) => $"{kind} {Interlocked.Increment(ref _last).ToString(CultureInfo.InvariantCulture)}";

    private async Task<bool> AskAsync(RawSession session, string word, Func<string, byte[]> statement)
    {
        await session.SendAsync(statement(word));
        while (await session.ReadAsync() is { } message)
        {
            // Two bytes for the number of values, four for the length of the first.
            if (message.Type == 'D') Answers[word] = Encoding.UTF8.GetString(message.Body.AsSpan(6, BinaryPrimitives.ReadInt32BigEndian(message.Body.AsSpan(2))));
            if (message.Type == 'Z') return true;
        }
        return false;
    }

    [GeneratedRegex(@"https?://[^\s""'<>\\]+/approve/[^\s""'<>.,)\\]+", RegexOptions.NonBacktracking)]
    private static partial Regex ApprovalLink();
}
