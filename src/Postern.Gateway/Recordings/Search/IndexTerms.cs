using System.Collections.Immutable;
using Postern.Core.Recording;

namespace Postern.Gateway.Recordings.Search;

/// <summary>The terms by which an operation is found, but for what it asks.</summary>
internal static class IndexTerms
{
    /// <summary>The outcome of what has none yet.</summary>
    public const string Open = "open";

    /// <summary>Adds them.</summary>
    /// <param name="to">Where.</param>
    /// <param name="intent">The operation.</param>
    /// <param name="person"><c>issuer:subject</c>.</param>
    /// <param name="outcome">How it ended; null while nobody knows.</param>
    /// <param name="code">The code of its ending, where it has one.</param>
    public static void Add(HashSet<long> to, RecordedIntent intent, string person, string? outcome, string? code)
    {
        Add(to, TermKind.Person, person);
        Add(to, TermKind.Person, intent.Identity.Subject);
        Add(to, TermKind.Person, intent.Identity.Name);
        Add(to, TermKind.Agent, intent.Identity.Agent);
        Add(to, TermKind.Agent, intent.Client);
        Add(to, TermKind.Connection, intent.Connection.Name);
        Add(to, TermKind.Protocol, intent.Connection.Protocol);
        Add(to, TermKind.Session, intent.Session);
        Add(to, TermKind.Trace, intent.Trace);
        Add(to, TermKind.Decision, intent.Decision.Kind);
        foreach (var rule in intent.Decision.Rules) Add(to, TermKind.Rule, rule.Rule);
        Add(to, TermKind.Outcome, outcome ?? Open);
        Add(to, TermKind.Code, code ?? intent.Decision.Code);
    }

    /// <summary>Adds what was done, and to what.</summary>
    public static void Add(HashSet<long> to, ImmutableArray<RecordedPart> parts)
    {
        if (parts.IsDefault) return;
        foreach (var part in parts) to.Add(Term.Of(TermKind.Action, part.Action));
        RequestTerms.Add(to, parts);
    }

    private static void Add(HashSet<long> to, TermKind kind, string? text)
    {
        if (text is not null) to.Add(Term.Of(kind, text));
    }
}
