using System.Collections.Immutable;
using System.Text;
using Postern.Core.Operations;
using Postern.Core.Policy.Checking;
using Postern.Core.Policy.Reading;
using Postern.Core.Policy.Testing;
using Postern.Core.Yaml;

namespace Postern.Core.Policy;

/// <summary>
/// Reads policy files into one compiled set. All problems are reported at once; with any error there is no set, so that a
/// bad file changes nothing.
/// </summary>
public static class PolicyLoader
{
    private static readonly ImmutableArray<string> Keys = ["version", "rules", "masks", "requests", "tests", "definitions"];
    private static readonly ImmutableArray<string> NotEnforced = ["labels"];

    /// <summary>Loads several files as one policy; their order says nothing.</summary>
    /// <param name="files">The files as read.</param>
    /// <param name="environment">What they may name.</param>
    /// <param name="versionNumber">The number that decisions will carry; counts up from 1.</param>
    /// <exception cref="ArgumentException">A mask hashes and the environment's key is shorter than <see cref="Masking.Masker.MinHashKeyBytes"/>.</exception>
    public static PolicyLoadResult Load(ImmutableArray<PolicyFile> files, PolicyEnvironment environment, int versionNumber)
    {
        var context = new LoadContext(environment);
        var rules = new List<ReadRule>();
        var masks = new List<Mask>();
        var requests = new List<YamlNode>();
        var tests = ImmutableArray.CreateBuilder<PolicyTest>();
        var ids = new Dictionary<string, YamlNode>(StringComparer.Ordinal);
        var declared = ImmutableArray.CreateBuilder<IDefinitionCatalogue>();
        foreach (var file in files) Read(context, file, rules, masks, requests, tests, ids, declared);
        ReadRequests(context, requests, rules, ids);
        RuleChecks.Run(context, new KnownDefinitions(environment.Definitions, declared.DrainToImmutable()), [.. rules], [.. tests]);
        if (context.HasErrors) return new PolicyLoadResult(null, context.ProblemsOf(files));

        var set = new PolicySet(new PolicyVersion(versionNumber, HashOf(files)), [.. rules.Select(read => read.Rule)], [.. masks], environment);
        return new PolicyLoadResult(set, context.ProblemsOf(files)) { Tests = tests.DrainToImmutable() };
    }

    private static void Read(LoadContext context, PolicyFile file, List<ReadRule> rules, List<Mask> masks, List<YamlNode> requests, ImmutableArray<PolicyTest>.Builder tests, Dictionary<string, YamlNode> ids, ImmutableArray<IDefinitionCatalogue>.Builder declared)
    {
        var problems = new List<SourceProblem>();
        var root = YamlReader.Read(file.Path, file.Text, problems);
        foreach (var problem in problems) context.Add(problem);
        if (root is null || !context.IsMapping(root, "a policy file")) return;
        context.CheckKeys(root, Keys, NotEnforced);
        CheckVersion(context, root);
        foreach (var node in List(context, root, "rules"))
        {
            if (RuleReader.Read(context, node, rules.Count) is not { } read) continue;
            CheckUnique(context, read.Node, ids);
            rules.Add(read);
        }
        requests.AddRange(List(context, root, "requests"));
        foreach (var node in List(context, root, "masks"))
        {
            if (MaskReader.Read(context, node, masks.Count) is not { } mask) continue;
            CheckUnique(context, node, ids);
            masks.Add(mask);
            if (masks.Count == MaskCabinet.MaxMasks + 1) context.Error(node, $"a policy has at most {MaskCabinet.MaxMasks} masks; one mask may hold many fields");
        }
        var definitions = FileDefinitions.Read(context, root.Find("definitions"));
        declared.Add(definitions);
        foreach (var node in List(context, root, "tests"))
        {
            if (TestReader.Read(context, node, definitions) is { } test) tests.Add(test);
        }
    }

    // After the rules of every file, so that the places of rules do not depend on what may be asked for.
    private static void ReadRequests(LoadContext context, List<YamlNode> nodes, List<ReadRule> rules, Dictionary<string, YamlNode> ids)
    {
        foreach (var node in nodes)
        {
            if (RequestReader.Read(context, node, rules.Count) is not { } read) continue;
            CheckUnique(context, read.Node, ids);
            rules.Add(read);
        }
    }

    private static void CheckVersion(LoadContext context, YamlNode root)
    {
        if (root.Find("version") is not { } version) context.Error(root, "a policy file starts with `version: 1`");
        else if (version is not { Kind: YamlKind.Scalar, Text: "1" }) context.Error(version, $"this gateway reads `version: 1`, found {LoadContext.Shown(version)}");
    }

    private static ImmutableArray<YamlNode> List(LoadContext context, YamlNode root, string key)
    {
        if (root.Find(key) is not { } node) return [];
        if (node.Kind == YamlKind.Sequence) return node.Items;
        context.Error(node, $"`{key}` must be a list, found {LoadContext.Shown(node)}");
        return [];
    }

    private static void CheckUnique(LoadContext context, YamlNode node, Dictionary<string, YamlNode> ids)
    {
        if (node.Find("id") is not { Kind: YamlKind.Scalar } id || ids.TryAdd(id.Text, id)) return;
        var first = ids[id.Text];
        context.Error(id, $"duplicate id `{id.Text}`; it already stands in {first.File}, line {first.Line}");
    }

    /// <summary>
    /// The digest that a version carries: over every byte that was read, whatever the order and names of the files. The digests of the
    /// files are of one length, so that no text can move from one file to another unseen.
    /// </summary>
    public static Digest HashOf(ImmutableArray<PolicyFile> files) =>
        Digest.Of(Encoding.UTF8.GetBytes(string.Join('\n', files.Select(file => Digest.Of(Encoding.UTF8.GetBytes(file.Text)).ToString()).Order(StringComparer.Ordinal))));
}
