using System.Globalization;
using System.Text;
using Postern.Core.Masking;
using Postern.Core.Operations;
using Postern.Core.Policy;
using Postern.Core.Recording;

namespace Postern.Benchmarks.Search;

/// <summary>A journal to search in: two thirds of it tool calls, one third SQL, of 200 people.</summary>
internal static class SearchedJournal
{
    /// <summary>The first operation's instant; each next one's is a second later.</summary>
    public static readonly DateTimeOffset Begin = new(2026, 3, 1, 0, 0, 0, TimeSpan.Zero);

    private const int Writers = 64;
    private static readonly string[] Tools = ["list_orders", "get_order", "get_customer", "refund", "export_customers", "search_docs", "create_ticket", "close_ticket"];
    private static readonly string[] Tables = ["public.orders", "public.customers", "public.payments", "audit.events", "public.tickets", "public.products", "hr.salaries"];
    private static readonly string[] Words = ["damaged", "late", "wrong", "missing", "broken", "duplicate", "goodwill", "fraud", "return", "parcel", "invoice", "urgent"];

    /// <summary>Writes operations, of numbers from <paramref name="from"/> on.</summary>
    public static async Task WriteAsync(Recorder recorder, int from, int count)
    {
        var next = from - 1;
        await Task.WhenAll(Enumerable.Range(0, Writers).Select(_ => Task.Run(async () =>
        {
            for (int i; (i = Interlocked.Increment(ref next)) < from + count;) await WriteOneAsync(recorder, i);
        })));
    }

    private static async Task WriteOneAsync(Recorder recorder, int i)
    {
        // Numbers that look drawn and are the same in every run.
        var draw = (uint)(i * 2654435761L >> 7);
        var isSql = draw % 3 == 0;
        var person = $"person-{draw % 200}";
        var at = Begin.AddSeconds(i);
        var word = $"{Words[draw % 12]} {Words[draw / 12 % 12]}";
        var table = Tables[draw % 97 == 0 ? 6 : draw / 5 % 6];
        var tool = Tools[draw / 7 % 8];
        var text = isSql
            ? string.Create(CultureInfo.InvariantCulture, $"select id, amount from {table} where id = {draw % 90_000} and note = '{word}'")
            : string.Create(CultureInfo.InvariantCulture, $$$"""{"jsonrpc":"2.0","id":{{{i}}},"method":"tools/call","params":{"name":"{{{tool}}}","arguments":{"order":{{{draw % 90_000}}},"amount":{{{draw % 700}}},"reason":"{{{word}}}" } }}""");
        var request = Encoding.UTF8.GetBytes(text);
        var version = new PolicyVersion(14, Digest.Of("policy"u8));
        var isDenied = draw % 23 == 0;
        Decision decision = isDenied
            ? new Decision.Deny(version, [], "no rule permits it", "policy.not_permitted")
            : new Decision.Allow(version, [new RuleMatch($"rule-{draw % 40}", RuleEffect.Allow)], "a rule allows it");
        var intent = new Intent(
            OperationId.New(at), $"S{i / 2_000:0000}{draw % 100:00}", at,
            new Identity { Issuer = "corp", Subject = person, Kind = IdentityKind.Person, Agent = $"agent-{draw % 10}", Groups = ["support"] },
            isSql ? new Connection("orders-db", "postgres", "db:5432", []) : new Connection($"shop-{draw % 4}", "mcp", "http://127.0.0.1:9/", []),
            [isSql ? new Part { Action = "postgres.select", Facts = [Fact.Of("statement", "select"), Fact.Of("table", table)] } : new Part { Action = "mcp.tools.call", Facts = [Fact.Of("tool", tool)] }],
            "desk 1.0", new Masked<ReadOnlyMemory<byte>>(request), request.Length, Digest.Of(request), null, decision, null);
        var account = await recorder.BeginAsync(intent, CancellationToken.None);
        await account.EndAsync(new Ending(isDenied ? Outcome.Denied : draw % 101 == 0 ? Outcome.Failed : Outcome.Done, isDenied ? "policy.not_permitted" : null, null, null, at));
    }
}
