using System.Collections.Concurrent;
using System.Diagnostics;
using Microsoft.Extensions.Logging;
using Npgsql;
using Postern.Conformance.Gateways;
using Postern.Core.Pipeline;
using Postern.Tests;
using Postern.Tests.Gateway.Telemetry;

namespace Postern.Conformance.Postgres;

/// <summary>
/// Masked values and passwords in every place from which a real server or a real client can bring one; then everything that tells of the
/// gateway is searched for them: its answers, its log, its metrics, its spans, the opened recording, its files, and all forms in which it leaves.
/// </summary>
public sealed class CanaryTests(SharedCluster shared)
{
    private const string Mail = "canarymail61c07f@example.org";
    private const string Hidden = "canaryhidden61c07f";
    private const string Raised = "canaryraised61c07f@example.org";
    private const string Wrong = "canarywrong61c07f@example.org";
    private const string Noted = "canarynoted61c07f";

    private const string Policy = """
        version: 1
        rules:
          - id: support
            who:  { groups: [support] }
            on:   { connection: target, statements: [select, insert, update], tables: [public.people, public.noisy] }
            then: allow
        masks:
          - id: pii
            on:      { connection: target }
            columns: [public.people.mail, public.people.hidden]
            detect:  [email]
            as:      redact
        """;

    private const string Script = $"""
        CREATE TABLE people (id int PRIMARY KEY, mail text UNIQUE, hidden text CHECK (hidden <> 'no'), note text);
        INSERT INTO people VALUES (1, '{Mail}', '{Hidden}', '{Noted}');
        CREATE TABLE noisy (id int);
        CREATE FUNCTION speak() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            RAISE NOTICE 'notice of {Raised}' USING DETAIL = 'detail {Raised}', HINT = 'hint {Raised}';
            IF NEW.id > 1 THEN RAISE EXCEPTION 'error of {Raised}' USING DETAIL = 'detail {Raised}', HINT = 'hint {Raised}', TABLE = '{Raised}', COLUMN = '{Raised}'; END IF;
            RETURN NEW; END $$;
        CREATE TRIGGER speaks BEFORE INSERT ON noisy FOR EACH ROW EXECUTE FUNCTION speak();
        GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO {Cluster.App};
        """;

    private static CancellationToken Test => TestContext.Current.CancellationToken;

    [Fact]
    [Row("U12")]
    [Row("M17")]
    [Guarantee("G11")]
    [Guarantee("G12")]
    public async Task What_a_server_keeps_hidden_and_what_opens_it_stands_in_nothing_that_tells_of_the_gateway()
    {
        using var log = new EveryLine();
        using var spans = new EverySpan();
        await using var bed = await PostgresBed.StartAsync(shared, Policy, logs: log, more: Script);
        var told = new List<string>();
        var (token, bad) = (bed.Gateway.Token("alice"), "canarytoken61c07f");
        await using (var connection = new NpgsqlConnection(bed.Connection(more: "Pooling=false;Include Error Detail=true", token: token)))
        {
            connection.Notice += (_, noticed) => told.Add(Said(noticed.Notice.MessageText, noticed.Notice.Detail, noticed.Notice.Hint));
            await connection.OpenAsync(Test);
            // In text and in binary, as a row, as JSON, within an array, as a parameter that comes back, prepared, and by a cursor.
            foreach (var sql in (string[])[
                "SELECT * FROM people", "SELECT p FROM people p", "SELECT row_to_json(p) FROM people p", "SELECT array_agg(mail) FROM people", "SELECT upper(hidden), mail || '' FROM people",
                "SELECT encode(hidden::bytea, 'base64'), encode(hidden::bytea, 'hex') FROM people", "SELECT note FROM people WHERE mail = $1", "UPDATE people SET note = note WHERE hidden = $1 RETURNING mail, hidden",
                "INSERT INTO people VALUES (2, $1, 'x')", "INSERT INTO people VALUES (3, 'x', 'no')", "SELECT mail::int FROM people", "SELECT hidden::int FROM people", "INSERT INTO noisy VALUES (1)", "INSERT INTO noisy VALUES (2)",
                "COPY people TO STDOUT", $"ALTER ROLE app PASSWORD '{Wrong}'"])
            {
                foreach (var asText in (bool[])[true, false]) told.Add(await AskAsync(connection, sql, asText));
            }
        }
        await using (var refused = new NpgsqlConnection(bed.Connection(token: bad))) told.Add((await Assert.ThrowsAnyAsync<NpgsqlException>(() => refused.OpenAsync(Test))).ToString());
        using var http = new HttpClient();
        var metrics = await http.GetStringAsync(bed.Gateway.ManagementUrl + "/metrics", Test) + await http.GetStringAsync(bed.Gateway.ManagementUrl + "/readyz", Test);
        var recording = await bed.StopAsync();

        // What was asked for in clear came, and what was masked came masked: the search below looks at real answers.
        var answers = string.Join('\n', told);
        Assert.Contains(Noted, answers, StringComparison.Ordinal);
        Assert.Contains("[masked:pii]", answers, StringComparison.Ordinal);
        Assert.Contains("23505", answers, StringComparison.Ordinal);
        string[] opening = [bed.Cluster.Password, token, token.Split('.')[2], bad];
        string[] masked = [Mail, Hidden, Raised];
        Canaries.AssertNotIn("what the client was told", answers, [.. masked, bed.Cluster.Password]);
        Assert.Contains("postgres", log.Text + metrics, StringComparison.Ordinal);
        Assert.Contains("postgres.select", spans.Text, StringComparison.Ordinal);
        foreach (var (place, text) in ((string, string)[])[("the log", log.Text), ("the metrics", metrics), ("the spans", spans.Text)]) Canaries.AssertNotIn(place, text, [.. opening, .. masked, Wrong, Noted]);
        Canaries.AssertNotAtRest(bed.Gateway.Data, [.. opening, .. masked], Noted);

        var sessions = recording.Operations.Select(operation => operation.Intent.Session).OfType<string>().Distinct().ToArray();
        Assert.NotEmpty(sessions);
        foreach (var session in sessions)
        {
            foreach (var form in (string[])["ndjson", "csv", "html"])
            {
                var taken = await PosternProcess.RunAsync("sessions", "export", session, "--journal", bed.Gateway.Data, "--as", form);
                Assert.True(taken.ExitCode == 0, taken.Error);
                Canaries.AssertNotIn($"the {form}", taken.Out + taken.Error, [.. opening, .. masked]);
            }
            var bundle = Path.Combine(bed.Gateway.Data, session + ".zip");
            Assert.Equal(0, (await PosternProcess.RunAsync("sessions", "export", session, "--journal", bed.Gateway.Data, "--as", "bundle", "--to", bundle)).ExitCode);
            Canaries.AssertNotInArchive(bundle, [.. opening, .. masked]);
        }
    }

    /// <summary>Runs a statement, and returns all that came of it: its cells in both formats, or the server's words.</summary>
    private static async Task<string> AskAsync(NpgsqlConnection connection, string sql, bool asText)
    {
        try
        {
            await using var command = new NpgsqlCommand(sql, connection) { AllResultTypesAreUnknown = asText };
            if (sql.Contains("$1", StringComparison.Ordinal)) command.Parameters.AddWithValue(sql.Contains("hidden =", StringComparison.Ordinal) ? Hidden : Mail);
            await using var rows = await command.ExecuteReaderAsync(Test);
            var said = "";
            while (await rows.ReadAsync(Test))
            {
                for (var i = 0; i < rows.FieldCount; i++)
                {
                    if (await rows.IsDBNullAsync(i, Test)) continue;
                    if (asText) said += rows.GetString(i) + "\n";
                    else said += rows.GetFieldValue<object>(i) switch { Array array => string.Join(',', array.Cast<object?>()), { } value => value } + "\n";
                }
            }
            return said;
        }
        catch (PostgresException refused)
        {
            return Said(refused.SqlState, refused.MessageText, refused.Detail, refused.Hint, refused.Where, refused.TableName, refused.ColumnName, refused.InternalQuery);
        }
        catch (InvalidCastException)
        {
            return ""; // a row of no type that the client knows; its text was asked for beside it
        }
    }

    private static string Said(params string?[] parts) => string.Join('\n', parts);

    /// <summary>Everything that the gateway logs, at every level, with the values beside the words.</summary>
    private sealed class EveryLine : ILoggerFactory, ILogger
    {
        private readonly ConcurrentQueue<string> _lines = [];

        public string Text => string.Join('\n', _lines);

        public void AddProvider(ILoggerProvider provider)
        {
        }

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            _lines.Enqueue($"{logLevel} {formatter(state, exception)} {(state is IEnumerable<KeyValuePair<string, object?>> pairs ? string.Join(' ', pairs.Select(pair => $"{pair.Key}={pair.Value}")) : "")} {exception}");

        public void Dispose()
        {
        }
    }

    /// <summary>Every span of every operation, whole.</summary>
    private sealed class EverySpan : IDisposable
    {
        private readonly ConcurrentQueue<string> _spans = [];
        private readonly ActivityListener _listener;

        public EverySpan()
        {
            _listener = new ActivityListener
            {
                ShouldListenTo = source => source.Name == OperationTrace.SourceName,
                Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
                ActivityStopped = span => _spans.Enqueue($"{span.DisplayName} {span.StatusDescription} {string.Join(' ', span.TagObjects)} {string.Join(' ', span.Events.Select(one => one.Name + string.Join(' ', one.Tags)))} {string.Join(' ', span.Baggage)} {span.TraceStateString}"),
            };
            ActivitySource.AddActivityListener(_listener);
        }

        public string Text => string.Join('\n', _spans);

        public void Dispose() => _listener.Dispose();
    }
}
