using System.Collections.Immutable;
using System.Globalization;
using Microsoft.Extensions.Logging;
using Postern.Core.Recording;

namespace Postern.Protocols;

/// <summary>
/// Records what was refused before it could become an operation. At most <see cref="PerSecond"/> notes of a kind each second
/// are written; further ones are counted, and the count is in the next note, so that garbage cannot fill the disk.
/// </summary>
public sealed partial class RefusalNotes(IRecorder recorder, TimeProvider clock, ILogger logger)
{
    /// <summary>Notes of one kind that are written in one second.</summary>
    public const int PerSecond = 10;

    private readonly Lock _lock = new();
    private readonly Dictionary<string, (long Second, int Count, long Unwritten)> _kinds = new(StringComparer.Ordinal);

    /// <summary>Writes or counts one. Never throws: the refusal stands whether or not it could be written down.</summary>
    public async ValueTask NoteAsync(string kind, string reason, string connection, string? identity = null, string? operation = null)
    {
        var now = clock.GetUtcNow();
        long unwritten;
        lock (_lock)
        {
            var second = now.ToUnixTimeSeconds();
            var (seen, count, counted) = _kinds.GetValueOrDefault(kind);
            if (seen != second) count = 0;
            if (count >= PerSecond)
            {
                _kinds[kind] = (second, count, counted + 1);
                return;
            }
            unwritten = counted;
            _kinds[kind] = (second, count + 1, 0);
        }
        var facts = ImmutableArray.CreateBuilder<KeyValuePair<string, string>>();
        facts.Add(new("reason", reason));
        facts.Add(new("connection", connection));
        if (identity is not null) facts.Add(new("identity", identity));
        if (operation is not null) facts.Add(new("operation", operation));
        if (unwritten > 0) facts.Add(new("alsoCounted", unwritten.ToString(CultureInfo.InvariantCulture)));
        try
        {
            await recorder.NoteAsync(new Occurrence(kind, now, facts.ToImmutable()), CancellationToken.None).ConfigureAwait(false);
        }
        catch (RecordingException fault)
        {
            NotRecorded(logger, kind, fault.Message);
        }
    }

    [LoggerMessage(1, LogLevel.Warning, "`{Kind}` could not be recorded: {Cause}")]
    private static partial void NotRecorded(ILogger logger, string kind, string cause);
}
