using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using Postern.Cli.Output;
using Postern.Core.Recording;
using Postern.Protocols;

namespace Postern.Cli.Setup;

/// <summary>For whom a first policy is written. Groups and people as policies write them, <c>issuer:</c> included where there are several issuers.</summary>
/// <param name="Users">The group that may use the connection; null for whoever signs in.</param>
/// <param name="Approvers">Groups that agree to what changes something.</param>
/// <param name="ApprovingPeople">People who do, by subject.</param>
internal sealed record DraftAudience(string? Users, ImmutableArray<string> Approvers, ImmutableArray<string> ApprovingPeople);

/// <summary>
/// The first policy of a connection: what reads is permitted, what changes something waits for people, and the rest is refused, because no rule
/// speaks of it. With tests, so that whoever changes it sees what it meant.
/// </summary>
internal sealed class DraftedPolicy(DraftAudience audience)
{
    private const int MaxLine = 120;

    private readonly StringBuilder _rules = new();
    private readonly StringBuilder _definitions = new();
    private readonly StringBuilder _tests = new();

    /// <summary>What of the target's offer is in no rule, and why.</summary>
    public List<ToolClaims> LeftOut { get; } = [];

    /// <summary>Writes what an MCP server offers into rules.</summary>
    public void AddTools(string connection, IEnumerable<OfferedTool> offered)
    {
        var claims = offered.DistinctBy(tool => tool.Name, StringComparer.Ordinal).OrderBy(tool => tool.Name, StringComparer.Ordinal).Select(Readable).ToArray();
        var (reads, changes) = (Names(ToolEffect.Reads), Names(ToolEffect.Changes));
        LeftOut.AddRange(claims.Where(claim => claim.Effect == ToolEffect.Unclear));
        if (reads.Length > 0) Allow($"{connection}-reads", "Named like readings, and annotated with `readOnlyHint`. Both are what the server says of itself: try one before you believe it.", $"{{ connection: {connection}, tools: {List(reads, 6)} }}");
        if (changes.Length > 0) Hold($"{connection}-changes", "Named or annotated as changing something. People see the whole call before it goes out.", $"{{ connection: {connection}, tools: {List(changes, 6)} }}");
        if (LeftOut.Count > 0)
        {
            _rules.Append("\n  # In no rule, and so refused, because it is not clear what they do. Move a name up once you know:\n");
            foreach (var claim in LeftOut) _rules.Append(CultureInfo.InvariantCulture, $"  #   {VisibleText.OfLine(claim.Name)}: {claim.Why}\n");
        }
        var known = claims.Where(claim => IsWritable(claim.Name)).Select(claim => claim.Name).ToArray();
        if (known.Length > 0) _definitions.Append(CultureInfo.InvariantCulture, $"  {connection}: {{ tools: {List(known, 4)} }}\n");
        foreach (var name in reads) Test(connection, $"{name} is free", "tool", name, "allow", $"{connection}-reads");
        foreach (var name in changes) Test(connection, $"{name} waits for people", "tool", name, "hold", $"{connection}-changes");
        foreach (var claim in LeftOut.Where(claim => IsWritable(claim.Name))) Test(connection, $"{claim.Name} is refused", "tool", claim.Name, "deny", rule: null);
        if (audience.Users is not null && reads.Length > 0) StrangerTest(connection, "tool", reads[0]);

        string[] Names(ToolEffect effect) => [.. claims.Where(claim => claim.Effect == effect).Select(claim => claim.Name)];
    }

    /// <summary>The same for an MCP server that could not be asked: what it may have, by name.</summary>
    public void AddUnknownTools(string connection)
    {
        Allow($"{connection}-reads", "The server could not be asked what it offers, so these are guesses by name. `postern connections tools` says what there is.", $"{{ connection: {connection}, tools: [\"get_*\", \"list_*\", \"search_*\", \"read_*\"] }}");
        Hold($"{connection}-changes", "People see the whole call before it goes out.", $"{{ connection: {connection}, tools: [\"create_*\", \"update_*\", \"write_*\", \"delete_*\", \"remove_*\"] }}");
        _definitions.Append(CultureInfo.InvariantCulture, $"  {connection}: {{ tools: [get_something, delete_something, run_something] }}\n");
        Test(connection, "reading is free", "tool", "get_something", "allow", $"{connection}-reads");
        Test(connection, "deleting waits for people", "tool", "delete_something", "hold", $"{connection}-changes");
        Test(connection, "what is neither is refused", "tool", "run_something", "deny", rule: null);
    }

    /// <summary>A first policy for an HTTP API.</summary>
    public void AddHttp(string connection)
    {
        Allow($"{connection}-reads", "Readings, by HTTP's own meaning of the method. An API that changes something on GET needs narrower paths.", $"{{ connection: {connection}, methods: [GET, HEAD], paths: [\"/**\"] }}");
        Hold($"{connection}-changes", "People see the whole request before it goes out.", $"{{ connection: {connection}, methods: [POST, PUT, PATCH, DELETE], paths: [\"/**\"] }}");
        Test(connection, "reading is free", "request", "GET /things/1", "allow", $"{connection}-reads");
        Test(connection, "deleting waits for people", "request", "DELETE /things/1", "hold", $"{connection}-changes");
        Test(connection, "other methods are refused", "request", "OPTIONS /things/1", "deny", rule: null);
    }

    /// <summary>A first policy for a cluster. Secrets are in no rule.</summary>
    public void AddKubernetes(string connection)
    {
        const string Kinds = "[pods, pods/log, services, configmaps, events, deployments.apps, replicasets.apps, statefulsets.apps, daemonsets.apps, jobs.batch, cronjobs.batch]";
        Allow($"{connection}-reads", "What one looks at to understand a cluster; no secrets. Narrow `namespaces` to your own.", $"{{ connection: {connection}, verbs: [get, list, watch], resources: {Kinds}, namespaces: [\"*\"] }}");
        Hold($"{connection}-changes", "People see the object, and what a dry run says would change, before it goes out.", $"{{ connection: {connection}, verbs: [create, update, patch, delete], resources: [pods, services, configmaps, deployments.apps, jobs.batch], namespaces: [\"*\"] }}");
        Test(connection, "looking at pods is free", "request", "GET /api/v1/namespaces/default/pods", "allow", $"{connection}-reads");
        Test(connection, "deleting a pod waits for people", "request", "DELETE /api/v1/namespaces/default/pods/web-1", "hold", $"{connection}-changes");
        Test(connection, "nobody reads secrets", "request", "GET /api/v1/namespaces/default/secrets/key", "deny", rule: null);
    }

    /// <summary>A first policy for a PostgreSQL database.</summary>
    public void AddPostgres(string connection)
    {
        Allow($"{connection}-reads", "Every table of the schema `public`, whole. Name tables, and mask columns, before people's data is in it.", $"{{ connection: {connection}, statements: [select], tables: [\"public.*\"] }}");
        Hold($"{connection}-changes", "People see the statement with its values before it goes out.", $"{{ connection: {connection}, statements: [insert, update, delete], tables: [\"public.*\"] }}");
        _definitions.Append(CultureInfo.InvariantCulture, $"  {connection}: {{ columns: [public.things.id] }}\n");
        Test(connection, "reading is free", "sql", "select id from public.things", "allow", $"{connection}-reads");
        Test(connection, "deleting waits for people", "sql", "delete from public.things where id = 1", "hold", $"{connection}-changes");
        Test(connection, "nobody drops a table", "sql", "drop table public.things", "deny", rule: null);
    }

    /// <summary>A rule and tests of the caller's own.</summary>
    public void Add(string rule, string tests)
    {
        _rules.Append('\n').Append(rule);
        _tests.Append(tests);
    }

    /// <summary>The file.</summary>
    /// <param name="head">What stands in front, each line of it a comment.</param>
    public string Text(IEnumerable<string> head)
    {
        var text = new StringBuilder();
        foreach (var line in head) text.Append(line.Length == 0 ? "#" : "# ").Append(line).Append('\n');
        text.Append("version: 1\n\n").Append(_rules.ToString().Contains("- id:", StringComparison.Ordinal) ? "rules:" : "rules: []").Append(_rules.Length == 0 ? "\n" : "").Append(_rules);
        if (_definitions.Length > 0) text.Append("\n# Names that the tests may use; a gateway asks the server itself.\ndefinitions:\n").Append(_definitions);
        if (_tests.Length > 0) text.Append("\ntests:\n").Append(_tests);
        return text.ToString();
    }

    private static ToolClaims Readable(OfferedTool tool)
    {
        var claims = ToolClaims.Of(tool);
        // In a list of tools `*` stands for anything: such a name would permit others with it.
        return IsWritable(tool.Name) ? claims : claims with { Effect = ToolEffect.Unclear, Why = "its name cannot be written in a rule" };
    }

    private static bool IsWritable(string name) => name.Length is > 0 and <= 256 && !name.Contains('*') && name.All(character => !char.IsControl(character) && !char.IsSurrogate(character));

    private void Allow(string id, string comment, string on) =>
        _rules.Append(CultureInfo.InvariantCulture, $"\n  # {comment}\n  - id: {id}\n    who: {Who}\n    on: {on}\n    then: allow\n");

    private void Hold(string id, string comment, string on) =>
        _rules.Append(CultureInfo.InvariantCulture, $"\n  # {comment}\n  - id: {id}\n    who: {Who}\n    on: {on}\n    then: hold\n    hold: {{ approvers: {Approvers}, expires: 30m }}\n");

    private string Who => audience.Users is { } group ? $"{{ groups: [{YamlText.Scalar(group)}] }}" : "anyone";

    private string Approvers
    {
        get
        {
            var kinds = new List<string>();
            if (!audience.Approvers.IsEmpty) kinds.Add($"groups: {Flow(audience.Approvers)}");
            if (!audience.ApprovingPeople.IsEmpty) kinds.Add($"users: {Flow(audience.ApprovingPeople)}");
            return $"{{ {string.Join(", ", kinds)}, count: 1 }}";
        }
    }

    private void Test(string connection, string name, string what, string value, string decision, string? rule)
    {
        var expected = rule is null ? $"{{ decision: {decision} }}" : $"{{ decision: {decision}, rule: {rule} }}";
        _tests.Append(CultureInfo.InvariantCulture, $"  - {{ name: {YamlText.Scalar($"{connection}: {name}")}, as: {(audience.Users is { } group ? $"{{ groups: [{YamlText.Scalar(group)}] }}" : Somebody)}, ask: {{ connection: {connection}, {what}: {YamlText.Scalar(value)} }}, expect: {expected} }}\n");
    }

    private void StrangerTest(string connection, string what, string value) =>
        _tests.Append(CultureInfo.InvariantCulture, $"  - {{ name: \"{connection}: others are refused\", as: {Somebody}, ask: {{ connection: {connection}, {what}: {YamlText.Scalar(value)} }}, expect: {{ decision: deny }} }}\n");

    /// <summary>A person in no group, as tests write one.</summary>
    public string Somebody { get; init; } = "{ user: somebody }";

    private static string List(IReadOnlyCollection<string> names, int indent)
    {
        var flow = Flow(names);
        if (flow.Length + indent + 30 <= MaxLine) return flow;
        var pad = new string(' ', indent);
        return "[\n" + string.Concat(names.Select(name => $"{pad}  {YamlText.Scalar(name)},\n")) + pad + "]";
    }

    private static string Flow(IEnumerable<string> names) => $"[{string.Join(", ", names.Select(YamlText.Scalar))}]";
}
