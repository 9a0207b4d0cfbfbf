using System.Text;
using Postern.Core.Approvals;
using Postern.Core.Operations;
using Postern.Core.Policy;
using Postern.Gateway.Approvals;

namespace Postern.Tests.Gateway.Approvals;

public sealed class SqliteHoldStoreTests : IDisposable
{
    private const string Canary = """{"order":9,"note":"canary-4f1c-never-on-disk"}""";

    private static readonly DateTimeOffset Now = new(2026, 3, 4, 12, 0, 0, TimeSpan.Zero);

    private readonly TemporaryFolder _folder = new();

    [Fact]
    public async Task A_hold_reads_back_as_it_was_stored_also_after_a_restart()
    {
        var hold = Hold();
        using (var store = SqliteHoldStore.Open(_folder.Path)) await store.OpenOrJoinAsync(hold, Now, CancellationToken.None);

        using var again = SqliteHoldStore.Open(_folder.Path);
        var read = await again.FindAsync(hold.Id, CancellationToken.None);

        Assert.NotNull(read);
        Assert.Equal(Canary, Encoding.UTF8.GetString(read.Request.Span));
        Assert.Equal(hold.Terms.Requirements[0].Groups, read.Terms.Requirements[0].Groups);
        Assert.Equal(hold.Terms.Expires, read.Terms.Expires);
        Assert.Equal(hold with { Request = default, Terms = read.Terms, Answers = read.Answers }, read with { Request = default });
    }

    [Fact]
    public async Task The_same_question_joins_the_live_hold_and_a_dead_one_is_not_joined()
    {
        using var store = SqliteHoldStore.Open(_folder.Path);
        var first = await store.OpenOrJoinAsync(Hold(), Now, CancellationToken.None);

        var second = await store.OpenOrJoinAsync(Hold(), Now.AddMinutes(29), CancellationToken.None);
        var third = await store.OpenOrJoinAsync(Hold(openedAt: Now.AddMinutes(30)), Now.AddMinutes(30), CancellationToken.None);
        var newest = await store.FindByBindingAsync(first.Binding, CancellationToken.None);

        Assert.Equal(first.Id, second.Id);
        Assert.NotEqual(first.Id, third.Id);
        Assert.Equal(third.Id, newest?.Id);
    }

    [Fact]
    [Row("A03")]
    [Guarantee("G7")]
    public async Task Of_a_thousand_who_use_one_approval_at_once_exactly_one_gets_it()
    {
        using var store = SqliteHoldStore.Open(_folder.Path);
        var hold = await ApprovedAsync(store);

        var taken = await Task.WhenAll(Enumerable.Range(0, 1_000).Select(_ => Task.Run(() => store.TryConsumeAsync(hold.Id, OperationId.New(Now), Now, CancellationToken.None).AsTask())));

        Assert.Single(taken, true);
    }

    [Fact]
    [Row("A02")]
    [Guarantee("G7")]
    public async Task A_used_approval_is_handed_on_once_from_each_operation_and_not_beyond_its_time()
    {
        using var store = SqliteHoldStore.Open(_folder.Path);
        var hold = await ApprovedAsync(store);
        var (first, second, third) = (OperationId.New(Now), OperationId.New(Now), OperationId.New(Now));
        Assert.False(await store.TryContinueAsync(hold.Id, first, second, Now, CancellationToken.None));
        Assert.True(await store.TryConsumeAsync(hold.Id, first, Now, CancellationToken.None));

        Assert.False(await store.TryContinueAsync(hold.Id, third, second, Now, CancellationToken.None));
        var taken = await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => Task.Run(() => store.TryContinueAsync(hold.Id, first, second, Now, CancellationToken.None).AsTask())));
        Assert.Single(taken, true);
        Assert.False(await store.TryContinueAsync(hold.Id, second, third, hold.UsableUntil!.Value, CancellationToken.None));
        Assert.True(await store.TryContinueAsync(hold.Id, second, third, hold.UsableUntil.Value.AddTicks(-1), CancellationToken.None));
    }

    [Fact]
    [Row("A02")]
    [Guarantee("G7")]
    public async Task A_used_approval_stays_used_after_a_restart()
    {
        var by = OperationId.New(Now);
        string id;
        using (var store = SqliteHoldStore.Open(_folder.Path))
        {
            id = (await ApprovedAsync(store)).Id;
            Assert.True(await store.TryConsumeAsync(id, by, Now, CancellationToken.None));
        }

        using var again = SqliteHoldStore.Open(_folder.Path);

        Assert.False(await again.TryConsumeAsync(id, OperationId.New(Now), Now, CancellationToken.None));
        Assert.Equal(by, (await again.FindAsync(id, CancellationToken.None))?.ConsumedBy);
    }

    [Fact]
    [Row("A08")]
    public async Task An_approval_is_over_at_the_very_instant_that_it_names()
    {
        using var store = SqliteHoldStore.Open(_folder.Path);
        var hold = await ApprovedAsync(store);

        Assert.False(await store.TryConsumeAsync(hold.Id, OperationId.New(Now), hold.UsableUntil!.Value, CancellationToken.None));
        Assert.True(await store.TryConsumeAsync(hold.Id, OperationId.New(Now), hold.UsableUntil!.Value.AddTicks(-1), CancellationToken.None));
    }

    [Fact]
    [Row("A09")]
    public async Task Of_two_answers_to_the_same_state_only_the_first_counts()
    {
        using var store = SqliteHoldStore.Open(_folder.Path);
        var seen = await store.OpenOrJoinAsync(Hold(), Now, CancellationToken.None);

        var denied = await store.TryAnswerAsync(seen, seen with { State = HoldState.Denied, Answers = [Answer("corp:bob", approved: false)] }, CancellationToken.None);
        var approved = await store.TryAnswerAsync(seen, Approved(seen), CancellationToken.None);

        Assert.True(denied);
        Assert.False(approved);
        Assert.Equal(HoldState.Denied, (await store.FindAsync(seen.Id, CancellationToken.None))?.State);
    }

    [Fact]
    public async Task A_first_of_two_answers_leaves_the_hold_open_and_keeps_the_request()
    {
        using var store = SqliteHoldStore.Open(_folder.Path);
        var seen = await store.OpenOrJoinAsync(Hold(), Now, CancellationToken.None);

        Assert.True(await store.TryAnswerAsync(seen, seen with { Answers = [Answer("corp:bob", approved: true)] }, CancellationToken.None));
        var one = await store.FindAsync(seen.Id, CancellationToken.None);
        Assert.False(await store.TryAnswerAsync(seen, Approved(seen), CancellationToken.None));
        Assert.True(await store.TryAnswerAsync(one!, Approved(one!), CancellationToken.None));

        Assert.Equal(Canary, Encoding.UTF8.GetString(one!.Request.Span));
        Assert.Equal(2, (await store.FindAsync(seen.Id, CancellationToken.None))?.Answers.Length);
    }

    [Fact]
    [Guarantee("G9")]
    public async Task A_kept_request_is_never_plain_on_disk_and_nothing_of_it_is_left_once_answered()
    {
        using var store = SqliteHoldStore.Open(_folder.Path);
        var hold = await store.OpenOrJoinAsync(Hold(), Now, CancellationToken.None);
        var other = await store.OpenOrJoinAsync(Hold(binding: "other"), Now, CancellationToken.None);
        var sealedBytes = await SealedAsync(hold.Id);
        var sealedOther = await SealedAsync(other.Id);
        Assert.False(OnDisk("canary-4f1c"u8));
        Assert.True(OnDisk(sealedBytes));
        Assert.True(OnDisk(sealedOther));

        await store.TryAnswerAsync(hold, Approved(hold), CancellationToken.None);
        await store.ExpireAsync(Now.AddHours(1), CancellationToken.None);

        Assert.False(OnDisk(sealedBytes));
        Assert.False(OnDisk(sealedOther));
        Assert.True((await store.FindAsync(hold.Id, CancellationToken.None))!.Request.IsEmpty);
    }

    [Fact]
    public async Task What_is_past_its_time_expires_once_and_cannot_be_answered_or_used()
    {
        using var store = SqliteHoldStore.Open(_folder.Path);
        var open = await store.OpenOrJoinAsync(Hold(), Now, CancellationToken.None);
        var approved = await ApprovedAsync(store, "approved");

        var early = await store.ExpireAsync(Now, CancellationToken.None);
        var over = await store.ExpireAsync(Now.AddHours(2), CancellationToken.None);
        var again = await store.ExpireAsync(Now.AddHours(2), CancellationToken.None);

        Assert.Empty(early);
        Assert.Equal(new[] { open.Id, approved.Id }.Order(), over.Order());
        Assert.Empty(again);
        Assert.False(await store.TryAnswerAsync(open, Approved(open), CancellationToken.None));
        Assert.False(await store.TryConsumeAsync(approved.Id, OperationId.New(Now), Now, CancellationToken.None));
    }

    [Fact]
    [Guarantee("G9")]
    public async Task A_request_moved_to_another_hold_is_not_shown()
    {
        using var store = SqliteHoldStore.Open(_folder.Path);
        var harmless = await store.OpenOrJoinAsync(Hold(), Now, CancellationToken.None);
        var harmful = await store.OpenOrJoinAsync(Hold(binding: "other"), Now, CancellationToken.None);
        await ExecuteAsync($"update holds set request = (select request from holds where id = '{harmless.Id}') where id = '{harmful.Id}'");

        await Assert.ThrowsAsync<InvalidDataException>(() => store.FindAsync(harmful.Id, CancellationToken.None).AsTask());
    }

    [Fact]
    public async Task Lists_come_newest_first_and_of_one_requester_when_asked()
    {
        using var store = SqliteHoldStore.Open(_folder.Path);
        var a = await store.OpenOrJoinAsync(Hold(binding: "a"), Now, CancellationToken.None);
        var b = await store.OpenOrJoinAsync(Hold(binding: "b", requester: "corp:bob", openedAt: Now.AddSeconds(1)), Now, CancellationToken.None);

        Assert.Equal([b.Id, a.Id], (await store.ListAsync(null, 10, CancellationToken.None)).Select(hold => hold.Id));
        Assert.Equal([a.Id], (await store.ListAsync("corp:alice", 10, CancellationToken.None)).Select(hold => hold.Id));
        Assert.Single(await store.ListAsync(null, 1, CancellationToken.None));
    }

    [Fact]
    public void A_key_open_to_others_or_of_the_wrong_size_stops_the_start()
    {
        SqliteHoldStore.Open(_folder.Path).Dispose();
        var key = Path.Combine(_folder.Path, KeptRequests.KeyFile);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(key));

        File.SetUnixFileMode(key, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.OtherRead);
        Assert.Contains("chmod 600", Assert.Throws<InvalidDataException>(() => SqliteHoldStore.Open(_folder.Path)).Message, StringComparison.Ordinal);
        File.SetUnixFileMode(key, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        File.WriteAllBytes(key, new byte[31]);
        Assert.Contains("31 bytes", Assert.Throws<InvalidDataException>(() => SqliteHoldStore.Open(_folder.Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_is_no_database_or_of_another_version_stops_the_start()
    {
        File.WriteAllText(Path.Combine(_folder.Path, SqliteHoldStore.FileName), new string('x', 8_192));

        var fault = Assert.Throws<InvalidDataException>(() => SqliteHoldStore.Open(_folder.Path));

        Assert.Contains(SqliteHoldStore.FileName, fault.Message, StringComparison.Ordinal);
    }

    public void Dispose() => _folder.Dispose();

    private static Hold Hold(string binding = "binding", string requester = "corp:alice", DateTimeOffset? openedAt = null) => new()
    {
        Id = Guid.NewGuid().ToString("N")[..26],
        Binding = Digest.Of(Encoding.UTF8.GetBytes(binding)),
        OpenedBy = OperationId.New(Now),
        Requester = requester,
        RequesterName = "Alice",
        Agent = "desk-agent",
        ClientName = "desk 1.0",
        Connection = "shop",
        Target = "http://127.0.0.1:9/",
        Summary = "toy.call: refund",
        Request = Encoding.UTF8.GetBytes(Canary),
        Terms = new HoldTerms([new ApproverRequirement(["corp:on-call"], [], 1)], TimeSpan.FromMinutes(30), TimeSpan.FromMinutes(10), HoldRisk.High),
        Rule = "large-refunds@14",
        Reason = "refunds over 500",
        PolicyVersion = 14,
        OpenedAt = openedAt ?? Now,
        ExpiresAt = (openedAt ?? Now).AddMinutes(30),
        State = HoldState.Open,
    };

    private static Answer Answer(string who, bool approved) => new(who, "Bob", ["corp:on-call"], approved, "seen", Now.AddMinutes(1));

    private static Hold Approved(Hold seen) => seen with
    {
        State = HoldState.Approved,
        Answers = seen.Answers.Add(Answer("corp:carol", approved: true)),
        UsableUntil = Now.AddMinutes(11),
    };

    private static async Task<Hold> ApprovedAsync(SqliteHoldStore store, string binding = "binding")
    {
        var seen = await store.OpenOrJoinAsync(Hold(binding), Now, CancellationToken.None);
        Assert.True(await store.TryAnswerAsync(seen, Approved(seen), CancellationToken.None));
        return (await store.FindAsync(seen.Id, CancellationToken.None))!;
    }

    private bool OnDisk(ReadOnlySpan<byte> needle)
    {
        foreach (var path in Directory.EnumerateFiles(_folder.Path, "holds.db*"))
        {
            if (File.ReadAllBytes(path).AsSpan().IndexOf(needle) >= 0) return true;
        }
        return false;
    }

    private async Task<byte[]> SealedAsync(string id)
    {
        await using var connection = Connect();
        await using var command = connection.CreateCommand();
        command.CommandText = $"select request from holds where id = '{id}'";
        return (byte[])(await command.ExecuteScalarAsync())!;
    }

    private async Task ExecuteAsync(string sql)
    {
        await using var connection = Connect();
        await using var command = connection.CreateCommand();
        command.CommandText = sql;
        Assert.Equal(1, await command.ExecuteNonQueryAsync());
    }

    private Microsoft.Data.Sqlite.SqliteConnection Connect()
    {
        var connection = new Microsoft.Data.Sqlite.SqliteConnection($"Data Source={Path.Combine(_folder.Path, SqliteHoldStore.FileName)};Pooling=False");
        connection.Open();
        return connection;
    }
}
