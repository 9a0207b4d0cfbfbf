using System.Buffers;
using System.Collections.Immutable;
using System.Text.Json;
using Postern.Core.Masking;
using Postern.Core.Operations;
using Postern.Core.Pipeline;

namespace Postern.Core.Policy.Testing;

/// <summary>Runs the tests that policy files hold (policy.md section 8). No target is asked.</summary>
public static class PolicyTests
{
    /// <summary>Loads the files and runs their tests.</summary>
    /// <param name="files">The policy, its tests, or both.</param>
    /// <param name="environment">What they may name.</param>
    /// <param name="now">The instant of tests that name none.</param>
    public static PolicyTestRun Run(ImmutableArray<PolicyFile> files, PolicyEnvironment environment, DateTimeOffset now)
    {
        var loaded = PolicyLoader.Load(files, environment, versionNumber: 1);
        return new PolicyTestRun(loaded.Problems, loaded.Set is null ? [] : [.. loaded.Tests.Select(test => Run(loaded.Set, test, now))]);
    }

    private static PolicyTestResult Run(PolicySet set, PolicyTest test, DateTimeOffset now)
    {
        var at = test.At ?? now;
        Operation operation;
        try
        {
            operation = VocabularyOf(set, test.Connection).ReadAsk(test.Connection, test.Ask, test.Definitions, at);
        }
        catch (FormatException unreadable)
        {
            return Result(test, [$"`ask` cannot be understood: {unreadable.Message}"], "");
        }
        var decision = set.Decide(test.As, operation, at, ActiveGrants.Assuming(test.Grants));
        var (word, code) = decision switch
        {
            Decision.Allow => ("allow", null),
            Decision.Hold => ("hold", RefusalCode.HoldPending),
            Decision.Deny deny => ("deny", deny.Code),
            _ => ("unknown", (string?)null),
        };
        var rule = decision.HasDecidingRule && !decision.Rules.IsEmpty ? decision.Rules[0].Rule : null;
        var found = $"{word} ({decision.Reason})";
        List<string> differences = [];
        if (word != test.Decision) differences.Add($"expected `{test.Decision}`, found {found}");
        if (test.Rule is not null && test.Rule != rule) differences.Add($"expected rule `{test.Rule}`, found {(rule is null ? "no rule" : $"`{rule}`")}");
        if (test.Code is not null && test.Code != code) differences.Add($"expected code `{test.Code}`, found {(code is null ? "none" : $"`{code}`")}");
        if (test is { Reply: { } reply, ExpectedReply: { } wanted } && Reply(set, test, operation, reply, wanted) is { } difference) differences.Add(difference);
        return Result(test, differences, found);
    }

    private static PolicyTestResult Result(PolicyTest test, List<string> differences, string found) =>
        new(test.Name, test.File, test.Line, differences.Count == 0, differences.Count == 0 ? found : string.Join("\n", differences));

    private static Vocabulary VocabularyOf(PolicySet set, Connection connection) =>
        set.VocabularyOf(connection) ?? throw new FormatException($"nothing here speaks `{connection.Protocol}`");

    private static string? Reply(PolicySet set, PolicyTest test, Operation operation, ReadOnlyMemory<byte> reply, JsonElement wanted)
    {
        var masked = new ArrayBufferWriter<byte>();
        try
        {
            set.MasksFor(test.As, operation).Caller.Apply(reply.Span, FrameShape.Json, masked);
            using var found = JsonDocument.Parse(masked.WrittenMemory);
            return JsonElement.DeepEquals(found.RootElement, wanted) ? null : $"expected reply {wanted.GetRawText()}, found {found.RootElement.GetRawText()}";
        }
        catch (MaskingException blocked)
        {
            return $"the reply is blocked: {blocked.Message}";
        }
    }
}
