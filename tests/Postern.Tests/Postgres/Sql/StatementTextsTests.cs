using System.Text;
using Postern.Protocols.Postgres.Sql;

namespace Postern.Tests.Postgres.Sql;

/// <summary>What is refused before a worker sees it, and what is remembered.</summary>
public sealed class StatementTextsTests
{
    private static ValueTask<StatementReading> ReadAsync(ReadOnlyMemory<byte> sql, Catalogue? catalogue = null) =>
        StatementTexts.Shared.ReadAsync(sql, catalogue ?? SpecCatalogue.Instance, TestContext.Current.CancellationToken);

    [Fact]
    [Row("Q14")]
    public async Task Texts_that_are_too_long_not_utf8_or_hold_a_nul_are_refused()
    {
        byte[][] texts = [Encoding.UTF8.GetBytes("select '" + new string('x', SqlWorkerOptions.MaximumText) + "'"), [.. "select '"u8, 0xff, .. "'"u8], [.. "select 1"u8, 0, .. "; drop table orders"u8]];

        foreach (var text in texts) Assert.IsType<StatementReading.Undecidable>(await ReadAsync(text));
    }

    [Fact]
    public async Task Brackets_are_counted_before_they_are_parsed()
    {
        static byte[] Nested(int depth) => Encoding.UTF8.GetBytes($"select {new string('(', depth)}1{new string(')', depth)}");

        Assert.IsType<StatementReading.Understood>(await ReadAsync(Nested(300)));
        Assert.IsType<StatementReading.Undecidable>(await ReadAsync(Nested(StatementTexts.MaximumNesting + 1)));
    }

    [Fact]
    public async Task What_was_read_is_the_same_object_again_and_costs_no_memory()
    {
        var text = "select id from orders where total > 17"u8.ToArray();
        var first = await ReadAsync(text);
        var second = ReadAsync(text.ToArray());
        Assert.True(second.IsCompletedSuccessfully);
        Assert.Same(first, await second);

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1_000; i++) _ = ReadAsync(text).IsCompletedSuccessfully;
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 1_000);
    }

    [Fact]
    public async Task What_was_read_under_one_catalogue_says_nothing_under_another()
    {
        var text = "select id from hidden"u8.ToArray();
        var undecidable = Assert.IsType<StatementReading.Undecidable>(await ReadAsync(text));
        Assert.True(undecidable.MayHelpToRefresh);

        var grown = SpecCatalogue.Load(["2\t999999\tpublic\thidden\tr", "3\t999999\tid\t1\t23"]);
        Assert.IsType<StatementReading.Understood>(await ReadAsync(text, grown));
        Assert.IsType<StatementReading.Undecidable>(await ReadAsync(text));
    }

    [Fact]
    [Row("Q06")]
    public async Task A_name_means_what_the_pinned_path_says()
    {
        var text = "select secret from orders"u8.ToArray();
        Assert.IsType<StatementReading.Undecidable>(await ReadAsync(text));

        var hrFirst = SpecCatalogue.Load([], ["hr", "public"]);
        Assert.Equal(["--> select | select hr.orders(secret) | out hr.orders.secret"], FactText.Of(await ReadAsync(text, hrFirst)).Select(line => "--> " + line));
        Assert.NotEqual(hrFirst.Version, SpecCatalogue.Instance.Version);
    }

    [Fact]
    [Row("Q06")]
    public async Task A_table_that_shadows_one_of_the_system_does_not_until_the_path_says_so()
    {
        string[] shadow = ["2\t999999\tpublic\tpg_class\tr", "3\t999999\trelname\t1\t25"];
        var text = "select relname from pg_class"u8.ToArray();

        Assert.Equal("select | implied | out pg_catalog.pg_class.relname", FactText.Of(await ReadAsync(text, SpecCatalogue.Load(shadow)))[0]);
        Assert.Equal("select | select public.pg_class(relname) | out public.pg_class.relname", FactText.Of(await ReadAsync(text, SpecCatalogue.Load(shadow, ["public", "pg_catalog"])))[0]);
    }

    [Fact]
    [Row("Q06")]
    public async Task A_name_with_a_dot_or_a_star_in_it_is_refused()
    {
        var catalogue = SpecCatalogue.Load(["2\t999998\tpublic\ta.b\tr", "3\t999998\tid\t1\t23", "2\t999999\tpublic\tplain\tr", "3\t999999\ta.b\t1\t23", "3\t999999\tok\t2\t23"]);

        Assert.IsType<StatementReading.Undecidable>(await ReadAsync("select id from \"a.b\""u8.ToArray(), catalogue));
        Assert.IsType<StatementReading.Undecidable>(await ReadAsync("select \"a.b\" from plain"u8.ToArray(), catalogue));
        Assert.IsType<StatementReading.Understood>(await ReadAsync("select ok from plain"u8.ToArray(), catalogue));
    }

    [Fact]
    public async Task Waiting_ends_with_the_token()
    {
        using var gone = new CancellationTokenSource();
        await gone.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await StatementTexts.Shared.ReadAsync("select 'never asked before'"u8.ToArray(), SpecCatalogue.Instance, gone.Token));
    }

    [Fact]
    public void The_cache_is_bounded_in_bytes_and_keeps_what_is_asked_for()
    {
        var cache = new StatementCache(1 << 20);
        var reading = new StatementReading.Undecidable("no");
        cache.Add("kept"u8, SpecCatalogue.Instance, reading);
        for (var i = 0; i < 5_000; i++)
        {
            cache.Add(Encoding.UTF8.GetBytes($"text {i}"), SpecCatalogue.Instance, reading);
            Assert.True(cache.TryFind("kept"u8, SpecCatalogue.Instance, out _));
        }

        Assert.False(cache.TryFind("text 0"u8, SpecCatalogue.Instance, out _));
        Assert.True(cache.Count < 600);
    }
}
