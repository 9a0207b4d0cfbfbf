using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Text.Json;
using Postern.Core.Operations;

namespace Postern.Core.Policy.Testing;

/// <summary>One test of a policy file, read and checked: who asks what, when, and what should come of it.</summary>
internal sealed record PolicyTest
{
    public required string Name { get; init; }

    public required string File { get; init; }

    public required int Line { get; init; }

    public required Identity As { get; init; }

    /// <summary>Entries under <c>requests:</c> that count as granted.</summary>
    public ImmutableArray<string> Grants { get; init; } = [];

    /// <summary>Null: the instant of the run.</summary>
    public DateTimeOffset? At { get; init; }

    public required Connection Connection { get; init; }

    public required FrozenDictionary<string, JsonElement> Ask { get; init; }

    public required IDefinitionCatalogue Definitions { get; init; }

    /// <summary>A reply as the target would give it; null when the test has none.</summary>
    public ReadOnlyMemory<byte>? Reply { get; init; }

    /// <summary><c>allow</c>, <c>hold</c> or <c>deny</c>.</summary>
    public required string Decision { get; init; }

    public string? Rule { get; init; }

    public string? Code { get; init; }

    public JsonElement? ExpectedReply { get; init; }

    /// <summary>Every decision that a test may expect.</summary>
    public static readonly ImmutableArray<string> Decisions = ["allow", "hold", "deny"];
}
