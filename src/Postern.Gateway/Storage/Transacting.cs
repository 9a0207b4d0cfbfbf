using Microsoft.Data.Sqlite;

namespace Postern.Gateway.Storage;

/// <summary>One transaction, and a connection that is good for the next whatever became of this one.</summary>
internal static class Transacting
{
    /// <summary>Runs and commits; on a fault nothing of it stays.</summary>
    public static T Run<T>(SqliteConnection connection, Func<SqliteConnection, SqliteTransaction, T> work)
    {
        var transaction = connection.BeginTransaction();
        try
        {
            var result = work(connection, transaction);
            transaction.Commit();
            return result;
        }
        finally
        {
            End(connection, transaction);
        }
    }

    private static void End(SqliteConnection connection, SqliteTransaction transaction)
    {
        try
        {
            transaction.Dispose();
        }
        catch (SqliteException)
        {
            // A disk that is full or fails makes SQLite roll back by itself (its "Response To Errors Within A Transaction"). The library then
            // fails to roll back what is over, goes on believing in it, and would refuse every transaction until the gateway is restarted.
            using var begin = connection.CreateCommand();
            begin.CommandText = "begin";
            begin.Transaction = transaction;
            begin.ExecuteNonQuery();
            transaction.Dispose();
        }
    }
}
