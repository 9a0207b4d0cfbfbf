using System.Text.Unicode;

namespace Postern.Protocols.Postgres.Sql;

/// <summary>The reader of SQL texts: cache, then checks that cost nothing, then a worker.</summary>
internal sealed class StatementTexts : IStatementReader, IDisposable
{
    /// <summary>Brackets within brackets before a text is not even parsed.</summary>
    public const int MaximumNesting = 500;

    private readonly SqlWorkerPool _pool;
    private readonly StatementCache _cache;
    private readonly CallerTurns _turns = new();

    /// <summary>One reader with workers of its own.</summary>
    /// <param name="options">Of the workers.</param>
    /// <param name="cacheBytes">What may be remembered, in bytes: 32 MiB unless set.</param>
    public StatementTexts(SqlWorkerOptions? options = null, long cacheBytes = 32 << 20)
    {
        _pool = new SqlWorkerPool(options ?? new SqlWorkerOptions());
        _cache = new StatementCache(cacheBytes);
    }

    /// <summary>The reader of this process; its workers start with the first text.</summary>
    public static StatementTexts Shared { get; } = new();

    /// <summary>Processes started so far.</summary>
    public int WorkerStarts => _pool.Starts;

    public ValueTask<StatementReading> ReadAsync(ReadOnlyMemory<byte> sql, Catalogue catalogue, string caller, CancellationToken cancellationToken) =>
        TryAnswer(sql.Span, catalogue) is { } known ? new ValueTask<StatementReading>(known) : new ValueTask<StatementReading>(InTurnAsync(sql.ToArray(), catalogue, caller, cancellationToken));

    public ValueTask<StatementReading> ReadAsync(ReadOnlyMemory<byte> sql, Catalogue catalogue, CancellationToken cancellationToken) =>
        TryAnswer(sql.Span, catalogue) is { } known ? new ValueTask<StatementReading>(known) : new ValueTask<StatementReading>(ParseAsync(sql.ToArray(), catalogue, cancellationToken));

    /// <summary>True when the text would be answered without reading it.</summary>
    public bool Remembers(ReadOnlySpan<byte> sql, Catalogue catalogue) => _cache.TryFind(sql, catalogue, out _);

    public void Dispose() => _pool.Dispose();

    private StatementReading? TryAnswer(ReadOnlySpan<byte> sql, Catalogue catalogue)
    {
        if (_cache.TryFind(sql, catalogue, out var known)) return known;
        return FaultOf(sql) is { } fault ? new StatementReading.Undecidable(fault) : null;
    }

    private async Task<StatementReading> InTurnAsync(byte[] text, Catalogue catalogue, string caller, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        using var turn = await _turns.TakeAsync(caller, cancellationToken).ConfigureAwait(false);
        // Another session of the caller may have asked the same.
        return _cache.TryFind(text, catalogue, out var known) ? known : await ParseAsync(text, catalogue, cancellationToken).ConfigureAwait(false);
    }

    private async Task<StatementReading> ParseAsync(byte[] text, Catalogue catalogue, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var found = await _pool.ReadAsync(text, catalogue).WaitAsync(cancellationToken).ConfigureAwait(false);
        if (found.IsLasting) _cache.Add(text, catalogue, found.Reading);
        return found.Reading;
    }

    private static string? FaultOf(ReadOnlySpan<byte> text)
    {
        if (text.Length > SqlWorkerOptions.MaximumText) return $"the text has more than {SqlWorkerOptions.MaximumText} bytes";
        if (text.Contains((byte)0)) return "the text has a NUL in it";
        if (!Utf8.IsValid(text)) return "the text is not UTF-8";
        // Brackets in literals count as well: a text that has so many of them one way only is refused rather than risked.
        var depth = 0;
        foreach (var letter in text)
        {
            if (letter is (byte)'(' or (byte)'[' && ++depth > MaximumNesting) return $"the text has more than {MaximumNesting} brackets within brackets";
            if (letter is (byte)')' or (byte)']' && depth > 0) depth--;
        }
        return null;
    }
}
