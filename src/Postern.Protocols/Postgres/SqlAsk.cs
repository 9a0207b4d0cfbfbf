using System.Text.Json;
using Postern.Core.Operations;

namespace Postern.Protocols.Postgres;

/// <summary>Turns the <c>ask</c> of a policy test into the operation that the same text would make.</summary>
internal static class SqlAsk
{
    public static Operation Read(Connection connection, IReadOnlyDictionary<string, JsonElement> ask, IDefinitionCatalogue definitions, DateTimeOffset now)
    {
        if (!ask.TryGetValue("sql", out var sql) || sql.ValueKind != JsonValueKind.String) throw new FormatException("expected text at `sql`");
        throw new FormatException($"`{connection.Name}` cannot be asked offline at {now:O}: {definitions.Names(connection.Name, SqlVocabulary.Table).Count()} tables are known and its names are not kept");
    }
}
