using System.Collections.Immutable;
using Postern.Core.Operations;
using Postern.Core.Policy;

namespace Postern.Core.Approvals;

/// <summary>Counts people. One person counts once for a requirement, and may serve several requirements (policy.md section 7).</summary>
internal static class Quorum
{
    /// <summary>True when every requirement has its number of distinct people who said yes, the requester not among them.</summary>
    public static bool IsMet(HoldTerms terms, ImmutableArray<Answer> answers, string requester, People people)
    {
        // Without anybody who must agree nobody could have: what asks people asks somebody.
        if (terms.Requirements.IsDefaultOrEmpty) return false;
        foreach (var requirement in terms.Requirements)
        {
            var agreed = new HashSet<string>(StringComparer.Ordinal);
            foreach (var answer in answers)
            {
                if (answer.Approved && !people.AreOne(answer.Approver, requester) && Serves(requirement, answer.Approver, people.GroupsOf(answer))) agreed.Add(people.PersonOf(answer.Approver));
            }
            if (agreed.Count < requirement.Count) return false;
        }
        return true;
    }

    /// <summary>True when this person may serve any requirement.</summary>
    public static bool MayServe(HoldTerms terms, Identity person)
    {
        foreach (var requirement in terms.Requirements)
        {
            if (Serves(requirement, person.Key, person.QualifiedGroups)) return true;
        }
        return false;
    }

    private static bool Serves(ApproverRequirement requirement, string person, IEnumerable<string> groups) =>
        requirement.Users.Contains(person, StringComparer.Ordinal) || groups.Any(group => requirement.Groups.Contains(group, StringComparer.Ordinal));
}
