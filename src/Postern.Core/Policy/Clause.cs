using Postern.Core.Operations;

namespace Postern.Core.Policy;

/// <summary>One entry of one rule: what the index finds.</summary>
internal sealed record Clause(Rule Rule, Entry Entry)
{
    public bool Matches(Part part, Vocabulary vocabulary, bool hasDefinition)
    {
        if (part.IsImplied) return Rule.Effect == RuleEffect.Deny && Entry.IsWholeConnection;
        return Rule.Gives ? Entry.Covers(part, vocabulary, hasDefinition) : Entry.Touches(part);
    }
}
