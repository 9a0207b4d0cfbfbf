using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Postern.Core.Policy;
using Postern.Core.Policy.Explaining;
using Postern.Core.Policy.Replay;
using Postern.Core.Policy.Suggesting;
using Postern.Core.Policy.Testing;
using Postern.Core.Recording;
using Postern.Gateway.Recordings.Keys;
using Postern.Gateway.Configuration;
using Postern.Gateway.Connections;
using Postern.Protocols;

namespace Postern.Gateway.Policies;

/// <summary>
/// Reads policies as a gateway of the same configuration would, without starting one: for <c>policy check</c> and
/// <c>policy test</c>. Nothing on disk changes and nobody is asked.
/// </summary>
public static class PolicyWorkbench
{
    /// <summary>Everything that is wrong with the policy that these files make.</summary>
    /// <param name="options">What the policy may name.</param>
    /// <param name="paths">Files, or folders whose <c>*.yaml</c> files are read.</param>
    public static ImmutableArray<PolicyProblem> Check(GatewayOptions options, ImmutableArray<string> paths)
    {
        var files = Read(paths, out var problems);
        return problems.IsEmpty ? PolicyLoader.Load(files, EnvironmentOf(options), versionNumber: 1).Problems : problems;
    }

    /// <summary>Runs the tests that these files hold.</summary>
    /// <param name="options">What the policy may name.</param>
    /// <param name="paths">Files, or folders whose <c>*.yaml</c> files are read.</param>
    /// <param name="now">The instant of tests that name none.</param>
    public static PolicyTestRun Test(GatewayOptions options, ImmutableArray<string> paths, DateTimeOffset now)
    {
        var files = Read(paths, out var problems);
        return problems.IsEmpty ? PolicyTests.Run(files, EnvironmentOf(options), now) : new PolicyTestRun(problems, []);
    }

    /// <summary>Decides again under the policy that these files make what a journal holds. Masks of then are not known without the gateway's database.</summary>
    /// <param name="options">What the policy may name.</param>
    /// <param name="paths">Files, or folders whose <c>*.yaml</c> files are read.</param>
    /// <param name="journal">A journal folder.</param>
    /// <param name="from">Operations from this instant on.</param>
    /// <param name="until">Operations before this instant.</param>
    /// <param name="problems">Why the policy does not load; then the result is null.</param>
    /// <param name="cancellationToken">Interrupt.</param>
    /// <exception cref="RecordingException">The journal cannot be read.</exception>
    public static JsonObject? Simulate(
        GatewayOptions options, ImmutableArray<string> paths, string journal, DateTimeOffset from, DateTimeOffset until, out ImmutableArray<PolicyProblem> problems, CancellationToken cancellationToken)
    {
        var files = Read(paths, out problems);
        if (!problems.IsEmpty) return null;
        var loaded = PolicyLoader.Load(files, EnvironmentOf(options), versionNumber: 1);
        problems = loaded.Problems;
        if (loaded.Set is not { } set) return null;
        var simulation = new Simulation(set, static (_, _) => null);
        using var keys = RecordedKeys.Open(journal, options.Record.MasterKey);
        simulation.Take(new JournalReader(journal, keys).ReadQuestions(JournalPosition.Begin), from, until, cancellationToken);
        return SimulationDocument.Of(simulation.Result());
    }

    /// <summary>Says of recorded operations what the policy that these files make says of them; grants are not known without the gateway's database, and what stands in files is no version yet: its number is 0.</summary>
    /// <param name="options">What the policy may name.</param>
    /// <param name="paths">Files, or folders whose <c>*.yaml</c> files are read.</param>
    /// <param name="problems">Why the policy does not load; then the result is null.</param>
    public static Func<RecordedOperation, JsonObject>? Reconsider(GatewayOptions options, ImmutableArray<string> paths, out ImmutableArray<PolicyProblem> problems)
    {
        var files = Read(paths, out problems);
        if (!problems.IsEmpty) return null;
        var loaded = PolicyLoader.Load(files, EnvironmentOf(options), versionNumber: 0);
        problems = loaded.Problems;
        return loaded.Set is { } set ? recorded => QuestionDocument.Of(Reconsidered.Of(set, recorded, [])) : null;
    }

    /// <summary>Mines a journal for rules that cover what was done, and for rules of these files that nobody used.</summary>
    /// <param name="options">What a policy may name.</param>
    /// <param name="paths">The policy in force: files, or folders whose <c>*.yaml</c> files are read.</param>
    /// <param name="journal">A journal folder.</param>
    /// <param name="from">Operations from this instant on.</param>
    /// <param name="until">Operations before this instant.</param>
    /// <param name="problems">Why the policy does not load; then the result is null.</param>
    /// <param name="cancellationToken">Interrupt.</param>
    /// <exception cref="RecordingException">The journal cannot be read.</exception>
    public static JsonObject? Suggest(
        GatewayOptions options, ImmutableArray<string> paths, string journal, DateTimeOffset from, DateTimeOffset until, out ImmutableArray<PolicyProblem> problems, CancellationToken cancellationToken)
    {
        var files = ReadNamed(paths, out problems);
        if (!problems.IsEmpty) return null;
        var environment = EnvironmentOf(options);
        var loaded = PolicyLoader.Load(files, environment, versionNumber: 1);
        problems = loaded.Problems;
        if (loaded.Set is null) return null;
        using var keys = RecordedKeys.Open(journal, options.Record.MasterKey);
        var records = new JournalReader(journal, keys).ReadQuestions(JournalPosition.Begin);
        var suggester = new Suggester(environment);
        suggester.Take(records, from, until, cancellationToken);
        return SuggestionDocument.Of(suggester.Result(), UnusedPrivileges.Find(files, environment, records, from, until, cancellationToken));
    }

    /// <summary>What a word of the policy language means, in this build with all its protocols; null with the nearest word.</summary>
    public static PolicyWord? Word(string path, out string hint) => PolicyLanguage.Find(path, [.. ProtocolCatalog.Create().Select(protocol => protocol.Vocabulary), GatewayVocabulary.Instance], out hint);

    /// <summary>Whether these files permit something; null with the problem when they do not load or the question cannot be understood.</summary>
    /// <param name="options">What the policy may name.</param>
    /// <param name="paths">Files, or folders whose <c>*.yaml</c> files are read.</param>
    /// <param name="asked">Who asks, as JSON in the words of a test's <c>as</c>.</param>
    /// <param name="ask">What for, as JSON in the words of a test's <c>ask</c>.</param>
    /// <param name="now">When.</param>
    public static (JsonObject? Answer, string? Problem) CanI(GatewayOptions options, ImmutableArray<string> paths, string asked, string ask, DateTimeOffset now) =>
        Ask(options, paths, asked, ask, now, (set, question) => QuestionDocument.Of(Explanation.Of(set, question.Identity, question.Operation, now), mayRead: true));

    /// <summary>Which rules of these files give something, and which take it; as <see cref="CanI"/>.</summary>
    /// <param name="options">What the policy may name.</param>
    /// <param name="paths">Files, or folders whose <c>*.yaml</c> files are read.</param>
    /// <param name="ask">What for, as JSON in the words of a test's <c>ask</c>.</param>
    /// <param name="now">When.</param>
    public static (JsonObject? Answer, string? Problem) WhoCan(GatewayOptions options, ImmutableArray<string> paths, string ask, DateTimeOffset now) =>
        Ask(options, paths, "{}", ask, now, (set, question) => QuestionDocument.Of(Access.Of(set, question.Operation, now)));

    private static (JsonObject? Answer, string? Problem) Ask(GatewayOptions options, ImmutableArray<string> paths, string asked, string ask, DateTimeOffset now, Func<PolicySet, PolicyQuestion, JsonObject> answer)
    {
        var files = Read(paths, out var problems);
        var environment = EnvironmentOf(options);
        var loaded = problems.IsEmpty ? PolicyLoader.Load(files, environment, versionNumber: 1) : new PolicyLoadResult(null, problems);
        if (loaded.Set is not { } set) return (null, $"the policy does not load: {loaded.Problems.First(problem => problem.Severity == ProblemSeverity.Error)}");
        return PolicyQuestion.Read(environment, asked, ask, now, out var problem) is { } question ? (answer(set, question), null) : (null, problem);
    }

    /// <summary>What policies of a gateway may name.</summary>
    internal static PolicyEnvironment EnvironmentOf(GatewayOptions options, ConnectionDirectory connections, ImmutableArray<IProtocol> protocols, string publicUrl, ReadOnlyMemory<byte> hashKey)
    {
        foreach (var connection in options.Connections)
        {
            if (connection.OpenApi is { } document) protocols.First(protocol => protocol.Name == connection.Protocol).Describe(connection.Name, File.ReadAllBytes(document));
        }
        return new PolicyEnvironment
        {
            Vocabularies = [.. protocols.Select(protocol => protocol.Vocabulary), GatewayVocabulary.Instance],
            Connections = [.. connections.All, GatewayVocabulary.Itself(publicUrl)],
            Issuers = [.. options.Issuers.Select(issuer => issuer.Name), .. options.Authorization is null ? [] : new[] { Authorization.OwnIssuer.Name }],
            HashKey = hashKey,
        };
    }

    // No gateway runs here: hashes made by masks need a key, and nobody compares them with a gateway's.
    private static PolicyEnvironment EnvironmentOf(GatewayOptions options) =>
        EnvironmentOf(options, new ConnectionDirectory(options.Connections), ProtocolCatalog.Create(), options.PublicUrl ?? options.Url, RandomNumberGenerator.GetBytes(SHA256.HashSizeInBytes));

    /// <summary>The files that these paths name, under the names that versions keep.</summary>
    /// <param name="paths">Files, or folders whose <c>*.yaml</c> files are read.</param>
    /// <param name="problems">Why they cannot be read; empty when they can.</param>
    public static ImmutableArray<PolicyFile> ReadNamed(ImmutableArray<string> paths, out ImmutableArray<PolicyProblem> problems)
    {
        var folder = FolderPolicy.Read(new PolicySources(paths));
        problems = folder.Problems;
        return folder.Files;
    }

    private static ImmutableArray<PolicyFile> Read(ImmutableArray<string> paths, out ImmutableArray<PolicyProblem> problems)
    {
        var found = new List<PolicyProblem>();
        var files = new PolicySources(paths).Read(found);
        problems = [.. found];
        return files;
    }
}
