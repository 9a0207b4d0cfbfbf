using Npgsql;
using Postern.Protocols.Postgres.Sql;

namespace Postern.Conformance.Postgres.Facts;

/// <summary>Reads a database's names as the gateway does: its queries, in text format.</summary>
internal static class ServerCatalogue
{
    public static async Task<Catalogue> LoadAsync(string connectionString, CancellationToken cancellationToken)
    {
        await using var connection = new NpgsqlConnection(connectionString);
        await connection.OpenAsync(cancellationToken);
        var builder = new CatalogueBuilder();
        for (var query = 0; query < CatalogueQueries.All.Length; query++)
        {
            await using var command = new NpgsqlCommand(CatalogueQueries.All[query], connection) { AllResultTypesAreUnknown = true };
            await using var rows = await command.ExecuteReaderAsync(cancellationToken);
            while (await rows.ReadAsync(cancellationToken)) builder.Add(query, [.. Enumerable.Range(0, rows.FieldCount).Select(index => rows.IsDBNull(index) ? null : rows.GetString(index))]);
        }
        return builder.Build();
    }
}
