using System.Collections.Immutable;

namespace Postern.Gateway.Recordings.Search;

/// <summary>What is looked for among everything recorded. All that is given has to hold; capitals make no difference.</summary>
public sealed record OperationFilter
{
    /// <summary>The most that one page holds.</summary>
    public const int MaxLimit = 200;

    /// <summary><c>issuer:subject</c> of the one whose operations alone are looked at, to the letter; null for everyone's. Callers decide who may say null.</summary>
    public string? Owner { get; init; }

    /// <summary>Words of the request or of what it touches; each has to be there, whole.</summary>
    public string? Words { get; init; }

    /// <summary><c>issuer:subject</c>, a subject, or a display name.</summary>
    public string? Person { get; init; }

    /// <summary>The OAuth client, or the program as it names itself.</summary>
    public string? Agent { get; init; }

    /// <summary>The connection's name.</summary>
    public string? Connection { get; init; }

    /// <summary>The connection's protocol.</summary>
    public string? Protocol { get; init; }

    /// <summary>An action, <c>mcp.tools.call</c>.</summary>
    public string? Action { get; init; }

    /// <summary>Values of facts or of the request's members: <c>amount=900</c>, or a value alone.</summary>
    public ImmutableArray<string> Arguments { get; init; } = [];

    /// <summary><c>allow</c>, <c>hold</c> or <c>deny</c>.</summary>
    public string? Decision { get; init; }

    /// <summary>A rule that matched, without its version.</summary>
    public string? Rule { get; init; }

    /// <summary><c>done</c>, <c>denied</c>, <c>pending</c>, <c>failed</c>, <c>unknown</c> or <c>open</c>.</summary>
    public string? Outcome { get; init; }

    /// <summary>A refusal code.</summary>
    public string? Code { get; init; }

    /// <summary>A session's id.</summary>
    public string? Session { get; init; }

    /// <summary>A trace's id.</summary>
    public string? Trace { get; init; }

    /// <summary>Asked then or later.</summary>
    public DateTimeOffset? Since { get; init; }

    /// <summary>Asked before.</summary>
    public DateTimeOffset? Until { get; init; }

    /// <summary>At most so many, the latest first.</summary>
    public int Limit { get; init; } = 50;

    /// <summary>Where the page before ended: its <see cref="FoundPage.Next"/>.</summary>
    public long? Before { get; init; }

    /// <summary>True when only what has no outcome yet is asked for.</summary>
    internal bool IsOpen => string.Equals(Outcome, IndexTerms.Open, StringComparison.OrdinalIgnoreCase);

    /// <summary>Terms that all have to be there; and whether each may have become known late.</summary>
    internal ImmutableArray<(ulong Term, bool IsLate)> Terms()
    {
        var terms = ImmutableArray.CreateBuilder<(ulong, bool)>();
        Add(TermKind.Person, Owner);
        Add(TermKind.Person, Person);
        Add(TermKind.Agent, Agent);
        Add(TermKind.Connection, Connection);
        Add(TermKind.Protocol, Protocol);
        Add(TermKind.Action, Action);
        Add(TermKind.Decision, Decision);
        Add(TermKind.Rule, Rule);
        if (!IsOpen) Add(TermKind.Outcome, Outcome);
        Add(TermKind.Code, Code);
        Add(TermKind.Session, Session);
        Add(TermKind.Trace, Trace);
        foreach (var argument in Arguments)
        {
            var name = argument.IndexOf('=', StringComparison.Ordinal);
            terms.Add(((ulong)Term.Of(TermKind.Argument, name < 0 ? "" : argument.AsSpan(0, name), argument.AsSpan(name + 1)), false));
        }
        if (Words is { } words)
        {
            foreach (var word in RequestTerms.OfWords(words)) terms.Add(((ulong)word, false));
        }
        return terms.ToImmutable();

        void Add(TermKind kind, string? text)
        {
            if (text is not null) terms.Add(((ulong)Term.Of(kind, text), kind is TermKind.Outcome or TermKind.Code));
        }
    }
}

/// <summary>An operation that was found, with whose it is.</summary>
/// <param name="Operation">It.</param>
/// <param name="Identity"><c>issuer:subject</c>.</param>
/// <param name="Name">The identity's display name.</param>
/// <param name="Agent">The OAuth client.</param>
/// <param name="Client">The client program as it names itself; untrusted.</param>
/// <param name="Connection">The connection's name.</param>
/// <param name="Protocol">The connection's protocol.</param>
public sealed record FoundOperation(OperationSummary Operation, string Identity, string? Name, string? Agent, string? Client, string Connection, string Protocol);

/// <summary>One page of what was found, the latest first.</summary>
/// <param name="Operations">The operations.</param>
/// <param name="Next">For <see cref="OperationFilter.Before"/> of the next page; null when this is the last.</param>
/// <param name="IsComplete">False while the index is still reading: there may be more than it found.</param>
public sealed record FoundPage(ImmutableArray<FoundOperation> Operations, long? Next, bool IsComplete);
