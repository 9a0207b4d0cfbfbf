using System.Collections.Immutable;

namespace Postern.Protocols;

/// <summary>What the credential that is lent to a connection may do, beside what the policy could ever give there.</summary>
/// <param name="Wider">What it may do and no rule could give.</param>
/// <param name="Asked">Where it was asked about.</param>
/// <param name="IsComplete">False when the target says that its own answer leaves something out.</param>
/// <param name="Sufficient">What would suffice, in the target's own form.</param>
/// <param name="Notes">What the comparison cannot say.</param>
public sealed record CredentialReport(ImmutableArray<WiderRight> Wider, ImmutableArray<string> Asked, bool IsComplete, string Sufficient, ImmutableArray<string> Notes);

/// <summary>A right that no rule needs.</summary>
/// <param name="Where">A place at the target.</param>
/// <param name="Verbs">What may be done there.</param>
/// <param name="What">To what.</param>
/// <param name="Names">To which of them; empty for all.</param>
public sealed record WiderRight(string Where, ImmutableArray<string> Verbs, ImmutableArray<string> What, ImmutableArray<string> Names);
