using System.Collections.Immutable;
using System.Text;
using Postern.Core.Masking;
using Postern.Core.Operations;
using Postern.Core.Pipeline;
using Postern.Core.Policy;
using Postern.Core.Recording;
using Postern.Gateway.Recordings.Keys;

namespace Postern.Tests.Cli;

/// <summary>A data folder with a closed journal: one session with an allowed, a refused and an approved operation of one alice.</summary>
internal sealed class RecordedFolder : IDisposable
{
    public const string Session = "01SESSION0000000000000000A";
    private static readonly DateTimeOffset Noon = new(2026, 11, 21, 12, 0, 0, TimeSpan.Zero);
    private static readonly PolicyVersion Version = new(7, Digest.Of("policy"u8));

    private RecordedFolder(string path) => Path = path;

    public string Path { get; }

    public string Journal => System.IO.Path.Combine(Path, "journal");

    public string Key => System.IO.Path.Combine(Path, "journal.pub.pem");

    public static async Task<RecordedFolder> CreateAsync(string reply = """{"result":{"email":"[redacted]","name":"Mia"}}""", string client = "desk 1.0", bool isSealed = false)
    {
        var folder = new RecordedFolder(Directory.CreateTempSubdirectory("postern-test-").FullName);
        using var keys = isSealed ? await DataKeyFile.OpenAsync(folder.Path, null, TimeProvider.System) : null;
        await using var recorder = await Recorder.OpenAsync(new RecorderOptions { DataFolder = folder.Path, DataKeys = keys }, TimeProvider.System, CancellationToken.None);

        var allowed = await recorder.BeginAsync(Intent("get_customer", new Decision.Allow(Version, [new RuleMatch("support-reads", RuleEffect.Allow)], "a rule permits it"), client), CancellationToken.None);
        await allowed.AppendAsync(FrameDirection.Reply, Masked(reply), maskedValues: 1);
        await allowed.EndAsync(new Ending(Outcome.Done, null, null, null, Noon.AddSeconds(1)));

        var denied = await recorder.BeginAsync(Intent("delete_customer", new Decision.Deny(Version, [], "no rule permits it", RefusalCode.NotPermitted), client), CancellationToken.None);
        await denied.EndAsync(new Ending(Outcome.Denied, RefusalCode.NotPermitted, null, null, Noon.AddSeconds(2)));

        var terms = new HoldTerms([new ApproverRequirement(["demo:on-call"], [], 1)], TimeSpan.FromMinutes(30), TimeSpan.FromMinutes(10), HoldRisk.Medium);
        var hold = new Decision.Hold(Version, [new RuleMatch("large-refunds", RuleEffect.Hold)], "over 500", terms);
        var intent = Intent("refund", hold, client);
        var approved = await recorder.BeginAsync(intent, CancellationToken.None);
        await approved.ClearAsync(new Clearing(intent.Operation, Noon, "hold-1", OperationId.New(Noon), ["demo:bob"], hold, 7));
        await approved.AppendAsync(FrameDirection.Reply, Masked("""{"result":{"refund":"R-1"}}"""), maskedValues: 0);
        await approved.EndAsync(new Ending(Outcome.Done, null, null, "hold-1", Noon.AddSeconds(3)));
        return folder;
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);

    private static Intent Intent(string tool, Decision decision, string client)
    {
        var request = $$$"""{"method":"tools/call","params":{"name":"{{{tool}}}"}}""";
        return new Intent(
            OperationId.New(Noon), Session, Noon,
            new Identity { Issuer = "demo", Subject = "alice", Kind = IdentityKind.Person, Agent = "demo-agent", Groups = ["support"], DisplayName = "Alice Archer" },
            new Connection("shop", "mcp", "http://127.0.0.1:9/mcp", []),
            [new Part { Action = "mcp.tools.call", Facts = [Fact.Of("tool", tool)] }],
            client, Masked(request), request.Length, Digest.Of(Encoding.UTF8.GetBytes(request)), null, decision, null);
    }

    private static Masked<ReadOnlyMemory<byte>> Masked(string text) => new(Encoding.UTF8.GetBytes(text));
}
