using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Postern.Gateway.Recordings;

/// <summary>
/// One statement of the index, compiled once and run many times: every call of every caller passes here, so values are handed to
/// SQLite as they are, without an object for each.
/// </summary>
internal sealed class IndexStatement : IDisposable
{
    private const int SmallText = 512;

    private readonly sqlite3 _database;
    private readonly sqlite3_stmt _statement;

    /// <summary>Compiles it; its parameters are <c>?1</c>, <c>?2</c> and so on. It runs in the transaction that is open.</summary>
    public IndexStatement(SqliteConnection sql, string text)
    {
        _database = sql.Handle!;
        Check(raw.sqlite3_prepare_v2(_database, text, out _statement));
    }

    /// <summary>Runs it with these values.</summary>
    public void Run(params ReadOnlySpan<IndexValue> values)
    {
        for (var index = 0; index < values.Length; index++) Bind(index + 1, values[index]);
        RunBound();
    }

    /// <summary>Runs it as it is.</summary>
    public void Run() => RunBound();

    /// <summary>Runs it with a number and the bytes that come second.</summary>
    public void Run(long first, ReadOnlySpan<byte> second)
    {
        Check(raw.sqlite3_bind_int64(_statement, 1, first));
        Check(raw.sqlite3_bind_blob(_statement, 2, second));
        RunBound();
    }

    /// <summary>Begins reading its rows with these values. What is read is valid until <see cref="Next"/> or <see cref="End"/>, which must follow.</summary>
    public bool Begin(params ReadOnlySpan<IndexValue> values)
    {
        for (var index = 0; index < values.Length; index++) Bind(index + 1, values[index]);
        return Next();
    }

    /// <summary>Goes to the next row; false when there is none.</summary>
    public bool Next()
    {
        var result = raw.sqlite3_step(_statement);
        Check(result);
        return result == raw.SQLITE_ROW;
    }

    /// <summary>Ends reading.</summary>
    public void End() => _ = raw.sqlite3_reset(_statement);

    /// <summary>A number of the row, by its place from 0.</summary>
    public long Number(int column) => raw.sqlite3_column_int64(_statement, column);

    /// <summary>A number of the row, or null.</summary>
    public long? OptionalNumber(int column) => raw.sqlite3_column_type(_statement, column) == raw.SQLITE_NULL ? null : Number(column);

    /// <summary>A text of the row, or null.</summary>
    public string? Text(int column) => raw.sqlite3_column_type(_statement, column) == raw.SQLITE_NULL ? null : raw.sqlite3_column_text(_statement, column).utf8_to_string();

    /// <summary>The bytes of the row.</summary>
    public ReadOnlySpan<byte> Bytes(int column) => raw.sqlite3_column_blob(_statement, column);

    /// <inheritdoc/>
    public void Dispose() => _statement.Dispose();

    private void RunBound()
    {
        try
        {
            Check(raw.sqlite3_step(_statement));
        }
        finally
        {
            // Says again what the step said.
            _ = raw.sqlite3_reset(_statement);
        }
    }

    private void Bind(int place, in IndexValue value)
    {
        if (value.Text is { } text) BindText(place, text);
        else if (value.Number is { } number) Check(raw.sqlite3_bind_int64(_statement, place, number));
        else Check(raw.sqlite3_bind_null(_statement, place));
    }

    private void BindText(int place, string text)
    {
        var most = Encoding.UTF8.GetMaxByteCount(text.Length);
        var bytes = most <= SmallText ? stackalloc byte[SmallText] : new byte[most];
        var length = Encoding.UTF8.GetBytes(text, bytes);
        Check(raw.sqlite3_bind_text(_statement, place, bytes[..length]));
    }

    private void Check(int result)
    {
        if (result is raw.SQLITE_OK or raw.SQLITE_DONE or raw.SQLITE_ROW) return;
        throw new SqliteException(raw.sqlite3_errmsg(_database).utf8_to_string(), result);
    }
}

/// <summary>Text, a number or nothing.</summary>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct IndexValue(string? Text, long? Number)
{
    public static implicit operator IndexValue(string? text) => new(text, null);

    public static implicit operator IndexValue(long number) => new(null, number);

    public static implicit operator IndexValue(long? number) => new(null, number);
}
