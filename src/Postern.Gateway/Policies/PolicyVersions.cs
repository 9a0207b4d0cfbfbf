using System.Collections.Immutable;
using System.Text.Json;
using Dapper;
using Microsoft.Data.Sqlite;
using Postern.Core.Policy;
using Postern.Gateway.Storage;

namespace Postern.Gateway.Policies;

/// <summary>
/// Every policy version that was ever in force, with its text. Numbers count up over restarts, and none is used for two contents: one is
/// given out before the record names it, and counts only once it is confirmed.
/// </summary>
internal sealed class PolicyVersions(GatewayDatabase database)
{
    private const string Columns = "number, hash, author, reason, source, based_on, operation, applied_at";

    /// <summary>The version that was put in force last, with its text, or null before the first.</summary>
    /// <exception cref="InvalidDataException">Its text is not the one that was applied.</exception>
    public ValueTask<AppliedPolicy?> NewestAsync(CancellationToken cancellationToken) => database.InTransactionAsync(
        static (sql, transaction) => Read(sql, transaction, $"select {Columns}, sources from policy_versions where in_force = 1 order by number desc limit 1", null).FirstOrDefault(),
        cancellationToken);

    /// <summary>One version with its text, or null.</summary>
    /// <exception cref="InvalidDataException">Its text is not the one that was applied.</exception>
    public ValueTask<AppliedPolicy?> FindAsync(int number, CancellationToken cancellationToken) => database.InTransactionAsync(
        (sql, transaction) => Read(sql, transaction, $"select {Columns}, sources from policy_versions where in_force = 1 and number = $value", number).FirstOrDefault(),
        cancellationToken);

    /// <summary>The latest versions without their texts, newest first.</summary>
    public ValueTask<ImmutableArray<AppliedPolicy>> ListAsync(int limit, CancellationToken cancellationToken) => database.InTransactionAsync(
        (sql, transaction) => Read(sql, transaction, $"select {Columns}, null from policy_versions where in_force = 1 order by number desc limit $value", limit).ToImmutableArray(),
        cancellationToken);

    /// <summary>The versions that were in force at some time since an instant, with their texts.</summary>
    /// <exception cref="InvalidDataException">A text is not the one that was applied.</exception>
    public ValueTask<ImmutableArray<AppliedPolicy>> SinceAsync(DateTimeOffset from, CancellationToken cancellationToken) => database.InTransactionAsync(
        (sql, transaction) => Read(
            sql, transaction,
            $"select {Columns}, sources from policy_versions where in_force = 1 and number >= coalesce((select max(number) from policy_versions where in_force = 1 and applied_at <= $value), 0) order by number",
            from.ToUnixTimeMilliseconds()).ToImmutableArray(),
        cancellationToken);

    /// <summary>The number that the next version gets.</summary>
    public ValueTask<int> NextAsync(CancellationToken cancellationToken) => database.InTransactionAsync(
        static (sql, transaction) => sql.ExecuteScalar<int>("select coalesce(max(number), 0) + 1 from policy_versions", transaction: transaction), cancellationToken);

    /// <summary>Gives the number to this text; it is not in force yet. Durable when the task completes.</summary>
    public async ValueTask ReserveAsync(AppliedPolicy version, CancellationToken cancellationToken) => await database.InTransactionAsync(
        (sql, transaction) => sql.Execute(
            """
            insert into policy_versions (number, hash, files, applied_at, author, reason, source, based_on, operation, sources, in_force)
            values (@Number, @Hash, @files, @at, @Author, @Reason, @Source, @BasedOn, @Operation, @sources, 0)
            """,
            new
            {
                version.Number,
                version.Hash,
                files = string.Join('\n', version.Files.Select(file => file.Path)),
                at = version.AppliedAt.ToUnixTimeMilliseconds(),
                version.Author,
                version.Reason,
                version.Source,
                version.BasedOn,
                version.Operation,
                sources = Text(version.Files),
            },
            transaction),
        cancellationToken).ConfigureAwait(false);

    /// <summary>From now on the version is the one in force; durable when the task completes.</summary>
    /// <param name="number">The version.</param>
    /// <param name="folder">The digest of the folder's files when it came from there.</param>
    /// <param name="cancellationToken">Before it begins.</param>
    public async ValueTask ConfirmAsync(int number, string? folder, CancellationToken cancellationToken) => await database.InTransactionAsync(
        (sql, transaction) =>
        {
            if (folder is not null) SetFolder(sql, transaction, folder);
            return sql.Execute("update policy_versions set in_force = 1 where number = @number", new { number }, transaction);
        },
        cancellationToken).ConfigureAwait(false);

    /// <summary>Keeps the text of a version from before texts were kept.</summary>
    public async ValueTask FillAsync(int number, ImmutableArray<PolicyFile> files, CancellationToken cancellationToken) => await database.InTransactionAsync(
        (sql, transaction) => sql.Execute("update policy_versions set sources = @sources where number = @number and sources is null", new { number, sources = Text(files) }, transaction),
        cancellationToken).ConfigureAwait(false);

    /// <summary>The digest of the files that were taken from the folder last, or null before the first.</summary>
    public ValueTask<string?> FolderAsync(CancellationToken cancellationToken) => database.InTransactionAsync(
        static (sql, transaction) => sql.QueryFirstOrDefault<string?>("select hash from policy_folder", transaction: transaction), cancellationToken);

    /// <summary>Keeps the digest of the folder's files.</summary>
    public async ValueTask SetFolderAsync(string hash, CancellationToken cancellationToken) => await database.InTransactionAsync(
        (sql, transaction) => SetFolder(sql, transaction, hash), cancellationToken).ConfigureAwait(false);

    private static int SetFolder(SqliteConnection sql, SqliteTransaction transaction, string hash)
    {
        sql.Execute("delete from policy_folder", transaction: transaction);
        return sql.Execute("insert into policy_folder (hash) values (@hash)", new { hash }, transaction);
    }

    private static List<AppliedPolicy> Read(SqliteConnection sql, SqliteTransaction transaction, string query, long? value)
    {
        using var command = sql.CreateCommand();
        command.Transaction = transaction;
#pragma warning disable CA2100 // fixed texts of ours, above
        command.CommandText = query;
#pragma warning restore CA2100
        if (value is { } given) command.Parameters.AddWithValue("$value", given);
        using var reader = command.ExecuteReader();
        var found = new List<AppliedPolicy>();
        while (reader.Read())
        {
            var version = new AppliedPolicy(
                reader.GetInt32(0), reader.GetString(1), reader.GetString(2), reader.GetString(3), reader.GetString(4), reader.IsDBNull(5) ? null : reader.GetInt32(5),
                reader.IsDBNull(6) ? null : reader.GetString(6), DateTimeOffset.FromUnixTimeMilliseconds(reader.GetInt64(7)), reader.IsDBNull(8) ? default : Files(reader.GetString(8)));
            if (!version.Files.IsDefault && PolicyLoader.HashOf(version.Files).ToString() != version.Hash)
            {
                throw new InvalidDataException($"the text of policy version {version.Number} is not the one that was applied; restore a backup of the database");
            }
            found.Add(version);
        }
        return found;
    }

    private static string Text(ImmutableArray<PolicyFile> files) => JsonSerializer.Serialize(files.ToDictionary(file => file.Path, file => file.Text, StringComparer.Ordinal));

    private static ImmutableArray<PolicyFile> Files(string text) =>
        [.. JsonSerializer.Deserialize<Dictionary<string, string>>(text)!.OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => new PolicyFile(pair.Key, pair.Value))];
}
