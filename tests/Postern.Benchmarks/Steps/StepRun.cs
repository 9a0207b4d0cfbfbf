using System.Buffers;
using Postern.Benchmarks.Measuring;
using Postern.Core.Masking;
using Postern.Core.Operations;
using Postern.Core.Recording;
using Postern.Protocols.Mcp;
using Postern.Protocols.Mcp.Wire;

namespace Postern.Benchmarks.Steps;

/// <summary>What each step of one operation costs by itself.</summary>
internal static class StepRun
{
    public static async Task RunAsync()
    {
        var machine = Machine.Describe();
        var policy = Samples.Compile(100);
        var call = Samples.Call(300);
        var reply = Samples.Reply(1_000);
        var operation = Samples.Read(call);
        var now = DateTimeOffset.UnixEpoch;
        var masks = policy.MasksFor(Samples.Alice, operation);
        var output = new ArrayBufferWriter<byte>(256 * 1024);
        var results = new List<MicroResult>
        {
            Micro.Run("read a call of 300 B: framing, names, ranges", () => JsonRpcReader.Read(call)),
            Micro.Run("make the operation of it", () => Samples.Read(call)),
            Micro.Run("1 authorize: decide under 100 rules", () => policy.Decide(Samples.Alice, operation, now)),
            Micro.Run("1 authorize: find the masks", () => policy.MasksFor(Samples.Alice, operation)),
            Micro.Run("2 intent: canonical digest", () => operation.RequestShape.Equals(McpDigest.Of(operation))),
            Micro.Run("2 intent: mask the request for the record", () => Mask(masks.Record, call, McpShapes.Request, output)),
            Micro.Run("5 reply of 1 kB: masks", () => Mask(masks.Caller, reply, McpShapes.Reply, output)),
        };
        var large = Samples.Reply(64 * 1024);
        results.Add(Micro.Run("5 reply of 64 kB: masks", () => Mask(masks.Caller, large, McpShapes.Reply, output)));

        results.Add(await RecordAsync("2+5+6 journal: intent, 1 kB reply, ending; strict", Durability.Strict, keys: null, policy.Decide(Samples.Alice, operation, now), call, reply));
        results.Add(await RecordAsync("2+5+6 journal: the same, sealed", Durability.Strict, new BenchKeys(), policy.Decide(Samples.Alice, operation, now), call, reply));
        results.Add(await RecordAsync("2+5+6 journal: the same; relaxed", Durability.Relaxed, keys: null, policy.Decide(Samples.Alice, operation, now), call, reply));
        results.Add(await RecordAsync("2+5+6 journal: the same, sealed; relaxed", Durability.Relaxed, new BenchKeys(), policy.Decide(Samples.Alice, operation, now), call, reply));
        Report.Write("steps", new { machine, results }, MicroTable.Of(machine, "step", results));
    }

    private static void Mask(Masker masker, byte[] content, FrameShape shape, ArrayBufferWriter<byte> output)
    {
        output.ResetWrittenCount();
        masker.Apply(content, shape, output);
    }

    private static async Task<MicroResult> RecordAsync(string name, Durability durability, IDataKeyStore? keys, Core.Policy.Decision decision, byte[] call, byte[] reply)
    {
        var folder = Directory.CreateTempSubdirectory("postern-bench-");
        try
        {
            await using var recorder = await Recorder.OpenAsync(new RecorderOptions { DataFolder = folder.FullName, Durability = durability, DataKeys = keys }, TimeProvider.System, CancellationToken.None);
            return await Micro.RunAsync(name, async () =>
            {
                var operation = Samples.Read(call);
                var masked = new Masked<ReadOnlyMemory<byte>>(call);
                var now = DateTimeOffset.UtcNow;
                var account = await recorder.BeginAsync(
                    new Intent(OperationId.New(now), "bench", now, Samples.Alice, Samples.Connection, operation.Parts, "bench", masked, call.Length, Digest.Of(call), null, decision, null), CancellationToken.None);
                await account.AppendAsync(FrameDirection.Reply, new Masked<ReadOnlyMemory<byte>>(reply), 0);
                await account.EndAsync(new Ending(Outcome.Done, null, null, null, now));
            });
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    // Keeping a key happens once in a session; the steps are those of every operation.
    private sealed class BenchKeys : IDataKeyStore
    {
        public int Generation => 0;

        public DataKeyFinding Find(UInt128 id) => default;

        public ValueTask SaveAsync(UInt128 id, string session, ReadOnlyMemory<byte> key) => default;
    }
}
