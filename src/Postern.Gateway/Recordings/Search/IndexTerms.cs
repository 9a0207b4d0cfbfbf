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
    /// <param name="ending">Its ending, where it is known.</param>
    public static void Add(HashSet<long> to, RecordedIntent intent, string person, RecordedEnding? ending)
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
        Add(to, TermKind.Outcome, ending?.Outcome ?? Open);
        Add(to, TermKind.Code, ending?.Code ?? intent.Decision.Code);
    }

    private static void Add(HashSet<long> to, TermKind kind, string? text)
    {
        if (text is not null) to.Add(Term.Of(kind, text));
    }
}
