using System.Text.Json;
using System.Text.RegularExpressions;
using Postern.Protocols;

namespace Postern.Cli.Setup;

/// <summary>What a tool seems to do.</summary>
internal enum ToolEffect
{
    /// <summary>Its name and its annotation both say that it reads.</summary>
    Reads,

    /// <summary>Its name or its annotation says that it changes something, and neither says that it reads.</summary>
    Changes,

    /// <summary>Nothing clear is said, or two things that contradict each other.</summary>
    Unclear,
}

/// <summary>What a tool seems to do, and why: a first sorting for a person who reads on. All of it is the target's own claim.</summary>
/// <param name="Name">The tool.</param>
/// <param name="Effect">What it seems to do.</param>
/// <param name="Why">What speaks for it, in a few words.</param>
internal sealed partial record ToolClaims(string Name, ToolEffect Effect, string Why)
{
    // First words of names that read. Not `query`, `fetch`, `run`, `call`, `export`, `download`: those say where to, or how much, but not what.
    private static readonly HashSet<string> _reading = new(StringComparer.Ordinal)
    {
        "get", "list", "read", "search", "find", "show", "describe", "view", "count", "lookup", "browse", "inspect", "stat", "status", "tail", "head", "diff", "compare", "explain", "summarize", "summarise", "tree", "ls", "cat", "info",
    };

    private static readonly HashSet<string> _changing = new(StringComparer.Ordinal)
    {
        "delete", "remove", "drop", "destroy", "purge", "truncate", "reset", "revoke", "kill", "terminate", "wipe", "erase", "clear", "cancel", "close", "archive", "disable", "uninstall", "forget", "prune", "unset", "rollback", "revert", "overwrite",
        "create", "add", "insert", "write", "update", "edit", "set", "put", "patch", "change", "modify", "move", "rename", "copy", "replace", "append", "save", "store", "upsert", "import", "upload",
        "send", "post", "publish", "reply", "comment", "invite", "share", "notify", "refund", "pay", "charge", "transfer", "order", "buy", "approve", "merge", "push", "commit", "deploy", "apply", "install", "start", "stop", "restart", "scale", "assign", "enable",
        "grant", "sync", "trigger", "schedule", "submit", "register",
    };

    // Words after which nobody knows what happens: the arguments say it.
    private static readonly HashSet<string> _opaque = new(StringComparer.Ordinal) { "run", "exec", "execute", "eval", "call", "invoke", "query", "sql", "shell", "command", "script", "fetch", "request", "proxy", "browser", "navigate", "click" };

    // Words of both kinds: behind a verb they name what is read.
    private static readonly HashSet<string> _nouns = new(StringComparer.Ordinal)
    {
        "order", "post", "comment", "commit", "request", "query", "command", "script", "share", "schedule", "import", "transfer", "charge", "change", "copy", "refund", "grant", "patch", "reply", "invite", "set", "store", "sql", "deploy",
    };

    // What such a reading brings is worth more than the reading shows.
    private static readonly HashSet<string> _secret = new(StringComparer.Ordinal) { "env", "environ", "environment", "secret", "secrets", "token", "tokens", "password", "passwords", "credential", "credentials", "key", "keys" };

    /// <summary>Reads one definition.</summary>
    public static ToolClaims Of(OfferedTool tool)
    {
        var words = Words().Matches(tool.Name).Select(word => word.Value.ToLowerInvariant()).ToArray();
        var (reads, destroys) = Hints(tool.Definition);
        // What comes first says what is done: `shop_get_order` gets and orders nothing.
        var verb = Array.FindIndex(words, word => _reading.Contains(word) || _changing.Contains(word) || _opaque.Contains(word));
        var (isReading, isChanging) = verb < 0 ? (false, false) : (_reading.Contains(words[verb]), _changing.Contains(words[verb]));
        // A second verb may stand behind it: `get_or_create`, `find_replace`.
        if (isReading && words[(verb + 1)..].Any(word => (_changing.Contains(word) || _opaque.Contains(word)) && !_nouns.Contains(word))) return new(tool.Name, ToolEffect.Unclear, "its name says that it does more than read");
        if (isReading && words.Any(_secret.Contains)) return new(tool.Name, ToolEffect.Unclear, "its name says that it reads what may be secret");
        return (isReading, isChanging, reads, destroys) switch
        {
            (true, _, true, not true) => new(tool.Name, ToolEffect.Reads, "named like a reading, and annotated so"),
            (true, _, true, true) => new(tool.Name, ToolEffect.Unclear, "annotated as reading and as destructive at once"),
            (true, _, null, _) => new(tool.Name, ToolEffect.Unclear, "named like a reading, and not annotated"),
            (true, _, false, _) => new(tool.Name, ToolEffect.Unclear, "named like a reading, and annotated as changing something"),
            (_, true, true, _) => new(tool.Name, ToolEffect.Unclear, "annotated as reading, and not named so"),
            (_, true, _, _) => new(tool.Name, ToolEffect.Changes, destroys == true ? "named like a change, and annotated as destructive" : "named like a change"),
            (_, _, not true, true) => new(tool.Name, ToolEffect.Changes, "annotated as destructive"),
            (_, _, true, _) => new(tool.Name, ToolEffect.Unclear, "annotated as reading, and not named so"),
            _ => new(tool.Name, ToolEffect.Unclear, "neither its name nor its annotations say what it does"),
        };
    }

    private static (bool? Reads, bool? Destroys) Hints(ReadOnlyMemory<byte> definition)
    {
        using var document = JsonDocument.Parse(definition);
        if (document.RootElement.ValueKind != JsonValueKind.Object || !document.RootElement.TryGetProperty("annotations", out var annotations) || annotations.ValueKind != JsonValueKind.Object) return (null, null);
        return (Hint("readOnlyHint"), Hint("destructiveHint"));

        bool? Hint(string name) => annotations.TryGetProperty(name, out var value) && value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean() : null;
    }

    /// <summary>The words of <c>list_pull_requests</c>, <c>listPullRequests</c>, <c>pulls.list</c> alike.</summary>
    [GeneratedRegex("[A-Z]?[a-z]+|[A-Z]+", RegexOptions.NonBacktracking)]
    private static partial Regex Words();
}
