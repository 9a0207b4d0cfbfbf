using System.Diagnostics;
using System.Text;
using Postern.Protocols.Postgres.Sql;
using Worker = Postern.Protocols.Postgres.Sql.SqlWorker;

namespace Postern.Tests.Postgres.Sql;

/// <summary>Workers that die, hang or talk nonsense: only the text that did it is refused.</summary>
[Row("Q21")]
public sealed class SqlWorkerPoolTests
{
    private static byte[] Sum(int terms) => Encoding.UTF8.GetBytes("select 1" + string.Concat(Enumerable.Repeat("+1", terms)));

    private static ValueTask<StatementReading> ReadAsync(StatementTexts texts, string sql) => ReadAsync(texts, Encoding.UTF8.GetBytes(sql));

    private static ValueTask<StatementReading> ReadAsync(StatementTexts texts, byte[] sql) => texts.ReadAsync(sql, SpecCatalogue.Instance, TestContext.Current.CancellationToken);

    [Theory]
    [InlineData(5_000)]
    [InlineData(20_000)]
    [InlineData(250_000)]
    public async Task A_sum_that_exhausts_the_stack_of_the_parser_or_ours_is_refused_and_the_next_text_is_read(int terms)
    {
        using var texts = new StatementTexts(new SqlWorkerOptions { Workers = 1, Limit = TimeSpan.FromSeconds(30) });

        Assert.IsType<StatementReading.Undecidable>(await ReadAsync(texts, Sum(terms)));
        Assert.IsType<StatementReading.Understood>(await ReadAsync(texts, "select id from orders"));
    }

    [Fact]
    public async Task A_text_that_killed_a_worker_is_remembered_and_kills_no_other()
    {
        using var texts = new StatementTexts(new SqlWorkerOptions { Workers = 1, Limit = TimeSpan.FromSeconds(30) });
        var killer = Sum(250_000);

        Assert.IsType<StatementReading.Undecidable>(await ReadAsync(texts, killer));
        Assert.IsType<StatementReading.Understood>(await ReadAsync(texts, "select 1"));
        var starts = texts.WorkerStarts;
        for (var i = 0; i < 100; i++) Assert.IsType<StatementReading.Undecidable>(await ReadAsync(texts, killer));

        Assert.Equal(2, starts);
        Assert.Equal(starts, texts.WorkerStarts);
    }

    [Fact]
    public async Task While_one_worker_dies_again_and_again_others_are_read()
    {
        using var texts = new StatementTexts(new SqlWorkerOptions { Workers = 2, Limit = TimeSpan.FromSeconds(30) });
        var killers = Enumerable.Range(0, 3).Select(i => ReadAsync(texts, Sum(250_000 + i)).AsTask()).ToArray();
        var others = Enumerable.Range(0, 50).Select(i => ReadAsync(texts, $"select {i} from orders").AsTask()).ToArray();

        Assert.All(await Task.WhenAll(others), reading => Assert.IsType<StatementReading.Understood>(reading));
        Assert.All(await Task.WhenAll(killers), reading => Assert.IsType<StatementReading.Undecidable>(reading));
    }

    [Fact]
    [Row("D08")]
    public async Task Whoever_sends_many_texts_that_end_workers_waits_behind_himself_and_nobody_else_does()
    {
        using var texts = new StatementTexts(new SqlWorkerOptions { Workers = 1, Limit = TimeSpan.FromSeconds(30) });
        var killers = Enumerable.Range(0, 6).Select(i => texts.ReadAsync(Sum(250_000 + i), SpecCatalogue.Instance, "https://issuer:mallory", TestContext.Current.CancellationToken).AsTask()).ToArray();

        Assert.IsType<StatementReading.Understood>(await texts.ReadAsync("select id from orders"u8.ToArray(), SpecCatalogue.Instance, "https://issuer:alice", TestContext.Current.CancellationToken));

        Assert.True(killers.Count(each => each.IsCompleted) <= 2, "the texts of one caller were all read before another's one");
        Assert.All(await Task.WhenAll(killers), reading => Assert.IsType<StatementReading.Undecidable>(reading));
    }

    [Fact]
    public async Task A_caller_that_gives_up_its_turn_holds_up_nobody_not_even_itself()
    {
        using var texts = new StatementTexts(new SqlWorkerOptions { Workers = 1, Limit = TimeSpan.FromSeconds(30) });
        using var gone = new CancellationTokenSource();
        var first = texts.ReadAsync(Sum(250_000), SpecCatalogue.Instance, "mallory", TestContext.Current.CancellationToken).AsTask();
        var left = texts.ReadAsync("select 1"u8.ToArray(), SpecCatalogue.Instance, "mallory", gone.Token).AsTask();
        var last = texts.ReadAsync("select 2"u8.ToArray(), SpecCatalogue.Instance, "mallory", TestContext.Current.CancellationToken).AsTask();

        await gone.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => left);
        Assert.IsType<StatementReading.Undecidable>(await first);
        Assert.IsType<StatementReading.Understood>(await last);
    }

    [Theory]
    [InlineData("/bin/cat")]
    [InlineData("/usr/bin/yes")]
    [InlineData("/bin/true")]
    [InlineData("/bin/false")]
    [InlineData("/nowhere/at/all")]
    public async Task A_worker_that_talks_nonsense_or_is_not_there_refuses_everything(string program)
    {
        using var texts = new StatementTexts(new SqlWorkerOptions { Workers = 1, Program = program });

        Assert.IsType<StatementReading.Undecidable>(await ReadAsync(texts, "select 1"));
    }

    [Fact]
    public async Task A_worker_that_never_answers_is_killed_and_the_text_refused()
    {
        // `tail` reads until its input ends, and says nothing before.
        using var texts = new StatementTexts(new SqlWorkerOptions { Workers = 1, Program = "/usr/bin/tail", StartLimit = TimeSpan.FromMilliseconds(50) });

        Assert.IsType<StatementReading.Undecidable>(await ReadAsync(texts, "select 1"));
    }

    [Fact]
    public async Task A_text_that_takes_too_long_is_refused_and_not_remembered()
    {
        using var texts = new StatementTexts(new SqlWorkerOptions { Workers = 1, Limit = TimeSpan.FromTicks(1) });

        Assert.IsType<StatementReading.Undecidable>(await ReadAsync(texts, "select id from " + string.Join(", ", Enumerable.Repeat("orders", 20_000))));
        Assert.False(texts.Remembers("select 1"u8, SpecCatalogue.Instance));
    }

    [Fact]
    public async Task A_worker_has_nothing_of_the_gateways_environment()
    {
        using var worker = Worker.Start(new SqlWorkerOptions().Program, TimeProvider.System);
        Assert.Equal(WorkerOutcome.Tree, worker.Parse("select 1"u8, TimeSpan.FromSeconds(30)).Outcome);

        var environment = await File.ReadAllTextAsync($"/proc/{worker.Id}/environ", TestContext.Current.CancellationToken);
        Assert.All(environment.Split('\0', StringSplitOptions.RemoveEmptyEntries), entry => Assert.StartsWith("DOTNET_", entry, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_worker_ends_when_nobody_is_there_to_ask_it()
    {
        var start = new ProcessStartInfo(new SqlWorkerOptions().Program) { RedirectStandardInput = true, RedirectStandardOutput = true };
        using var worker = Process.Start(start)!;
        worker.StandardInput.Close();
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        patience.CancelAfter(TimeSpan.FromSeconds(30));

        await worker.WaitForExitAsync(patience.Token);

        Assert.Equal(0, worker.ExitCode);
    }

    [Fact]
    public void A_program_that_is_missing_is_told_when_the_gateway_starts()
    {
        Assert.Null(SqlWorkerPool.FaultOf(new SqlWorkerOptions()));
        Assert.Contains("/nowhere", SqlWorkerPool.FaultOf(new SqlWorkerOptions { Program = "/nowhere" }), StringComparison.Ordinal);
        Assert.NotNull(SqlWorkerPool.FaultOf(new SqlWorkerOptions { Program = "/bin/false" }));
    }

    [Fact]
    public async Task A_reader_that_is_disposed_refuses()
    {
        var texts = new StatementTexts(new SqlWorkerOptions { Workers = 1 });
        Assert.IsType<StatementReading.Understood>(await ReadAsync(texts, "select 1"));
        texts.Dispose();

        Assert.IsType<StatementReading.Undecidable>(await ReadAsync(texts, "select 2"));
    }
}
