using Microsoft.Data.Sqlite;
using Postern.Gateway.Storage;
using Postern.Protocols;

namespace Postern.Gateway.Connections;

/// <summary>Definitions of targets in the gateway's database.</summary>
internal sealed class DefinitionStore(GatewayDatabase database) : IDefinitionStore
{
    public async ValueTask<IReadOnlyList<StoredDefinition>> LoadAsync(string connection, CancellationToken cancellationToken) =>
        await database.InTransactionAsync((sql, transaction) => Load(sql, transaction, connection), cancellationToken).ConfigureAwait(false);

    public async ValueTask SaveAsync(string connection, IReadOnlyList<StoredDefinition> definitions, CancellationToken cancellationToken) =>
        await database.InTransactionAsync(
            (sql, transaction) =>
            {
                foreach (var definition in definitions) Save(sql, transaction, connection, definition);
                return definitions.Count;
            },
            cancellationToken).ConfigureAwait(false);

    private static List<StoredDefinition> Load(SqliteConnection sql, SqliteTransaction transaction, string connection)
    {
        using var command = sql.CreateCommand();
        command.Transaction = transaction;
        command.CommandText = "select fact, name, accepted_hash, accepted_document, seen_hash, seen_document, seen_at from definitions where connection = $connection order by fact, name";
        command.Parameters.AddWithValue("$connection", connection);
        using var reader = command.ExecuteReader();
        var found = new List<StoredDefinition>();
        while (reader.Read())
        {
            found.Add(new StoredDefinition(
                reader.GetString(0), reader.GetString(1), reader.IsDBNull(2) ? null : reader.GetString(2), reader.GetFieldValue<byte[]>(3),
                reader.GetString(4), reader.GetFieldValue<byte[]>(5), DateTimeOffset.FromUnixTimeMilliseconds(reader.GetInt64(6))));
        }
        return found;
    }

    private static void Save(SqliteConnection sql, SqliteTransaction transaction, string connection, StoredDefinition definition)
    {
        using var command = sql.CreateCommand();
        command.Transaction = transaction;
        command.CommandText =
            """
            insert into definitions (connection, fact, name, accepted_hash, accepted_document, seen_hash, seen_document, seen_at)
            values ($connection, $fact, $name, $acceptedHash, $accepted, $seenHash, $seen, $seenAt)
            on conflict (connection, fact, name) do update set
                accepted_hash = excluded.accepted_hash, accepted_document = excluded.accepted_document,
                seen_hash = excluded.seen_hash, seen_document = excluded.seen_document, seen_at = excluded.seen_at
            """;
        command.Parameters.AddWithValue("$connection", connection);
        command.Parameters.AddWithValue("$fact", definition.Fact);
        command.Parameters.AddWithValue("$name", definition.Name);
        command.Parameters.AddWithValue("$acceptedHash", (object?)definition.AcceptedHash ?? DBNull.Value);
        command.Parameters.AddWithValue("$accepted", definition.AcceptedDocument.ToArray());
        command.Parameters.AddWithValue("$seenHash", definition.SeenHash);
        command.Parameters.AddWithValue("$seen", definition.SeenDocument.ToArray());
        command.Parameters.AddWithValue("$seenAt", definition.SeenAt.ToUnixTimeMilliseconds());
        command.ExecuteNonQuery();
    }
}
