using System.Text;
using Postern.Core.Policy;

namespace Postern.Tests.Policy.Reference;

/// <summary>A rule in plain data: rendered to YAML for the product, read literally by the reference.</summary>
internal sealed record ModelRule
{
    public required string Id { get; init; }

    public required RuleEffect Then { get; init; }

    /// <summary>Null: the key is left out. Empty: <c>anyone</c>.</summary>
    public Dictionary<string, string[]>? Who { get; init; }

    public required ModelEntry[] On { get; init; }

    public Condition? When { get; init; }

    public DateTimeOffset? Until { get; init; }

    public bool Report { get; init; }

    public string Approver { get; init; } = "butlers";

    public int ExpiresMinutes { get; init; } = 30;

    public string ToYaml()
    {
        var yaml = new StringBuilder($"  - id: {Id}\n    then: {Then.ToString().ToLowerInvariant()}\n");
        if (Who is not null) yaml.Append(Who.Count == 0 ? "    who: anyone\n" : $"    who: {{{string.Join(", ", Who.Select(pair => $"{pair.Key}: [{string.Join(", ", pair.Value)}]"))}}}\n");
        yaml.Append("    on:\n");
        foreach (var entry in On) yaml.Append($"      - {{{entry.ToYaml()}}}\n");
        if (When is not null) yaml.Append($"    when: \"{When.Source}\"\n");
        if (Until is { } until) yaml.Append($"    until: \"{until:yyyy-MM-dd'T'HH:mm:ss}Z\"\n");
        if (Report) yaml.Append("    mode: report\n");
        if (Then is RuleEffect.Hold or RuleEffect.Guard) yaml.Append($"    hold: {{approvers: {{groups: [{Approver}]}}, expires: {ExpiresMinutes}m}}\n");
        return yaml.ToString();
    }
}

internal sealed record ModelEntry
{
    public string[]? Connection { get; init; }

    public string[]? Tags { get; init; }

    public bool Everything { get; init; }

    public Dictionary<string, string[]> Keys { get; init; } = [];

    public string ToYaml()
    {
        List<string> parts = [];
        if (Connection is not null) parts.Add($"connection: {List(Connection)}");
        if (Tags is not null) parts.Add($"tags: {List(Tags)}");
        if (Everything) parts.Add("everything: true");
        parts.AddRange(Keys.Select(pair => $"{pair.Key}: {List(pair.Value)}"));
        return string.Join(", ", parts);

        static string List(string[] values) => $"[{string.Join(", ", values.Select(value => $"\"{value}\""))}]";
    }
}

/// <summary>What the reference knows of the one number that conditions read: a value, absent, or not known.</summary>
internal readonly record struct Height(int? Value, bool IsUnknown);

internal enum Truth
{
    False,
    True,
    Unknown,
    Error,
}

/// <summary>A condition with its meaning spelt out by hand.</summary>
internal sealed record Condition(string Source, Func<Height, bool, Truth> Meaning)
{
    private static Truth Of(bool value) => value ? Truth.True : Truth.False;

    /// <summary>The second argument of a meaning: is the asker in the group `porters`.</summary>
    public static readonly Condition[] All =
    [
        new("true", (_, _) => Truth.True),
        new("false", (_, _) => Truth.False),
        new("args.height > 5", (height, _) => height.IsUnknown ? Truth.Unknown : height.Value is { } value ? Of(value > 5) : Truth.Error),
        new("has(args.height) && args.height > 5", (height, _) => height.IsUnknown ? Truth.Unknown : Of(height.Value > 5)),
        new("!has(args.height)", (height, _) => height.IsUnknown ? Truth.Unknown : Of(height.Value is null)),
        new("args.?height.orValue(9) <= 5", (height, _) => height.IsUnknown ? Truth.Unknown : Of((height.Value ?? 9) <= 5)),
        new("'corp:porters' in who.groups", (_, isPorter) => Of(isPorter)),
        new("'corp:porters' in who.groups || args.height > 5", (height, isPorter) => isPorter ? Truth.True : height.IsUnknown ? Truth.Unknown : height.Value is { } value ? Of(value > 5) : Truth.Error),
        new("args.height in [1, 7] && 'corp:porters' in who.groups", (height, isPorter) => !isPorter ? Truth.False : height.IsUnknown ? Truth.Unknown : height.Value is { } value ? Of(value is 1 or 7) : Truth.Error),
    ];
}
