using System.Text.Json;
using Postern.Core.Masking;
using Postern.Core.Operations;
using Postern.Core.Policy;
using Postern.Protocols.Mcp;

namespace Postern.Tests.Masking;

/// <summary>Reads the first page on masking, and does what it says.</summary>
public sealed class LearnMaskingTests
{
    private static readonly Connection s_shop = new("shop", "mcp", "http://127.0.0.1:1/", []);

    [Fact]
    [Guarantee("G11")]
    public void Every_policy_and_every_example_of_the_page_is_true()
    {
        var lines = File.ReadAllLines(Path.Combine(Specs.Folder(""), "..", "..", "docs", "learn", "masking.md"));
        PolicySet? policy = null;
        var before = "";
        var (policies, examples) = (0, 0);
        for (var i = 0; i < lines.Length; i++)
        {
            if (!lines[i].StartsWith("<!-- ", StringComparison.Ordinal)) continue;
            var said = lines[i][5..^4].Split(": ");
            if (said[0] != "again") Assert.StartsWith("```", lines[i + 1], StringComparison.Ordinal);
            var block = string.Join('\n', lines.Skip(i + 2).TakeWhile(line => line != "```"));
            switch (said[0])
            {
                case "policy":
                    var file = Path.Combine(Specs.Folder("policy"), said[1]);
                    Assert.Equal(File.ReadAllText(file).TrimEnd(), block);
                    policy = Load(file);
                    policies++;
                    break;
                case "again":
                    policy = Load(Path.Combine(Specs.Folder("policy"), said[1]));
                    break;
                case "before":
                    before = block;
                    break;
                case "after":
                    var plan = PlanFor(policy!, said.Length > 1 ? said[1] : "support");
                    Assert.Equal(block, plan.Caller.Apply(before));
                    if (said.Length == 1) Assert.Equal(block, plan.Record.Apply(before));
                    examples++;
                    break;
                default:
                    Assert.Fail($"line {i + 1}: nobody knows what `{said[0]}` means");
                    break;
            }
        }
        Assert.Equal((3, 5), (policies, examples));
    }

    private static PolicySet Load(string file)
    {
        var environment = new PolicyEnvironment
        {
            Vocabularies = [McpVocabulary.Instance],
            Connections = [s_shop],
            Issuers = ["corp"],
            HashKey = new byte[Masker.MinHashKeyBytes],
        };
        var result = PolicyLoader.Load([new PolicyFile(Path.GetFileName(file), File.ReadAllText(file))], environment, versionNumber: 1);
        Assert.True(result.Set is not null, string.Join('\n', result.Problems));
        return result.Set;
    }

    private static MaskPlan PlanFor(PolicySet policy, string group)
    {
        var ask = new Dictionary<string, JsonElement>(StringComparer.Ordinal) { ["tool"] = JsonDocument.Parse("\"find_customer\"").RootElement };
        var operation = McpVocabulary.Instance.ReadAsk(s_shop, ask, NoDefinitions.Instance, DateTimeOffset.UnixEpoch);
        return policy.MasksFor(new Identity { Issuer = "corp", Subject = "alice", Kind = IdentityKind.Person, Groups = [group] }, operation);
    }
}
