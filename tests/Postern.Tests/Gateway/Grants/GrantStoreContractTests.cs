using Postern.Core.Grants;
using Postern.Gateway.Grants;
using Postern.Tests.Doubles;

namespace Postern.Tests.Gateway.Grants;

/// <summary>What every grant store promises, of the real one and of the double.</summary>
public sealed class GrantStoreContractTests : IDisposable
{
    private static readonly DateTimeOffset _now = new(2026, 11, 21, 12, 0, 0, TimeSpan.Zero);

    private readonly TemporaryFolder _folder = new();
    private SqliteGrantStore? _sqlite;

    public void Dispose()
    {
        _sqlite?.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_is_kept_comes_back_whole_newest_first(bool isReal)
    {
        var store = Open(isReal);
        var first = Sample("0000000000000000000000000A", "corp:alice", _now);
        var second = Sample("0000000000000000000000000B", "corp:bob", _now.AddMinutes(1)) with { State = GrantState.Active, GivenAt = _now, EndsAt = _now.AddHours(1), Approvers = ["corp:eve"], Agent = null };
        await store.AddAsync(first, CancellationToken.None);
        await store.AddAsync(second, CancellationToken.None);

        Same(first, await store.FindAsync(first.Id, CancellationToken.None));
        Same(second, Assert.Single(await store.InAsync(GrantState.Active, CancellationToken.None)));
        Assert.Equal([second.Id, first.Id], (await store.ListAsync(null, 10, CancellationToken.None)).Select(grant => grant.Id));
        Assert.Equal([first.Id], (await store.ListAsync("corp:alice", 10, CancellationToken.None)).Select(grant => grant.Id));
        Assert.Null(await store.FindAsync("nothing", CancellationToken.None));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_change_counts_once(bool isReal)
    {
        var store = Open(isReal);
        var asked = Sample("0000000000000000000000000A", "corp:alice", _now);
        await store.AddAsync(asked, CancellationToken.None);

        var won = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => Task.Run(async () => await store.TryChangeAsync(asked, asked with { State = GrantState.Active, EndsAt = _now }, CancellationToken.None))));

        Assert.Single(won, true);
        await store.ForgetAsync(asked.Id, CancellationToken.None); // what was given is not forgotten
        Assert.Equal(GrantState.Active, (await store.FindAsync(asked.Id, CancellationToken.None))!.State);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task The_latest_instant_never_goes_back(bool isReal)
    {
        var store = Open(isReal);

        Assert.Equal(_now, await store.SeenAsync(_now, CancellationToken.None));
        Assert.Equal(_now, await store.SeenAsync(_now.AddHours(-1), CancellationToken.None));
        Assert.Equal(_now.AddSeconds(1), await store.SeenAsync(_now.AddSeconds(1), CancellationToken.None));
    }

    private static void Same(Grant expected, Grant? found)
    {
        Assert.NotNull(found);
        Assert.Equal(expected with { Approvers = found.Approvers }, found);
        Assert.Equal(expected.Approvers.AsEnumerable(), found.Approvers.AsEnumerable());
    }

    private IGrantStore Open(bool isReal) => isReal ? _sqlite = SqliteGrantStore.Open(_folder.Path) : new MemoryGrantStore();

    private static Grant Sample(string id, string holder, DateTimeOffset at) => new()
    {
        Id = id, Entry = "entry", Scope = "{\"tools\":[\"x\"]}", Holder = holder, Agent = "agent", Reason = "why", Duration = TimeSpan.FromMinutes(30), AskedAt = at, PolicyVersion = 3, State = GrantState.Asked,
    };
}
