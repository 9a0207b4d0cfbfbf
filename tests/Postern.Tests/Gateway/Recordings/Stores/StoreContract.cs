using System.Security.Cryptography;
using Postern.Gateway.Recordings.Stores;

namespace Postern.Tests.Gateway.Recordings.Stores;

/// <summary>What every place for recordings must do, asked of each in the same words.</summary>
public abstract class StoreContract
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    /// <summary>An empty store.</summary>
    protected abstract Task<IRecordingStore> OpenAsync();

    [Theory]
    [InlineData(1)]
    [InlineData(4_097)]
    [InlineData(5 * 1024 * 1024)]
    public async Task A_piece_is_read_as_it_was_put(int length)
    {
        await using var store = await OpenAsync();
        var bytes = RandomNumberGenerator.GetBytes(length);

        Assert.True(await store.PutAsync("a/journal-000001.pjl/000000000000", bytes, Stop));

        Assert.Equal(bytes, await store.ReadAsync("a/journal-000001.pjl/000000000000", Stop));
        Assert.Equal([new StoredPiece("a/journal-000001.pjl/000000000000", length)], await ListAsync(store, "a/"));
    }

    [Fact]
    [Guarantee("G4")]
    public async Task A_piece_is_never_put_over_another_and_not_even_over_itself()
    {
        await using var store = await OpenAsync();
        Assert.True(await store.PutAsync("a/1", "first"u8.ToArray(), Stop));

        Assert.False(await store.PutAsync("a/1", "other"u8.ToArray(), Stop));
        Assert.False(await store.PutAsync("a/1", "first"u8.ToArray(), Stop));
        Assert.False(await store.PutAsync("a/1", "longer than the first"u8.ToArray(), Stop));

        Assert.Equal("first"u8.ToArray(), await store.ReadAsync("a/1", Stop));
    }

    [Fact]
    public async Task What_is_not_there_is_null_and_lists_as_nothing()
    {
        await using var store = await OpenAsync();

        Assert.Null(await store.ReadAsync("a/1", Stop));
        Assert.Empty(await ListAsync(store, ""));

        await store.PutAsync("a/11", "x"u8.ToArray(), Stop);
        Assert.Null(await store.ReadAsync("a/1", Stop));
        Assert.Empty(await ListAsync(store, "b"));
    }

    [Fact]
    public async Task Names_are_listed_in_the_order_of_their_characters_however_they_were_put()
    {
        await using var store = await OpenAsync();
        string[] names = ["a/10", "a/2", "a/1", "b/1", "a.b/1", "a-b/1", "0f/journal-000002.pjl/000000000000", "0f/journal-000001.pjl/000000000044", "0f/journal-000001.pjl/000000000000"];
        foreach (var name in names) await store.PutAsync(name, "x"u8.ToArray(), Stop);

        Assert.Equal(names.Order(StringComparer.Ordinal), (await ListAsync(store, "")).Select(piece => piece.Name));
        Assert.Equal(["a/1", "a/10", "a/2"], (await ListAsync(store, "a/")).Select(piece => piece.Name));
        Assert.Equal(["a/1", "a/10"], (await ListAsync(store, "a/1")).Select(piece => piece.Name));
    }

    [Theory]
    [InlineData("")]
    [InlineData("../a")]
    [InlineData("a/../b")]
    [InlineData("a//b")]
    [InlineData("/a")]
    [InlineData("a b")]
    [InlineData("a\\b")]
    [InlineData("a%2fb")]
    public async Task A_name_that_leads_elsewhere_is_none(string name)
    {
        await using var store = await OpenAsync();

        await Assert.ThrowsAsync<ArgumentException>(async () => await store.PutAsync(name, "x"u8.ToArray(), Stop));
        await Assert.ThrowsAsync<ArgumentException>(async () => await store.ReadAsync(name, Stop));
    }

    [Fact]
    public async Task Who_gives_up_is_told_so_and_no_store_is_blamed()
    {
        await using var store = await OpenAsync();
        using var given = new CancellationTokenSource();
        await given.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await store.PutAsync("a/1", new byte[100], given.Token));
    }

    /// <summary>All that a store lists.</summary>
    protected static async Task<List<StoredPiece>> ListAsync(IRecordingStore store, string prefix)
    {
        var found = new List<StoredPiece>();
        await foreach (var piece in store.ListAsync(prefix, Stop)) found.Add(piece);
        return found;
    }
}

/// <summary>And of those that can refuse a second writer at the very moment of the first.</summary>
public abstract class ConditionalStoreContract : StoreContract
{
    [Fact]
    [Guarantee("G4")]
    public async Task Of_writers_at_the_same_moment_one_wins_and_its_bytes_stay()
    {
        var stop = TestContext.Current.CancellationToken;
        await using var store = await OpenAsync();
        for (var round = 0; round < 10; round++)
        {
            var name = $"race/{round}";
            var bytes = Enumerable.Range(0, 8).Select(_ => RandomNumberGenerator.GetBytes(20_000)).ToArray();

            var won = await Task.WhenAll(bytes.Select(one => Task.Run(async () => await store.PutAsync(name, one, stop), stop)));

            Assert.Equal(1, won.Count(one => one));
            Assert.Equal(bytes[Array.IndexOf(won, true)], await store.ReadAsync(name, stop));
        }
    }
}
