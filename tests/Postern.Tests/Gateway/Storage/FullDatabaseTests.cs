using Dapper;
using Microsoft.Data.Sqlite;
using Postern.Gateway.Storage;

namespace Postern.Tests.Gateway.Storage;

/// <summary>A database that could not be written is written again once there is room, without a restart.</summary>
[Row("F03")]
public sealed class FullDatabaseTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_transaction_that_found_no_room_leaves_room_for_the_next(bool failsAtCommit)
    {
        using var folder = new TemporaryFolder();
        using var file = SqliteFile.Open(Path.Combine(folder.Path, "some.db"), ["journal_mode = wal"], "create table grain (id integer primary key, bytes blob); create table child (parent integer references grain (id) deferrable initially deferred);");
        await file.RunAsync("pragma foreign_keys = on");
        var pages = await file.InTransactionAsync((sql, transaction) => sql.ExecuteScalar<int>("pragma page_count", transaction: transaction), CancellationToken.None);
        // SQLite's own limit of a file's size gives the same fault at the same places as a disk that is full.
        await file.RunAsync($"pragma max_page_count = {pages + 2}");

        for (var attempt = 0; attempt < 3; attempt++)
        {
            await Assert.ThrowsAsync<SqliteException>(async () => await file.InTransactionAsync(
                (sql, transaction) => failsAtCommit ? sql.Execute("insert into child values (77)", transaction: transaction) : sql.Execute("insert into grain (bytes) values (zeroblob(100000))", transaction: transaction),
                CancellationToken.None));
        }
        await file.RunAsync("pragma max_page_count = 1000000");
        await file.InTransactionAsync((sql, transaction) => sql.Execute("insert into grain (bytes) values (zeroblob(100000))", transaction: transaction), CancellationToken.None);

        Assert.Equal(1, await file.InTransactionAsync((sql, transaction) => sql.ExecuteScalar<int>("select count(*) from grain", transaction: transaction), CancellationToken.None));
    }
}
