using System.Text.Json.Nodes;

namespace Postern.Cli.Doctor;

/// <summary>How something is.</summary>
internal enum Health
{
    /// <summary>As it should be.</summary>
    Ok,

    /// <summary>It works, and may not do what was meant, or not for long.</summary>
    Warning,

    /// <summary>It does not work.</summary>
    Problem,
}

/// <summary>One thing that was looked at. Holds no secret.</summary>
/// <param name="Health">How it is.</param>
/// <param name="What">What was looked at.</param>
/// <param name="Text">What was found: lower case, no full stop.</param>
/// <param name="Next">What to do; empty when all is well.</param>
internal sealed record Finding(Health Health, string What, string Text, string Next = "")
{
    public static Finding Ok(string what, string text) => new(Health.Ok, what, text);

    public static Finding Warning(string what, string text, string next) => new(Health.Warning, what, text, next);

    public static Finding Problem(string what, string text, string next) => new(Health.Problem, what, text, next);

    /// <summary>As data.</summary>
    public JsonObject Item() => new() { ["state"] = Health.ToString().ToLowerInvariant(), ["what"] = What, ["text"] = Text, ["next"] = Next.Length > 0 ? Next : null };
}
