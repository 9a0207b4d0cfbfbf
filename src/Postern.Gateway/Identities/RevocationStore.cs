using System.Collections.Immutable;
using Dapper;
using Postern.Core.Sessions;
using Postern.Gateway.Storage;

namespace Postern.Gateway.Identities;

/// <summary>Revocations in the gateway's database, so that a restart lets nobody in again.</summary>
internal sealed class RevocationStore(GatewayDatabase database)
{
    /// <summary>What still matters at <paramref name="now"/>; the rest is deleted.</summary>
    public async ValueTask<ImmutableArray<Revocation>> LoadAsync(DateTimeOffset now, CancellationToken cancellationToken) => await database.InTransactionAsync(
        (sql, transaction) =>
        {
            sql.Execute("delete from taken_back where kept_until < @now", new { now = now.UtcTicks }, transaction);
            return sql.Query<Row>("select * from taken_back", transaction: transaction).Select(row => row.ToRevocation()).OfType<Revocation>().ToImmutableArray();
        },
        cancellationToken).ConfigureAwait(false);

    /// <summary>Keeps one, as it stands with what was known of its subject before; durable when the task completes.</summary>
    public async ValueTask SaveAsync(Revocation revocation, DateTimeOffset now, CancellationToken cancellationToken) => await database.InTransactionAsync(
        (sql, transaction) =>
        {
            sql.Execute("delete from taken_back where kept_until < @now", new { now = now.UtcTicks }, transaction);
            return sql.Execute(
                """
                insert into taken_back (kind, subject, at, issued_until, kept_until, source, said_by, reason) values (@kind, @subject, @at, @issued, @kept, @source, @by, @reason)
                on conflict (kind, subject) do update set at = max(at, excluded.at), issued_until = max(issued_until, excluded.issued_until),
                    kept_until = max(kept_until, excluded.kept_until), source = excluded.source, said_by = excluded.said_by, reason = excluded.reason
                """,
                new
                {
                    kind = revocation.Subject.Word,
                    subject = revocation.Subject.Key,
                    at = revocation.At.UtcTicks,
                    issued = revocation.IssuedUntil.UtcTicks,
                    kept = revocation.KeptUntil.UtcTicks,
                    source = revocation.Source,
                    by = revocation.By,
                    reason = revocation.Reason,
                },
                transaction);
        },
        cancellationToken).ConfigureAwait(false);

    /// <summary>Forgets what was said of a subject; durable when the task completes.</summary>
    public async ValueTask RemoveAsync(RevocationSubject subject, CancellationToken cancellationToken) => await database.InTransactionAsync(
        (sql, transaction) => sql.Execute("delete from taken_back where kind = @kind and subject = @subject", new { kind = subject.Word, subject = subject.Key }, transaction),
        cancellationToken).ConfigureAwait(false);

#pragma warning disable IDE1006 // column names
    private sealed class Row
    {
        public string kind { get; set; } = "";

        public string subject { get; set; } = "";

        public long at { get; set; }

        public long issued_until { get; set; }

        public long kept_until { get; set; }

        public string source { get; set; } = "";

        public string said_by { get; set; } = "";

        public string reason { get; set; } = "";

        public Revocation? ToRevocation() => RevocationSubject.Words.IndexOf(kind) is >= 0 and var of && RevocationSubject.TryParse((RevocationOf)of, subject) is { } read
            ? new Revocation(read, Time(at), Time(issued_until), Time(kept_until)) { Source = source, By = said_by, Reason = reason }
            : null;

        private static DateTimeOffset Time(long ticks) => ticks >= DateTimeOffset.MaxValue.UtcTicks ? DateTimeOffset.MaxValue : new DateTimeOffset(ticks, TimeSpan.Zero);
    }
#pragma warning restore IDE1006
}
