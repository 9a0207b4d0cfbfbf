using System.Text;
using Postern.Protocols.Postgres.Sql;
using Postern.Tests.Postgres.Sql;
using Worker = Postern.Protocols.Postgres.Sql.SqlWorker;

namespace Postern.Tests.Fuzz;

/// <summary>Trees and texts that no parser made, or nobody meant: read or refused, never a fault.</summary>
[Trait("Lane", "fuzz")]
public sealed class StatementFuzzTests
{
    private static readonly string[] s_texts =
    [
        "with recursive w as (select id from orders union select o.id from orders o join w on w.id = o.customer_id) select w.*, (c).email from w join lateral (select * from customers c where c.id = w.id) c using (id) where w.id in (select 1) order by 1 limit 5",
        "insert into products as p (id, name) values ($1, default) on conflict (id) do update set name = excluded.name where p.price > 1 returning *",
        "merge into products p using items i on p.id = i.product_id when matched then update set (name, price) = (select 'a', 1) when not matched then insert (name) values ('x')",
        "create table t (id serial primary key, a text default lower('x') check (a <> ''), foreign key (id) references orders (id)) partition by range (id)",
        "alter table orders add column x int, drop column note cascade; ",
        "select count(*) filter (where total > 1) over (partition by id order by note), unnest(tags), total_of(1)::text, (array[1])[1:2] from orders, generate_series(1, 3) with ordinality g(a, b), json_to_record('{}') as j(a int)",
        "begin; set local statement_timeout = '1s'; prepare p (int) as delete from items where id = $1; execute p (1); deallocate all; copy (select 1) to stdout; do 'x'; call settle(1); commit",
    ];

    [Fact]
    [Row("Q21")]
    public void A_tree_that_no_parser_made_is_read_or_refused()
    {
        using var worker = Worker.Start(new SqlWorkerOptions().Program, TimeProvider.System);
        byte[][] trees = [.. s_texts.Select(text => worker.Parse(Encoding.UTF8.GetBytes(text), TimeSpan.FromSeconds(30)).Tree.ToArray())];
        Assert.All(trees, tree => Assert.NotEmpty(tree));

        FuzzRun.Run(nameof(A_tree_that_no_parser_made_is_read_or_refused), trees, bytes => Assert.NotNull(StatementTree.Read(bytes, 1_000, SpecCatalogue.Instance)));
    }

    [Fact]
    [Row("Q21"), Row("Q05")]
    public void A_text_that_nobody_meant_is_read_or_refused()
    {
        using var texts = new StatementTexts();

        FuzzRun.Run(nameof(A_text_that_nobody_meant_is_read_or_refused), [.. s_texts.Select(Encoding.UTF8.GetBytes)], bytes => Assert.NotNull(texts.ReadAsync(bytes, SpecCatalogue.Instance, CancellationToken.None).AsTask().GetAwaiter().GetResult()));
    }
}
