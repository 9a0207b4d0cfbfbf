using Postern.Conformance.Postgres;
using Postern.Gateway.Configuration;
using Postern.Gateway.Recordings.Stores;
using Postern.Tests;
using Postern.Tests.Gateway.Recordings.Stores;

namespace Postern.Conformance.Stores;

/// <summary>The contract, with a real PostgreSQL over TLS.</summary>
public sealed class PostgresStoreTests(SharedCluster shared) : ConditionalStoreContract
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    protected override async Task<IRecordingStore> OpenAsync() => RecordingStores.Open(await TargetAsync(shared));

    internal static async Task<StoreTarget.Postgres> TargetAsync(SharedCluster shared)
    {
        var cluster = await shared.StartedAsync();
        var database = shared.NewName("store");
        await cluster.CreateDatabaseAsync(database, "create schema kept authorization app", Stop);
        return new StoreTarget.Postgres("localhost", cluster.Port, database, Cluster.App, cluster.Password, "kept.pieces", UsesTls: true, cluster.Authority);
    }

    [Fact]
    [Guarantee("G4")]
    public async Task A_role_that_may_only_read_and_insert_is_enough_once_the_table_is_there()
    {
        var target = await TargetAsync(shared);
        var cluster = await shared.StartedAsync();
        await using (var first = RecordingStores.Open(target)) await first.PutAsync("a/1", "first"u8.ToArray(), Stop);
        var role = shared.NewName("keeper");
        await cluster.RunAsync(target.Database, $"create role {role} login password '{cluster.Password}'; grant usage on schema kept to {role}; grant select, insert on kept.pieces to {role}", Stop);

        await using var store = RecordingStores.Open(target with { User = role });

        Assert.True(await store.PutAsync("a/2", "second"u8.ToArray(), Stop));
        Assert.False(await store.PutAsync("a/1", "other"u8.ToArray(), Stop));
        Assert.Equal("first"u8.ToArray(), await store.ReadAsync("a/1", Stop));
    }

    [Fact]
    public async Task More_pieces_than_one_page_holds_are_all_listed()
    {
        var target = await TargetAsync(shared);
        await using var store = RecordingStores.Open(target);
        await store.PutAsync("many/000000", new byte[1], Stop);
        await (await shared.StartedAsync()).RunAsync(target.Database, "insert into kept.pieces (name, bytes) select 'many/' || lpad(i::text, 6, '0'), 'x' from generate_series(1, 2500) i", Stop);

        var listed = await ListAsync(store, "many/");

        Assert.Equal(Enumerable.Range(0, 2_501).Select(i => $"many/{i:D6}"), listed.Select(piece => piece.Name));
    }

    [Theory]
    [InlineData("password")]
    [InlineData("authority")]
    [InlineData("name")]
    [InlineData("port")]
    [InlineData("table")]
    [Guarantee("G12")]
    public async Task What_does_not_fit_is_refused_without_a_secret(string what)
    {
        var target = await TargetAsync(shared);
        target = what switch
        {
            "password" => target with { Password = "not-the-password" },
            "authority" => target with { Authorities = null },
            "name" => target with { Host = "127.0.0.2" },
            "port" => target with { Port = FreePort.Take() },
            _ => target with { Table = "of_nobody.pieces" },
        };
        await using var store = RecordingStores.Open(target);

        var refused = await Assert.ThrowsAsync<StoreException>(async () => await store.PutAsync("a/1", "x"u8.ToArray(), Stop));

        Assert.DoesNotContain(target.Password, refused.ToString());
    }
}
