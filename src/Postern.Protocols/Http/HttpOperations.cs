using System.Collections.Immutable;
using Postern.Core.Operations;
using Postern.Protocols.HttpData;

namespace Postern.Protocols.Http;

/// <summary>What is being asked? Requests in, operations out. Pure.</summary>
internal static class HttpOperations
{
    /// <summary>One request.</summary>
    public const string Request = "http.request";

    /// <summary>A connection that is switched to another protocol.</summary>
    public const string Switch = "http.upgrade";

    /// <summary>Most values that a name of query or form may have; each is a reading that is judged.</summary>
    public const int MaxRepeats = 32;

    private static readonly Func<Operation, Digest> DigestOf = AskDocument.DigestOf;

    /// <summary>True when a name stands more often than can be judged.</summary>
    public static bool RepeatsTooOften(HttpAsk ask) => Repeats(ask) > MaxRepeats;

    /// <summary>Makes the operation of a request; null when it is not what the API's document says of it.</summary>
    public static Operation? Of(Connection connection, HttpAsk ask, AskDocument document, OpenApiDocument? api, DateTimeOffset now, out string? fault)
    {
        fault = null;
        Variable? args = null;
        Fact? named = null;
        if (ask.Upgrade is null && api?.Find(ask.Method, ask.Target.Path, out var segments) is { } described)
        {
            var values = OpenApiArguments.Of(described, segments, ask.Target.Query, out fault);
            if (fault is not null) return null;
            named = Fact.Of(HttpVocabulary.OperationName, described.Id);
            args = new Variable("args", values);
        }
        return new Operation
        {
            Id = OperationId.New(now),
            Connection = connection,
            Parts = PartsOf(ask, document, named, args),
            Request = document.Bytes,
            RequestShape = AskDocument.Shape,
            DigestOf = DigestOf,
            Trace = TraceOf(ask),
        };
    }

    private static System.Diagnostics.ActivityContext TraceOf(HttpAsk ask)
    {
        for (var i = 0; i < ask.Passing.Count; i++)
        {
            if (ask.Passing[i].Key == "traceparent") return TraceParent.Read(ask.Passing[i].Value);
        }
        return default;
    }

    private static int Repeats(HttpAsk ask) => Math.Max(AskDocument.MostRepeats(ask.Target.Query), AskDocument.MostRepeats(ask.Form));

    // A name that stands several times is read differently by different targets: first, last, all. Each reading is a part, so
    // that what permits must permit all of them and what forbids needs one.
    private static ImmutableArray<Part> PartsOf(HttpAsk ask, AskDocument document, Fact? named, Variable? args)
    {
        ImmutableArray<Fact> facts = ask.Upgrade is { } upgrade
            ? [Fact.Of(HttpVocabulary.Upgrade, upgrade), Fact.Of(HttpVocabulary.Path, ask.Target.Path)]
            : [Fact.Of(HttpVocabulary.Method, ask.Method), Fact.Of(HttpVocabulary.Path, ask.Target.Path)];
        if (named is not null) facts = facts.Add(named);
        var action = ask.Upgrade is null ? Request : Switch;
        var headers = new Variable("headers", document.Headers);
        var body = new Variable("body", document.Body, IsUnknown: ask.Body is AskBody.Stream or AskBody.Bytes);
        var repeats = Repeats(ask);
        if (repeats <= 1) return [new Part { Action = action, Facts = facts, Variables = args is { } typed ? [new Variable("query", document.Query), headers, body, typed] : [new Variable("query", document.Query), headers, body] }];
        var parts = ImmutableArray.CreateBuilder<Part>(repeats);
        for (var i = 0; i < repeats; i++)
        {
            ImmutableArray<Variable> variables = [new Variable("query", AskDocument.Reading(ask.Target.Query, i)), headers, ask.Body == AskBody.Form ? new Variable("body", AskDocument.Reading(ask.Form, i)) : body];
            parts.Add(new Part { Action = action, Facts = facts, Variables = args is { } same ? variables.Add(same) : variables });
        }
        return parts.MoveToImmutable();
    }
}
