using System.Collections.Immutable;
using System.Globalization;
using System.Text;

namespace Postern.Core.Policy.Suggesting;

/// <summary>A rule that covers observed use, and what it permits beyond it.</summary>
/// <param name="Id">Its id.</param>
/// <param name="WhoKey"><c>groups</c>, <c>users</c> or <c>workloads</c>.</param>
/// <param name="Who">The names under it, qualified.</param>
/// <param name="Connection">On which connection.</param>
/// <param name="On">Selector keys and their values.</param>
/// <param name="Arguments">What its condition says of arguments.</param>
/// <param name="Uses">How many recorded operations it was made from.</param>
/// <param name="Adds">People of the groups who did not use it.</param>
public sealed record SuggestedRule(
    string Id, string WhoKey, ImmutableArray<string> Who, string Connection, ImmutableArray<KeyValuePair<string, ImmutableArray<string>>> On, ImmutableArray<SuggestedArgument> Arguments, int Uses, ImmutableArray<string> Adds)
{
    private const int MaxNamed = 5;

    /// <summary>The rule as YAML, with what it adds as comments.</summary>
    public string ToYaml()
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"  # {Uses} uses");
        if (Adds.Length > 0) text.Append(CultureInfo.InvariantCulture, $"; adds {string.Join(", ", Adds.Take(MaxNamed).Select(Shown))}{(Adds.Length > MaxNamed ? $" and {Adds.Length - MaxNamed} more" : "")}, who did not");
        text.Append('\n');
        foreach (var argument in Arguments) text.Append(CultureInfo.InvariantCulture, $"  # {Shown(argument.Path)}: {argument.Kind.ToString().ToLowerInvariant()}; adds {Shown(argument.Adds)}\n");
        text.Append(CultureInfo.InvariantCulture, $"  - id: {Id}\n    who: {{ {WhoKey}: {List(Who)} }}\n");
        text.Append(CultureInfo.InvariantCulture, $"    on: {{ connection: {QuotedText.Of(Connection)}{string.Concat(On.Select(pair => $", {pair.Key}: {List(pair.Value)}"))} }}\n");
        var condition = string.Join(" && ", Arguments.Select(argument => argument.Condition).OfType<string>());
        if (condition.Length > 0) text.Append(CultureInfo.InvariantCulture, $"    when: {QuotedText.Of(condition)}\n");
        return text.Append("    then: allow\n").ToString();
    }

    private static string List(ImmutableArray<string> values) => $"[{string.Join(", ", values.Select(QuotedText.Of))}]";

    // What was recorded must not end the comment and begin a rule.
    private static string Shown(string text) => Recording.VisibleText.OfLine(text);
}
