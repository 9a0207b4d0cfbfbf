using System.Text;
using Microsoft.Data.Sqlite;
using Postern.Core.Operations;
using Postern.Core.Policy;
using Postern.Core.Recording;
using Postern.Gateway.Recordings;
using Postern.Gateway.Recordings.Search;
using Postern.Tests.Recording;

namespace Postern.Tests.Gateway.Recordings;

/// <summary>What is found is what a look at every operation finds, in the same order; and no search reads a large table from end to end.</summary>
public sealed class OperationSearchTests(OperationSearchTests.Recorded recorded) : IClassFixture<OperationSearchTests.Recorded>
{
    private const int Count = SlotSet.Size + 5_000;
    private static readonly string[] _tables = ["public.orders", "public.customers", "audit.orders"];
    private static readonly string[] _outcomes = ["done", "denied", "failed", "open"];

    private readonly RecordingIndex _index = recorded.Index;

    /// <summary>What was asked, as the test knows it.</summary>
    internal sealed record Asked(string Id, string Session, string Person, string Agent, string Connection, string Action, string Table, int Order, string Note, string Decision, string Outcome, DateTimeOffset At);

    private static readonly (OperationFilter Filter, Func<Asked, bool> Holds)[] _single =
    [
        (new OperationFilter { Person = "corp:person-3" }, one => one.Person == "person-3"),
        (new OperationFilter { Person = "Person-3" }, one => one.Person == "person-3"),
        (new OperationFilter { Owner = "corp:person-4" }, one => one.Person == "person-4"),
        (new OperationFilter { Owner = "corp:Person-4" }, _ => false),
        (new OperationFilter { Agent = "agent-1" }, one => one.Agent == "agent-1"),
        (new OperationFilter { Connection = "shop-2" }, one => one.Connection == "shop-2"),
        (new OperationFilter { Action = "sql.insert" }, one => one.Action == "sql.insert"),
        (new OperationFilter { Arguments = ["table=public.orders"] }, one => one.Table == "public.orders"),
        (new OperationFilter { Arguments = ["table=orders"] }, one => one.Table is "public.orders" or "audit.orders"),
        (new OperationFilter { Arguments = ["order=77"] }, one => one.Order == 77),
        (new OperationFilter { Arguments = ["77"] }, one => one.Order == 77),
        (new OperationFilter { Words = "blue" }, one => one.Note.Contains("blue", StringComparison.Ordinal)),
        (new OperationFilter { Words = "Blue, Størmy" }, one => one.Note == "blue størmy"),
        (new OperationFilter { Decision = "deny" }, one => one.Decision == "deny"),
        (new OperationFilter { Outcome = "failed" }, one => one.Outcome == "failed"),
        (new OperationFilter { Outcome = "open" }, one => one.Outcome == "open"),
        (new OperationFilter { Code = "policy.not_permitted" }, one => one.Decision == "deny"),
        (new OperationFilter { Rule = "small-refunds" }, one => one.Decision == "allow"),
        (new OperationFilter { Session = "S7" }, one => one.Session == "S7"),
        (new OperationFilter { Since = Given.Noon.AddSeconds(4_000) }, one => one.At >= Given.Noon.AddSeconds(4_000)),
        (new OperationFilter { Until = Given.Noon.AddSeconds(300) }, one => one.At < Given.Noon.AddSeconds(300)),
        (new OperationFilter { Words = "nowhere" }, _ => false),
        (new OperationFilter { Arguments = ["order=nothing"] }, _ => false),
        (new OperationFilter(), _ => true),
    ];

    [Fact]
    public async Task Each_condition_finds_what_a_look_at_every_operation_finds()
    {
        foreach (var (filter, holds) in _single) await AssertFindsAsync(filter, holds);
    }

    [Fact]
    public async Task Conditions_together_find_what_holds_under_all_of_them()
    {
        for (var a = 0; a < _single.Length; a++)
        {
            for (var b = a + 1; b < _single.Length; b++)
            {
                var (left, right) = (_single[a], _single[b]);
                if (Merge(left.Filter, right.Filter) is { } both) await AssertFindsAsync(both, one => left.Holds(one) && right.Holds(one));
            }
        }
    }

    [Fact]
    public async Task Pages_hold_everything_once_and_in_order()
    {
        var filter = new OperationFilter { Connection = "shop-2", Limit = 77 };
        var all = new List<string>();
        FoundPage page;
        do
        {
            page = await FindAsync(_index, filter);
            all.AddRange(page.Operations.Select(found => found.Operation.Id));
            filter = filter with { Before = page.Next };
        }
        while (page.Next is not null);

        Assert.Equal(recorded.Everything.Where(one => one.Connection == "shop-2").Select(one => one.Id).Reverse(), all);
    }

    [Fact]
    public async Task An_operation_that_ends_later_is_found_by_how_it_ended_and_no_longer_as_open()
    {
        await using var own = new Recorded { Operations = 0 };
        await own.InitializeAsync();
        var intent = Given.Intent("""{"order":"late"}""");
        var account = await own.Recorder.BeginAsync(intent, CancellationToken.None);
        var late = new OperationFilter { Arguments = ["order=late"] };
        Assert.Single((await FindAsync(own.Index, late with { Outcome = "open" })).Operations);
        var before = Assert.Single(await own.Index.ListSessionsAsync(new SessionFilter("corp:alice"), CancellationToken.None));

        await account.EndAsync(new Ending(Outcome.Done, null, null, null, Given.Noon.AddDays(1)));
        await own.SettleAsync();

        Assert.Empty((await FindAsync(own.Index, late with { Outcome = "open" })).Operations);
        Assert.Single((await FindAsync(own.Index, late with { Outcome = "done" })).Operations);
        var after = Assert.Single(await own.Index.ListSessionsAsync(new SessionFilter("corp:alice"), CancellationToken.None));
        Assert.Equal((1, 1, 0, 0), (before.Operations, before.Open, before.Done, after.Open));
        Assert.Equal((1, 1, Given.Noon.AddDays(1)), (after.Operations, after.Done, after.Last));
    }

    [Fact]
    public async Task An_index_that_is_made_again_finds_the_same()
    {
        var filter = new OperationFilter { Words = "blue", Decision = "allow", Limit = 200 };
        var before = await FindAsync(_index, filter);
        var session = await _index.GetSessionAsync("S7", null, CancellationToken.None);

        await _index.RebuildAsync(CancellationToken.None);

        Assert.Equal(before.Operations.Select(found => found.ToString()), (await FindAsync(_index, filter)).Operations.Select(found => found.ToString()));
        Assert.Equal(session!.Session, (await _index.GetSessionAsync("S7", null, CancellationToken.None))!.Session);
    }

    [Fact]
    public async Task No_statement_reads_a_large_table_from_end_to_end()
    {
        await _index.CatchUpAsync(CancellationToken.None);
        await using var sql = new SqliteConnection($"Data Source={Path.Combine(recorded.Folder, RecordingIndex.FileName)};Mode=ReadOnly;Pooling=False");
        await sql.OpenAsync(TestContext.Current.CancellationToken);
        string[] statements =
        [
            .. OperationSearch.Statements, IndexRows.Denials,
            IndexRows.Sessions(true, false, false), IndexRows.Sessions(false, true, false), IndexRows.Sessions(true, false, true), IndexRows.Sessions(true, true, false),
            "select number, session from open where id = ?1", "select max(id) from fresh where id > ?1", "select max(number) from sessions",
        ];
        foreach (var statement in statements)
        {
            using var command = sql.CreateCommand();
            command.CommandText = $"explain query plan {statement}";
            foreach (var name in System.Text.RegularExpressions.Regex.Matches(statement, "[@?][a-z0-9]+").Select(match => match.Value).Distinct()) command.Parameters.AddWithValue(name, 1);
            using var plan = await command.ExecuteReaderAsync(TestContext.Current.CancellationToken);
            while (await plan.ReadAsync(TestContext.Current.CancellationToken))
            {
                var step = plan.GetString(3);
                Assert.False(step.StartsWith("SCAN", StringComparison.Ordinal) && !step.Contains("chunks", StringComparison.Ordinal), $"{statement}\n{step}");
            }
        }
        // The newest sessions of all are read in the order of an index, as many as are wanted.
        using var newest = sql.CreateCommand();
        newest.CommandText = $"explain query plan {IndexRows.Sessions(false, false, false)}";
        newest.Parameters.AddWithValue("@limit", 1);
        using var steps = await newest.ExecuteReaderAsync(TestContext.Current.CancellationToken);
        Assert.True(await steps.ReadAsync(TestContext.Current.CancellationToken));
        Assert.Contains("USING INDEX sessions_by_last", steps.GetString(3), StringComparison.Ordinal);
    }

    [Fact]
    [Row("M17")]
    public async Task The_index_holds_no_word_of_a_request()
    {
        await using var own = new Recorded { Operations = 0 };
        await own.InitializeAsync();
        await own.Recorder.BeginAsync(Given.Intent("""{"note":"xyzzyplugh"}"""), CancellationToken.None);
        Assert.Single((await FindAsync(own.Index, new OperationFilter { Words = "xyzzyplugh" })).Operations);

        foreach (var file in Directory.EnumerateFiles(own.Folder, $"{RecordingIndex.FileName}*"))
        {
            using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            var bytes = new byte[stream.Length];
            stream.ReadExactly(bytes);
            Assert.True(bytes.AsSpan().IndexOf("xyzzyplugh"u8) < 0, file);
        }
    }

    /// <summary>A search of an index that has read everything: on a busy machine it would answer before.</summary>
    private static async Task<FoundPage> FindAsync(RecordingIndex index, OperationFilter filter)
    {
        await index.CatchUpAsync(CancellationToken.None);
        return await index.SearchAsync(filter, CancellationToken.None);
    }

    private async Task AssertFindsAsync(OperationFilter filter, Func<Asked, bool> holds)
    {
        var page = await FindAsync(_index, filter with { Limit = 60 });
        var expected = recorded.Everything.AsEnumerable().Reverse().Where(holds).Take(60).Select(one => one.Id).ToList();
        Assert.True(expected.SequenceEqual(page.Operations.Select(found => found.Operation.Id)), $"{filter}, arguments {string.Join(", ", filter.Arguments)}: expected {expected.Count}, found {page.Operations.Length}");
    }

    /// <summary>Both, or null where they ask for two values of one thing.</summary>
    private static OperationFilter? Merge(OperationFilter left, OperationFilter right)
    {
        var merged = left;
        foreach (var property in typeof(OperationFilter).GetProperties().Where(property => property.CanWrite && property.Name is not ("Limit" or "Arguments" or "Before")))
        {
            if (property.GetValue(right) is not { } value) continue;
            if (property.GetValue(left) is not null) return null;
            merged = merged with { };
            property.SetValue(merged, value);
        }
        return merged with { Arguments = [.. left.Arguments, .. right.Arguments] };
    }

    /// <summary>A journal of some thousand operations and its index, made once.</summary>
    public sealed class Recorded : IAsyncLifetime
    {
        private readonly TemporaryFolder _folder = new();

        public string Folder => _folder.Path;

        /// <summary>How many there are.</summary>
        internal int Operations { get; init; } = Count;

        public Recorder Recorder { get; private set; } = null!;

        public RecordingIndex Index { get; private set; } = null!;

        internal List<Asked> Everything { get; } = [];

        public async ValueTask InitializeAsync()
        {
            var options = Given.Options() with { DataFolder = _folder.Path, Durability = Durability.Relaxed };
            Recorder = await global::Postern.Core.Recording.Recorder.OpenAsync(options, TimeProvider.System, CancellationToken.None);
            // What is written is found, flushed or not.
            Index = RecordingIndex.Open(options, live: null);
            // What is begun in order stands in the record in order; endings come some hundred operations later.
            for (var i = 0; i < Operations; i += 500) await Task.WhenAll(Enumerable.Range(i, Math.Min(500, Operations - i)).Select(WriteAsync).ToList());
            await SettleAsync();
        }

        /// <summary>Returns when everything written so far is durable, and so can be found.</summary>
        public async Task SettleAsync() => await Recorder.NoteAsync(new Occurrence("toy.settled", Given.Noon, []), CancellationToken.None);

        public async ValueTask DisposeAsync()
        {
            Index.Dispose();
            await Recorder.DisposeAsync();
            _folder.Dispose();
        }

        private async Task WriteAsync(int i)
        {
            var (person, agent, connection, table) = ($"person-{i % 13}", $"agent-{i % 5}", $"shop-{i % 4}", _tables[i % 3]);
            var action = i % 10 == 0 ? "sql.insert" : "sql.select";
            var note = i % 17 == 0 ? "blue størmy" : i % 11 == 0 ? "deep blue" : "grey";
            var decision = i % 6 == 0 ? "deny" : "allow";
            var outcome = decision == "deny" ? "denied" : i % 50 == 1 ? "open" : i % 9 == 0 ? "failed" : "done";
            // Now and then the clock is set back (U09): order is that of the record.
            var at = Given.Noon.AddSeconds(i % 1_000 == 999 ? i - 500 : i);
            var intent = Given.Intent($$"""{"order":{{i % 500}},"note":"{{note}}"}""", decision == "deny" ? Given.Deny() : null, person, at: at) with
            {
                Session = $"S{i % 40}",
                Identity = new Identity { Issuer = "corp", Subject = person, Kind = IdentityKind.Person, Agent = agent, Groups = ["support"] },
                Connection = new Connection(connection, "toy", "http://127.0.0.1:9/", []),
                Parts = [new Part { Action = action, Facts = [Fact.Of("table", table)] }],
            };
            Everything.Add(new Asked(intent.Operation.ToString(), intent.Session, person, agent, connection, action, table, i % 500, note, decision, outcome, at));
            var account = await Recorder.BeginAsync(intent, CancellationToken.None);
            if (outcome == "open") return;
            await account.EndAsync(new Ending(Enum.Parse<Outcome>(outcome, ignoreCase: true), decision == "deny" ? "policy.not_permitted" : null, null, null, at));
        }
    }
}
