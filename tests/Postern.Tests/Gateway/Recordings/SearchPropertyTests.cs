using Postern.Core.Masking;
using Postern.Core.Operations;
using Postern.Core.Policy;
using Postern.Core.Recording;
using Postern.Gateway.Recordings;
using Postern.Gateway.Recordings.Search;
using Postern.Tests.Recording;

namespace Postern.Tests.Gateway.Recordings;

/// <summary>
/// Whatever is recorded, in whatever steps it is taken in, wherever a chunk ends, whatever ends late or is erased, and whenever the index is
/// opened again or made anew: a search finds what a look at every operation finds, in the same order.
/// </summary>
public sealed class SearchPropertyTests : IDisposable
{
    private static readonly string[] _tables = ["public.orders", "public.customers", "audit.orders"];
    private static readonly string[] _notes = ["grey", "deep blue", "blue størmy", "late parcel", "nothing at all"];
    private static readonly Outcome[] _outcomes = [Outcome.Done, Outcome.Done, Outcome.Failed, Outcome.Pending];

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory, Row("U11"), Guarantee("G14")]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    public async Task A_search_finds_what_a_look_at_every_operation_finds(int seed)
    {
        await using var world = await World.OpenAsync(_folder.Path, new Random(seed));
        for (var step = 0; step < 40; step++) await world.StepAsync();
        await world.CheckAsync(filters: 40);

        var before = IndexContent.Of(Path.Combine(_folder.Path, RecordingIndex.FileName));
        await world.Index.RebuildAsync(CancellationToken.None);
        Assert.Equal(before, IndexContent.Of(Path.Combine(_folder.Path, RecordingIndex.FileName)));
        await world.CheckAsync(filters: 10);
        Assert.True(world.ClosedChunks > 3, "chunks were to fill");
    }

    private sealed class Asked
    {
        public required string Id { get; init; }

        public required string Session { get; init; }

        public required string Person { get; init; }

        public required string Agent { get; init; }

        public required string Connection { get; init; }

        public required string Action { get; init; }

        public required string Table { get; init; }

        public required string Note { get; init; }

        public required int Order { get; init; }

        public required string Decision { get; init; }

        public required DateTimeOffset At { get; init; }

        public string? Outcome { get; set; }

        public bool IsErased { get; set; }

        public string Summary => IsErased ? Action : $"{Action}: {Table}";
    }

    private sealed class World : IAsyncDisposable
    {
        private readonly Random _random;
        private readonly MemoryDataKeys _keys = new();
        private readonly List<Asked> _asked = [];
        private readonly List<(Asked Asked, IAccount Account)> _open = [];
        private readonly HashSet<string> _erased = [];
        private RecorderOptions _options = null!;
        private Recorder _recorder = null!;
        private int _count;

        private World(Random random) => _random = random;

        public RecordingIndex Index { get; private set; } = null!;

        public int ClosedChunks { get; private set; }

        public static async Task<World> OpenAsync(string folder, Random random)
        {
            var world = new World(random);
            world._options = Given.Options() with { DataFolder = folder, Durability = Durability.Relaxed, DataKeys = world._keys };
            world._recorder = await Recorder.OpenAsync(world._options, TimeProvider.System, CancellationToken.None);
            world.Reopen();
            await world.BeginAsync();
            return world;
        }

        public async Task StepAsync()
        {
            switch (_random.Next(10))
            {
                case < 5:
                    for (var i = _random.Next(1, 40); i > 0; i--) await BeginAsync();
                    break;
                case < 7:
                    for (var i = _random.Next(1, 10); i > 0 && _open.Count > 0; i--)
                    {
                        var (asked, account) = _open[_random.Next(_open.Count)];
                        _open.Remove((asked, account));
                        await EndAsync(asked, account);
                    }
                    break;
                case 7:
                    await EraseAsync();
                    break;
                case 8:
                    Index.Dispose();
                    Reopen();
                    break;
                default:
                    await CheckAsync(filters: 5);
                    break;
            }
            // What is taken in, and when, is the gateway's clock's affair.
            if (_random.Next(3) == 0) await TakeInAsync();
        }

        public async Task CheckAsync(int filters)
        {
            await TakeInAsync();
            for (var i = 0; i < filters; i++) await CheckAsync(Filter());
            await CheckAsync((new OperationFilter(), _ => true));
            await CheckAsync((new OperationFilter { Outcome = "open" }, one => one.Outcome is null));
            var sessions = _asked.Select(one => one.Session).Distinct().ToList();
            foreach (var session in sessions.OrderBy(_ => _random.Next()).Take(5))
            {
                var expected = _asked.Where(one => one.Session == session).ToList();
                var detail = await Index.GetSessionAsync(session, null, CancellationToken.None);
                Assert.Equal(expected.Select(one => (one.Id, one.Outcome, one.Summary, one.At)), detail!.Operations.Select(one => (one.Id, one.Outcome, one.Summary, one.At)));
                Assert.Equal((expected.Count, expected.Count(one => one.Outcome is null), expected.Count(one => one.Outcome == "denied")), (detail.Session.Operations, detail.Session.Open, detail.Session.Denied));
                var behind = expected.Count / 2;
                var rest = await Index.GetSessionAsync(session, null, CancellationToken.None, detail.Operations[behind].Sequence, limit: 7);
                Assert.Equal(expected.Skip(behind + 1).Take(7).Select(one => one.Id), rest!.Operations.Select(one => one.Id));
                OperationId.TryParse(expected[behind].Id, out var id);
                Assert.NotNull(await Index.GetOperationAsync(id, $"corp:{expected[behind].Person}", CancellationToken.None));
                Assert.Null(await Index.GetOperationAsync(id, "corp:nobody", CancellationToken.None));
            }
            ClosedChunks = (int)Math.Max(ClosedChunks, IndexContent.ChunksIn(Path.Combine(_options.DataFolder, RecordingIndex.FileName)) - 1);
        }

        public async ValueTask DisposeAsync()
        {
            Index.Dispose();
            await _recorder.DisposeAsync();
        }

        // What is written is found, flushed or not.
        private void Reopen() => Index = RecordingIndex.Open(_options, live: null, new IndexLimits(_random.Next(1, 90), _random.Next(200, 4_000), _random.Next(1, 60)));

        private async Task TakeInAsync()
        {
            await _recorder.NoteAsync(new Occurrence("toy.settled", Given.Noon, []), CancellationToken.None);
            await Index.CatchUpAsync(CancellationToken.None);
        }

        private async Task BeginAsync()
        {
            var i = _count++;
            var session = $"S{_random.Next(12)}-{_count / 200}";
            if (_erased.Contains(session)) return;
            var isDenied = _random.Next(6) == 0;
            // Now and then the clock is set back (U09): order is that of the record.
            var asked = new Asked
            {
                Id = OperationId.New(Given.Noon.AddSeconds(i)).ToString(), Session = session, Person = $"person-{session.Length * 7 % 3}{session[1]}", Agent = $"agent-{_random.Next(4)}", Connection = $"shop-{_random.Next(3)}",
                Action = _random.Next(10) == 0 ? "sql.insert" : "sql.select", Table = _tables[_random.Next(3)], Note = _notes[_random.Next(_notes.Length)], Order = _random.Next(60),
                Decision = isDenied ? "deny" : "allow", At = Given.Noon.AddSeconds(_random.Next(50) == 0 ? i - 300 : i),
            };
            OperationId.TryParse(asked.Id, out var id);
            var intent = Given.Intent($$"""{"order":{{asked.Order}},"note":"{{asked.Note}}"}""", isDenied ? Given.Deny() : null, asked.Person, at: asked.At) with
            {
                Operation = id,
                Session = session,
                Identity = new Identity { Issuer = "corp", Subject = asked.Person, Kind = IdentityKind.Person, Agent = asked.Agent, Groups = ["support"] },
                Connection = new Connection(asked.Connection, "toy", "http://127.0.0.1:9/", []),
                Parts = [new Part { Action = asked.Action, Facts = [Fact.Of("table", asked.Table)] }],
            };
            var account = await _recorder.BeginAsync(intent, CancellationToken.None);
            _asked.Add(asked);
            if (!isDenied && _random.Next(4) == 0) _open.Add((asked, account));
            else await EndAsync(asked, account);
        }

        private async Task EndAsync(Asked asked, IAccount account)
        {
            var outcome = asked.Decision == "deny" ? Outcome.Denied : _outcomes[_random.Next(_outcomes.Length)];
            asked.Outcome = outcome.ToString().ToLowerInvariant();
            await account.EndAsync(new Ending(outcome, outcome switch { Outcome.Denied => "policy.not_permitted", Outcome.Failed => "target.unreachable", _ => null }, null, null, asked.At.AddSeconds(1)));
        }

        private async Task EraseAsync()
        {
            await TakeInAsync();
            var sessions = _asked.Select(one => one.Session).Distinct().Where(session => !_erased.Contains(session) && _open.TrueForAll(one => one.Asked.Session != session)).ToList();
            if (sessions.Count == 0) return;
            var session = sessions[_random.Next(sessions.Count)];
            _erased.Add(session);
            foreach (var asked in _asked.Where(one => one.Session == session)) asked.IsErased = true;
            _recorder.ForgetKey(session);
            _keys.Destroy(session, new Erasure(Given.Noon, "corp:bob", "asked for", IsExpiry: false));
            await Index.EraseAsync(session, CancellationToken.None);
        }

        private (OperationFilter, Func<Asked, bool>) Filter()
        {
            var filter = new OperationFilter { Limit = _random.Next(1, 40) };
            var conditions = new List<Func<Asked, bool>>();
            for (var i = _random.Next(1, 4); i > 0; i--)
            {
                var (one, number) = (_asked[_random.Next(_asked.Count)], _random.Next(15));
                (filter, var condition) = number switch
                {
                    0 => (filter with { Person = $"corp:{one.Person}" }, (Func<Asked, bool>)(other => other.Person == one.Person)),
                    1 => (filter with { Owner = $"corp:{one.Person}" }, other => other.Person == one.Person),
                    2 => (filter with { Agent = one.Agent }, other => other.Agent == one.Agent),
                    3 => (filter with { Connection = one.Connection.ToUpperInvariant() }, other => other.Connection == one.Connection),
                    4 => (filter with { Action = one.Action }, other => other.Action == one.Action),
                    5 => (filter with { Arguments = [.. filter.Arguments, $"table={one.Table}"] }, other => !other.IsErased && other.Table == one.Table),
                    6 => (filter with { Arguments = [.. filter.Arguments, "table=orders"] }, other => !other.IsErased && other.Table.EndsWith(".orders", StringComparison.Ordinal)),
                    7 => (filter with { Arguments = [.. filter.Arguments, $"order={one.Order}"] }, other => !other.IsErased && other.Order == one.Order),
                    8 => (filter with { Words = one.Note }, other => !other.IsErased && one.Note.Split(' ').All(word => other.Note.Split(' ').Contains(word))),
                    9 => (filter with { Decision = one.Decision }, other => other.Decision == one.Decision),
                    10 => (filter with { Outcome = one.Outcome ?? "open" }, other => other.Outcome == one.Outcome),
                    11 => (filter with { Code = "target.unreachable" }, other => other.Outcome == "failed"),
                    12 => (filter with { Session = one.Session }, other => other.Session == one.Session),
                    13 => (filter with { Since = one.At }, other => other.At >= one.At),
                    _ => (filter with { Until = one.At }, other => other.At < one.At),
                };
                // The later of two values of one condition is the one that is asked for.
                if (number is not (5 or 6 or 7)) conditions.RemoveAll(known => known.Method == condition.Method);
                conditions.Add(condition);
            }
            return (filter, other => conditions.TrueForAll(condition => condition(other)));
        }

        private async Task CheckAsync((OperationFilter Filter, Func<Asked, bool> Holds) question)
        {
            var (filter, found) = (question.Filter, new List<(string, string?, string, string)>());
            FoundPage page;
            do
            {
                page = await Index.SearchAsync(filter, CancellationToken.None);
                Assert.True(page.Operations.Length <= filter.Limit);
                found.AddRange(page.Operations.Select(one => (one.Operation.Id, one.Operation.Outcome, one.Operation.Summary, one.Operation.Session)));
                filter = filter with { Before = page.Next };
            }
            while (page.Next is not null);
            var expected = _asked.AsEnumerable().Reverse().Where(question.Holds).Select(one => (one.Id, one.Outcome, one.Summary, one.Session)).ToList();
            Assert.True(expected.SequenceEqual(found), $"{question.Filter}, arguments {string.Join(", ", question.Filter.Arguments)}: expected {expected.Count}, found {found.Count}");
        }
    }
}
