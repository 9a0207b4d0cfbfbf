using System.Text;
using System.Text.Json;
using Postern.Cli;
using Postern.Cli.Console;
using Postern.Core.Masking;
using Postern.Core.Operations;
using Postern.Core.Policy;
using Postern.Core.Recording;
using Postern.Protocols.Mcp;
using Postern.Tests.Gateway;

namespace Postern.Tests.Cli;

/// <summary>Runs the commands of the page on simulation, on a week that was recorded as the page tells it.</summary>
public sealed class SimulatePageTests
{
    private static readonly DateTimeOffset Monday = new(2026, 11, 16, 9, 0, 0, TimeSpan.Zero);
    private static readonly Connection Shop = new("shop", "mcp", "http://127.0.0.1:1/mcp", ["prod"]);

    [Fact]
    public async Task Every_output_on_the_page_is_what_the_command_says()
    {
        using var folder = new TemporaryFolder();
        var recordings = Path.Combine(folder.Path, "recordings");
        await RecordAsync(recordings);
        var page = Path.Combine(Specs.Folder(""), "..", "..", "docs", "learn", "simulate.md");
        var lines = (await File.ReadAllLinesAsync(page, TestContext.Current.CancellationToken)).ToList();
        var shown = 0;
        for (var at = 0; at < lines.Count; at++)
        {
            if (!lines[at].StartsWith("$ postern ", StringComparison.Ordinal)) continue;
            var expected = string.Concat(lines.Skip(at + 1).TakeWhile(line => line != "```").Select(line => line + "\n"));

            var (code, output) = await RunAsync(lines[at]["$ postern ".Length..], recordings);

            if (Environment.GetEnvironmentVariable("POSTERN_UPDATE_GENERATED") == "1")
            {
                lines.RemoveRange(at + 1, lines.FindIndex(at, line => line == "```") - at - 1);
                lines.InsertRange(at + 1, $"{output}exit code {code}".Split('\n'));
                await File.WriteAllTextAsync(page, string.Join('\n', lines) + "\n", TestContext.Current.CancellationToken);
                expected = $"{output}exit code {code}\n";
            }
            Assert.Equal(expected, $"{output}exit code {code}\n");
            shown++;
        }
        Assert.Equal(5, shown);
    }

    [Fact]
    public void The_candidate_on_the_page_is_the_one_that_is_run()
    {
        var page = File.ReadAllText(Path.Combine(Specs.Folder(""), "..", "..", "docs", "learn", "simulate.md"));
        Assert.Contains("<!-- policy: learn-simulate.yaml -->\n```yaml\n" + File.ReadAllText(Path.Combine(Specs.Folder("policy"), "learn-simulate.yaml")).TrimEnd() + "\n```\n", page, StringComparison.Ordinal);
    }

    private static async Task<(int Code, string Output)> RunAsync(string command, string recordings)
    {
        var specs = Specs.Folder("policy");
        // The policy in force is the one under which the week was recorded.
        if (command.Contains(" suggest ", StringComparison.Ordinal)) command = command.Replace(" suggest ", $" suggest {Path.Combine(specs, "learn-policy-refunds.yaml")} ", StringComparison.Ordinal);
        string[] arguments = [.. command.Split(' ').Select(word => word switch { "candidate.yaml" => Path.Combine(specs, "learn-simulate.yaml"), "recordings" => recordings, _ => word }), "--config", Path.Combine(specs, "learn.postern.yaml")];
        using var output = new StringWriter { NewLine = "\n" };
        // Both streams as a person sees them: data first, as it is written first.
        var surroundings = new Surroundings { Out = output, Error = output, Variable = _ => null, Clock = new Friday() };
        var code = await PosternExecutable.RunAsync(arguments, surroundings, TestContext.Current.CancellationToken);
        return (code, output.ToString());
    }

    private static async Task RecordAsync(string folder)
    {
        var environment = new PolicyEnvironment { Vocabularies = [McpVocabulary.Instance], Connections = [Shop], Issuers = ["corp"], HashKey = new byte[32] };
        var set = PolicyLoader.Load([new PolicyFile("policy.yaml", File.ReadAllText(Path.Combine(Specs.Folder("policy"), "learn-policy-refunds.yaml")))], environment, 1).Set!;
        await using var recorder = await Recorder.OpenAsync(new RecorderOptions { DataFolder = folder, Durability = Durability.Relaxed }, new Friday(), CancellationToken.None);
        foreach (var (who, group, amount, session) in new[]
        {
            ("alice", "support", 40, "01MONDAY"), ("alice", "support", 80, "01MONDAY"), ("alice", "support", 300, "01MONDAY"), ("alice", "support", 450, "01TUESDAY"),
            ("bob", "support", 900, "01BOB"), ("bob", "support", 250, "01BOB"), ("carol", "sales", 5, "01CAROL"),
        })
        {
            await RecordAsync(recorder, set, who, group, amount, session, isMasked: false);
        }
        await RecordAsync(recorder, set, "alice", "support", 100, "01TUESDAY", isMasked: true);
    }

    private static async Task RecordAsync(Recorder recorder, PolicySet set, string who, string group, int amount, string session, bool isMasked)
    {
        var ask = new Dictionary<string, JsonElement> { ["tool"] = JsonSerializer.SerializeToElement("refund"), ["args"] = JsonSerializer.SerializeToElement(new { order = 9, amount }) };
        var operation = McpVocabulary.Instance.ReadAsk(Shop, ask, NoDefinitions.Instance, Monday);
        var identity = new Identity { Issuer = "corp", Subject = who, Kind = IdentityKind.Person, Groups = [group] };
        var intent = new Intent(
            operation.Id, session, Monday, identity, Shop, operation.Parts, "desk", new Masked<ReadOnlyMemory<byte>>(isMasked ? Encoding.UTF8.GetBytes("[masked]") : operation.Request), operation.Request.Length,
            Digest.Of(operation.Request.Span), operation.Definition, set.Decide(identity, operation, Monday), null)
        { IsAsItCame = !isMasked };
        var account = await recorder.BeginAsync(intent, CancellationToken.None);
        await account.EndAsync(new Ending(Outcome.Done, null, null, null, Monday));
    }

    private sealed class Friday : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => Monday.AddDays(4);
    }
}
