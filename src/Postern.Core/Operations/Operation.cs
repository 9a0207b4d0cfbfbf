using System.Collections.Immutable;

namespace Postern.Core.Operations;

/// <summary>A named target behind the gateway, as the administrator configured it.</summary>
/// <param name="Name">The name in policy and URLs.</param>
/// <param name="Protocol">The protocol's name in the catalogue.</param>
/// <param name="Target">What the name stands for (a URL, a host and port); part of what an approval is bound to.</param>
/// <param name="Tags">Set by administrators only.</param>
public sealed record Connection(string Name, string Protocol, string Target, ImmutableArray<string> Tags);

/// <summary>
/// One thing asked, at the grain that policy speaks. It is judged whole: the strictest of its parts decides.
/// The bytes in <see cref="Request"/> are both what was judged and what the target receives.
/// </summary>
public sealed class Operation
{
    /// <summary>This operation's id, which is also its decision's.</summary>
    public required OperationId Id { get; init; }

    /// <summary>The connection that it is meant for.</summary>
    public required Connection Connection { get; init; }

    /// <summary>At least one; each is decided, the strictest wins.</summary>
    public required ImmutableArray<Part> Parts { get; init; }

    /// <summary>The request as the target will receive it. Sensitive: recorded only after masks.</summary>
    public required ReadOnlyMemory<byte> Request { get; init; }

    /// <summary>
    /// What is recorded in place of <see cref="Request"/>, where the protocol knows that it brings a credential: the same without it. Null
    /// for the request itself. Masks see either; the digest is always that of the request.
    /// </summary>
    public ReadOnlyMemory<byte>? RecordedAs { get; init; }

    /// <summary>How masks read <see cref="Request"/> when it is recorded.</summary>
    public required Masking.FrameShape RequestShape { get; init; }

    /// <summary>
    /// SHA-256 over the canonical form of what is asked: protocol, connection, target, definition and request.
    /// Equal for spellings that mean the same, different for anything else (guarantees N07, N08).
    /// </summary>
    public Digest Digest => _digest ??= ComputeDigest();

    /// <summary>Computes <see cref="Digest"/> on first use; supplied by the protocol, pure.</summary>
    public required Func<Operation, Digest> DigestOf { private get; init; }

    /// <summary>
    /// Hash of the definition (for a tool: name, description, schemas, annotations) that the request was judged under, or null.
    /// </summary>
    public Digest? Definition { get; init; }

    /// <summary>
    /// True when the name has a definition that changed, or appeared, since it was accepted. What would be permitted is
    /// then refused with <see cref="Pipeline.RefusalCode.Quarantined"/>.
    /// </summary>
    public bool IsQuarantined { get; init; }

    /// <summary>The caller's trace, if it named one (<see cref="TraceParent"/>); groups what is shown, never a right.</summary>
    public System.Diagnostics.ActivityContext Trace { get; init; }

    /// <summary>The operation that provoked this one (a target asking back), or null.</summary>
    public OperationId? Parent { get; init; }

    /// <summary>True for one that asks for nothing but to be told things: when its caller leaves, nothing of it is left in doubt.</summary>
    public bool OnlyListens { get; init; }

    /// <summary>What the caller was told to bring when it comes back, opened and found to fit this operation; null for a new one.</summary>
    public Approvals.Continuation? Continues { get; init; }

    /// <summary>The client's own run of work (a protocol session), if the protocol has one; groups operations into sessions. Never a right.</summary>
    public string? ClientRun { get; init; }

    /// <summary>The client program as it names itself; shown, recorded, never decided on.</summary>
    public string? ClientName { get; init; }

    /// <summary>
    /// What cannot be answered under masks, as the protocol knows: a reason that may be told to the caller, or null when nothing speaks
    /// against it. Pure. Asked of the masks of the caller's copy wherever the operation would be permitted or held; null when it is never so.
    /// </summary>
    public Func<Masking.Masker, string?>? ObjectionTo { get; init; }

    private Digest? _digest;

    private Digest ComputeDigest() => DigestOf(this);
}

/// <summary>
/// One part of an operation: an action, the facts that selectors read, and the variables that conditions read.
/// </summary>
public sealed class Part
{
    /// <summary>For example <c>shop.items.sell</c>: the protocol's word for what is done.</summary>
    public required string Action { get; init; }

    /// <summary>
    /// True when no rule is needed once any rule could permit something on the connection (policy.md section 4).
    /// A deny entry that names only <c>connection</c> or <c>tags</c> still stops it.
    /// </summary>
    public bool IsImplied { get; init; }

    /// <summary>What the part touches, by fact name. A fact that is not here is empty.</summary>
    public ImmutableArray<Fact> Facts { get; init; } = [];

    /// <summary>What <c>when</c> may read; a variable that is not here is an empty map.</summary>
    public ImmutableArray<Variable> Variables { get; init; } = [];

    /// <summary>The named fact, or an empty one.</summary>
    public Fact FactOrEmpty(string name)
    {
        foreach (var fact in Facts)
        {
            if (string.Equals(fact.Name, name, StringComparison.Ordinal)) return fact;
        }
        return Fact.Empty(name);
    }
}

/// <summary>A set of values under a name: named values, <c>all</c> (not bounded), or empty.</summary>
public sealed class Fact
{
    private Fact(string name, ImmutableArray<string> values, bool isAll)
    {
        Name = name;
        Values = values;
        IsAll = isAll;
    }

    /// <summary>The fact's name, as the vocabulary declares it.</summary>
    public string Name { get; }

    /// <summary>The values; empty when <see cref="IsAll"/>.</summary>
    public ImmutableArray<string> Values { get; }

    /// <summary>Not bounded: a list over everything, what an opaque statement touches.</summary>
    public bool IsAll { get; }

    /// <summary>
    /// Values of which these are a part or another name (the parent of a table that inherits). What takes, deny, guard and masks, reaches the
    /// values through them too; what gives, allow and hold, never looks at them.
    /// </summary>
    public ImmutableArray<string> Beside { get; init; } = [];

    /// <summary>Neither values nor all.</summary>
    public bool IsEmpty => !IsAll && Values.IsEmpty;

    /// <summary>A fact with exactly these values.</summary>
    public static Fact Of(string name, params ImmutableArray<string> values) => new(name, values, isAll: false);

    /// <summary>A fact with these values, and others beside them.</summary>
    public static Fact Of(string name, ImmutableArray<string> values, ImmutableArray<string> beside) => new(name, values, isAll: false) { Beside = beside };

    /// <summary>A fact that is not bounded.</summary>
    public static Fact All(string name) => new(name, [], isAll: true);

    /// <summary>A fact with nothing in it; no selector covers or touches it.</summary>
    public static Fact Empty(string name) => new(name, [], isAll: false);
}

/// <summary>A value that <c>when</c> may read.</summary>
/// <param name="Name">The variable's name in the vocabulary.</param>
/// <param name="Json">The value as UTF-8 JSON, strict and free of duplicate keys; ignored when unknown.</param>
/// <param name="IsUnknown">True when the value is not known yet, as when a list asks what could be permitted.</param>
public readonly record struct Variable(string Name, ReadOnlyMemory<byte> Json, bool IsUnknown = false);
