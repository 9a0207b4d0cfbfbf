using Microsoft.Data.Sqlite;

namespace Postern.Gateway.Recordings;

/// <summary>One statement of the index, compiled once and run many times in one transaction: every call of every caller passes here.</summary>
internal sealed class IndexStatement : IDisposable
{
    private readonly SqliteCommand _command;

    /// <summary>Compiles it; its parameters are <c>@p0</c>, <c>@p1</c> and so on.</summary>
    public IndexStatement(SqliteConnection sql, SqliteTransaction transaction, string text, int parameters)
    {
        _command = sql.CreateCommand();
        _command.Transaction = transaction;
        _command.CommandText = text;
        for (var index = 0; index < parameters; index++) _command.Parameters.Add(new SqliteParameter { ParameterName = $"@p{index}" });
    }

    /// <summary>Runs it with these values.</summary>
    public void Run(params ReadOnlySpan<object?> values)
    {
        for (var index = 0; index < values.Length; index++)
        {
            var parameter = _command.Parameters[index];
            // The type is that of the value; without this it would stay that of the value before.
            parameter.ResetSqliteType();
            parameter.Value = values[index] ?? DBNull.Value;
        }
        _command.ExecuteNonQuery();
    }

    /// <inheritdoc/>
    public void Dispose() => _command.Dispose();
}
