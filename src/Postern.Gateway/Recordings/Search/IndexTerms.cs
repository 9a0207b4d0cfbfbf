using System.Collections.Immutable;
using Postern.Core.Recording;

namespace Postern.Gateway.Recordings.Search;

/// <summary>The terms by which an operation is found, but for what it asks.</summary>
internal static class IndexTerms
{
    /// <summary>What is asked for to find what has no outcome yet. It is no term: those are kept in a table of their own.</summary>
    public const string Open = "open";

    /// <summary>Adds them.</summary>
    /// <param name="to">Where.</param>
    /// <param name="intent">The operation.</param>
    /// <param name="person"><c>issuer:subject</c>.</param>
    /// <param name="outcome">How it ended; null while nobody knows.</param>
    /// <param name="code">The code of its ending, where it has one.</param>
    public static void Add(TermSet to, RecordedIntent intent, string person, string? outcome, string? code)
    {
        Add(to, intent.Identity, person);
        AddOwn(to, intent, outcome, code);
    }

    /// <summary>Adds those of who asked.</summary>
    public static void Add(TermSet to, RecordedIdentity identity, string person)
    {
        Add(to, TermKind.Person, person);
        Add(to, TermKind.Person, identity.Subject);
        Add(to, TermKind.Person, identity.Name);
        Add(to, TermKind.Agent, identity.Agent);
    }

    /// <summary>Adds the others.</summary>
    public static void AddOwn(TermSet to, RecordedIntent intent, string? outcome, string? code)
    {
        Add(to, TermKind.Operation, intent.Op);
        Add(to, TermKind.Agent, intent.Client);
        Add(to, TermKind.Connection, intent.Connection.Name);
        Add(to, TermKind.Protocol, intent.Connection.Protocol);
        Add(to, TermKind.Session, intent.Session);
        Add(to, TermKind.Trace, intent.Trace);
        Add(to, TermKind.Decision, intent.Decision.Kind);
        foreach (var rule in intent.Decision.Rules) Add(to, TermKind.Rule, rule.Rule);
        Add(to, TermKind.Outcome, outcome);
        Add(to, TermKind.Code, code ?? intent.Decision.Code);
    }

    /// <summary>Adds what was done, and to what.</summary>
    public static void Add(TermSet to, ImmutableArray<RecordedPart> parts)
    {
        if (parts.IsDefault) return;
        foreach (var part in parts) to.Add(Term.Of(TermKind.Action, part.Action));
        RequestTerms.Add(to, parts);
    }

    private static void Add(TermSet to, TermKind kind, string? text)
    {
        if (text is not null) to.Add(Term.Of(kind, text));
    }
}
