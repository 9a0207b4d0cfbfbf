using System.Collections.Immutable;
using Postern.Core.Operations;
using Postern.Core.Policy;

namespace Postern.Core.Approvals;

/// <summary>Counts people. One person counts once for a requirement, and may serve several requirements (policy.md section 7).</summary>
internal static class Quorum
{
    /// <summary>True when every requirement has its number of distinct people who said yes, the requester not among them.</summary>
    public static bool IsMet(HoldTerms terms, ImmutableArray<Answer> answers, string requester)
    {
        foreach (var requirement in terms.Requirements)
        {
            var people = new HashSet<string>(StringComparer.Ordinal);
            foreach (var answer in answers)
            {
                if (answer.Approved && !string.Equals(answer.Approver, requester, StringComparison.Ordinal)
                    && Serves(requirement, answer.Approver, answer.Groups)) people.Add(answer.Approver);
            }
            if (people.Count < requirement.Count) return false;
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
