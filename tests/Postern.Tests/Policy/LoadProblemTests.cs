using System.Collections.Immutable;
using Postern.Core.Policy;
using Postern.Core.Policy.Testing;

namespace Postern.Tests.Policy;

/// <summary>The case files of tests/specs/policy: each YAML file with its expected problems beside it.</summary>
public sealed class LoadProblemTests
{
    public static TheoryData<string> Errors() => Specs.Files("policy/errors", "*.yaml");

    public static TheoryData<string> Warnings() => Specs.Files("policy/warnings", "*.yaml");

    [Theory]
    [MemberData(nameof(Errors))]
    [Row("T04")]
    public void A_bad_policy_loads_nothing_and_says_where_and_what_was_expected(string file)
    {
        var (result, expected) = Load("policy/errors", file);

        Assert.Null(result.Set);
        Assert.Equal(expected, Shown(result, ProblemSeverity.Error));
    }

    [Theory]
    [MemberData(nameof(Warnings))]
    public void What_is_probably_not_meant_is_a_warning_and_loads(string file)
    {
        var (result, expected) = Load("policy/warnings", file);

        Assert.NotNull(result.Set);
        Assert.Equal(expected, Shown(result, ProblemSeverity.Warning));
        Assert.Equal(expected.Length > 0, result.HasWarnings);
        Assert.All(PolicyTests.Run([new PolicyFile(file, File.ReadAllText(Path.Combine(Specs.Folder("policy/warnings"), file)))], PolicyText.Environment(), Toy.Now).Problems, problem => Assert.Equal(ProblemSeverity.Warning, problem.Severity));
    }

    [Fact]
    public void A_bare_name_needs_exactly_one_issuer()
    {
        const string Policy = "rules: [{id: a, who: {groups: [porters]}, on: {doors: [cellar]}, then: allow}]";

        Assert.NotNull(PolicyText.Load(Policy).Set);
        Assert.Contains(PolicyText.Load(Policy, PolicyText.Environment("corp", "partner")).Problems, problem => problem.Severity == ProblemSeverity.Error && problem.Message.Contains("write the issuer, as in `corp:porters`", StringComparison.Ordinal));
        Assert.NotNull(PolicyText.Load(Policy.Replace("[porters]", "[\"partner:porters\"]", StringComparison.Ordinal), PolicyText.Environment("corp", "partner")).Set);
    }

    [Fact]
    public void An_id_is_unique_over_all_files()
    {
        const string Text = "version: 1\nrules: [{id: a, on: {doors: [cellar]}, then: deny}]";

        var result = PolicyLoader.Load([new PolicyFile("one.yaml", Text), new PolicyFile("two.yaml", Text)], PolicyText.Environment(), 1);

        Assert.Null(result.Set);
        Assert.Contains(result.Problems, problem => problem.ToString() == "two.yaml:2:14: duplicate id `a`; it already stands in one.yaml, line 2");
    }

    [Fact]
    [Row("D07")]
    public void Hostile_text_is_refused_and_never_throws()
    {
        string[] texts = [new string('[', 100_000), string.Concat(Enumerable.Repeat("{a: ", 50_000)), "\0", "version: 1\nrules: [" + new string('-', 10_000), "%YAML 9.9\n---\n", "? [a]\n: b", "version: 1\n---\nversion: 1", "\ud800"];

        Assert.All(texts, text => Assert.Null(PolicyLoader.Load([new PolicyFile("bad.yaml", text)], PolicyText.Environment(), 1).Set));
    }

    private static (PolicyLoadResult Result, string Expected) Load(string folder, string file)
    {
        var path = Path.Combine(Specs.Folder(folder), file);
        var result = PolicyLoader.Load([new PolicyFile(file, File.ReadAllText(path))], PolicyText.Environment(), 1);
        var expected = Path.ChangeExtension(path, ".txt");
        if (Environment.GetEnvironmentVariable("POSTERN_UPDATE_GENERATED") == "1") File.WriteAllText(expected, Shown(result, folder.EndsWith("errors", StringComparison.Ordinal) ? ProblemSeverity.Error : ProblemSeverity.Warning));
        return (result, File.ReadAllText(expected));
    }

    private static string Shown(PolicyLoadResult result, ProblemSeverity severity) =>
        string.Concat(result.Problems.Where(problem => problem.Severity == severity).Select(problem => problem + "\n"));
}
