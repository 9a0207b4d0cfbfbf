using System.Collections.Immutable;
using Postern.Core.Operations;
using Postern.Core.Policy.Reading;
using Postern.Core.Policy.Testing;
using Postern.Core.Yaml;

namespace Postern.Core.Policy.Explaining;

/// <summary>A question about access, in the words of a policy's tests: who asks (<c>as</c>), and for what (<c>ask</c>).</summary>
/// <param name="Identity">Who asks.</param>
/// <param name="Operation">What for, as its protocol would have made it of the same request.</param>
public sealed record PolicyQuestion(Identity Identity, Operation Operation)
{
    /// <summary>Reads a question; null with the problem when it cannot be understood.</summary>
    /// <param name="environment">What it may name.</param>
    /// <param name="asked">Who asks, as JSON: <c>{"user": "alice", "groups": ["support"]}</c>.</param>
    /// <param name="ask">What for, as JSON: <c>{"connection": "shop", "tool": "refund", "args": {"amount": 900}}</c>.</param>
    /// <param name="now">When.</param>
    /// <param name="problem">What was expected.</param>
    public static PolicyQuestion? Read(PolicyEnvironment environment, string asked, string ask, DateTimeOffset now, out string? problem)
    {
        ArgumentNullException.ThrowIfNull(environment);
        var context = new LoadContext(environment);
        var problems = new List<SourceProblem>();
        // JSON is YAML: the question is read by what reads tests, with the same words and the same hints.
        var root = YamlReader.Read("question", $$"""{"name": "question", "as": {{asked}}, "ask": {{ask}}, "expect": {"decision": "allow"} }""", problems);
        foreach (var one in problems) context.Add(one);
        var test = root is null ? null : TestReader.Read(context, root, environment.Definitions);
        problem = context.ProblemsOf([]).FirstOrDefault(one => one.Severity == ProblemSeverity.Error)?.Message;
        if (problem is not null || test is null) return null;
        var vocabulary = environment.Vocabularies.First(candidate => candidate.Protocols.Contains(test.Connection.Protocol));
        try
        {
            return new PolicyQuestion(test.As, vocabulary.ReadAsk(test.Connection, test.Ask, test.Definitions, now));
        }
        catch (FormatException unreadable)
        {
            problem = $"`ask` cannot be understood: {unreadable.Message}";
            return null;
        }
    }
}
