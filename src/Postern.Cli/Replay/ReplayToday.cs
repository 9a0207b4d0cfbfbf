using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json.Nodes;

namespace Postern.Cli.Replay;

/// <summary>A rule that lacked one thing.</summary>
/// <param name="Rule">Its id.</param>
/// <param name="Effect">Its <c>then</c>.</param>
/// <param name="Part">The action of the part that is spoken of.</param>
/// <param name="Lacks">What it lacked, in words.</param>
internal sealed record ReplayNearMiss(string Rule, string Effect, string Part, string Lacks)
{
    /// <summary>It in one line.</summary>
    public string Line => $"{Rule} ({Effect}) on {Part}, but {Lacks}";

    /// <summary>Those of an answer of the control API; default where it tells of none.</summary>
    public static ImmutableArray<ReplayNearMiss> Of(JsonNode? nearly) => nearly is not JsonArray items ? default :
        [.. items.Select(item => new ReplayNearMiss((string?)item?["rule"] ?? "", (string?)item?["effect"] ?? "", (string?)item?["part"] ?? "", (string?)item?["lacks"] ?? ""))];

    /// <summary>They as data.</summary>
    public static JsonArray Json(ImmutableArray<ReplayNearMiss> nearly) =>
        new([.. nearly.Select(miss => new JsonObject { ["rule"] = miss.Rule, ["effect"] = miss.Effect, ["part"] = miss.Part, ["lacks"] = miss.Lacks })]);
}

/// <summary>What today's policy would say of the same question. It is derived from the record; nobody is asked anything.</summary>
/// <param name="Version">The version that was asked, 0 for files that are in force nowhere; null where none was.</param>
/// <param name="Kind"><c>allow</c>, <c>hold</c>, <c>deny</c>, or <c>unknown</c>.</param>
/// <param name="Code">With a deny: the refusal code.</param>
/// <param name="Reason">Why; of what is unknown, why it is.</param>
/// <param name="Rules">The rules that matched, the deciding one first.</param>
/// <param name="Nearly">The rules that lacked one thing.</param>
/// <param name="Differs">Whether it is another kind of decision than the one on the record; null where it is unknown.</param>
internal sealed record ReplayToday(int? Version, string Kind, string? Code, string? Reason, ImmutableArray<ReplayRule> Rules, ImmutableArray<ReplayNearMiss> Nearly, bool? Differs)
{
    /// <summary>Read from a journal without a policy.</summary>
    public static readonly ReplayToday NotAsked = Unknown("a journal holds no policy; name one with `--policy`, or ask the gateway");

    /// <summary>Of a gateway whose policy grants the session to the person, but not what it says of it.</summary>
    public static readonly ReplayToday NotTold = Unknown("it is told to whom a policy grants `admin: [policy.read]`");

    /// <summary>It in one line, beside the decision.</summary>
    public string Line => Kind == "unknown" ? $"unknown: {Reason}"
        : $"{Kind}{(Rules is [var rule, ..] ? $" by {rule.Label}" : Code is null ? "" : $", {Code}")} ({(Differs == true ? "differs" : "the same")})";

    /// <summary>What the control API says.</summary>
    /// <returns>Null where it says nothing that can be read, as a gateway of another version.</returns>
    public static ReplayToday? Of(JsonNode? today)
    {
        if (today is not JsonObject || (string?)today["kind"] is not { } kind || (int?)today["version"] is not { } version) return null;
        var rules = (today["rules"] as JsonArray ?? []).Select(rule => new ReplayRule((string?)rule?["rule"] + (version > 0 ? string.Create(CultureInfo.InvariantCulture, $"@{version}") : ""), (string?)rule?["effect"] ?? ""));
        var nearly = ReplayNearMiss.Of(today["nearly"]);
        return new ReplayToday(version, kind, (string?)today["code"], (string?)today["reason"], [.. rules], nearly.IsDefault ? [] : nearly, (bool?)today["differs"]);
    }

    /// <summary>It as data.</summary>
    public JsonObject Json() => new()
    {
        ["kind"] = Kind,
        ["rules"] = new JsonArray([.. Rules.Select(rule => new JsonObject { ["rule"] = rule.Label, ["effect"] = rule.Effect })]),
        ["nearly"] = ReplayNearMiss.Json(Nearly),
        ["code"] = Code,
        ["reason"] = Reason,
        ["version"] = Version,
        ["differs"] = Differs,
    };

    private static ReplayToday Unknown(string reason) => new(null, "unknown", null, reason, [], [], null);
}
