using System.Collections.Immutable;
using System.Globalization;
using System.Reflection;
using Microsoft.Data.Sqlite;
using Postern.Core.Operations;

namespace Postern.Gateway.Storage;

/// <summary>
/// Numbered SQL texts, each applied once, in order, in its own transaction. The checksum of what was applied is kept: a text that
/// was edited after it was released, or a database from a newer Postern, stops the start.
/// </summary>
internal static class Migrations
{
    private const string Folder = "Postern.Gateway.Storage.Sql.";

    /// <exception cref="InvalidDataException">The database was not made by these migrations.</exception>
    public static void Apply(SqliteConnection connection)
    {
        Execute(connection, null, "create table if not exists migrations (number integer primary key, name text not null, checksum text not null)");
        var applied = Applied(connection);
        var known = Known();
        if (applied.Keys.Except(known.Select(text => text.Number)).Any()) throw new InvalidDataException("it was written by a newer Postern; use that version, or restore a backup from before");
        foreach (var (number, name, sql) in known)
        {
            var checksum = Digest.Of(System.Text.Encoding.UTF8.GetBytes(sql)).ToString();
            if (applied.TryGetValue(number, out var before))
            {
                if (before != checksum) throw new InvalidDataException($"migration {number} (`{name}`) is not the one that was applied");
                continue;
            }
            using var transaction = connection.BeginTransaction();
            Execute(connection, transaction, sql);
            Execute(connection, transaction, "insert into migrations (number, name, checksum) values ($number, $name, $checksum)", ("$number", number), ("$name", name), ("$checksum", checksum));
            transaction.Commit();
        }
    }

    private static ImmutableArray<(int Number, string Name, string Sql)> Known()
    {
        var assembly = Assembly.GetExecutingAssembly();
        return [.. assembly.GetManifestResourceNames().Where(name => name.StartsWith(Folder, StringComparison.Ordinal)).Order(StringComparer.Ordinal).Select(resource =>
        {
            using var reader = new StreamReader(assembly.GetManifestResourceStream(resource)!);
            var name = resource[Folder.Length..^".sql".Length];
            return (int.Parse(name.AsSpan(0, 4), NumberStyles.None, CultureInfo.InvariantCulture), name, reader.ReadToEnd());
        })];
    }

    private static Dictionary<int, string> Applied(SqliteConnection connection)
    {
        using var command = connection.CreateCommand();
        command.CommandText = "select number, checksum from migrations";
        using var reader = command.ExecuteReader();
        var applied = new Dictionary<int, string>();
        while (reader.Read()) applied[reader.GetInt32(0)] = reader.GetString(1);
        return applied;
    }

    private static void Execute(SqliteConnection connection, SqliteTransaction? transaction, string sql, params ReadOnlySpan<(string Name, object Value)> parameters)
    {
        using var command = connection.CreateCommand();
        command.Transaction = transaction;
#pragma warning disable CA2100 // texts embedded in this assembly
        command.CommandText = sql;
#pragma warning restore CA2100
        foreach (var (name, value) in parameters) command.Parameters.AddWithValue(name, value);
        command.ExecuteNonQuery();
    }
}
