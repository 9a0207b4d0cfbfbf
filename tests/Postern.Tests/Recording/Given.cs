using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using Postern.Core.Masking;
using Postern.Core.Operations;
using Postern.Core.Pipeline;
using Postern.Core.Policy;
using Postern.Core.Recording;

namespace Postern.Tests.Recording;

/// <summary>What recording tests start from.</summary>
internal static class Given
{
    public static readonly DateTimeOffset Noon = new(2026, 3, 4, 12, 0, 0, TimeSpan.Zero);

    public static readonly MemorySigner Signer = new();

    public static readonly PolicyVersion Version = new(14, Digest.Of("policy"u8));

    public static ValueTask<Recorder> Recorder(MemoryStorage storage, RecorderOptions? options = null, TimeProvider? clock = null) =>
        Postern.Core.Recording.Recorder.OpenAsync(storage, Signer, options ?? Options(), clock ?? TimeProvider.System, CancellationToken.None);

    public static RecorderOptions Options() => new() { DataFolder = "nowhere", RoomBytes = 1024 };

    public static Intent Intent(string request = """{"order":9}""", Decision? decision = null, string subject = "alice", string name = "refund", DateTimeOffset? at = null) => new(
        OperationId.New(at ?? Noon),
        "01SESSION0000000000000000A",
        at ?? Noon,
        new Identity { Issuer = "corp", Subject = subject, Kind = IdentityKind.Person, Agent = "desk-agent", Groups = ["support", "on-call"], DisplayName = "Alice" },
        new Connection("shop", "toy", "http://127.0.0.1:9/shop", ["prod"]),
        [new Part { Action = "toy.call", Facts = [Fact.Of("name", name), Fact.All("tables")] }],
        "desk 1.0",
        Masked(request),
        request.Length,
        Digest.Of(Encoding.UTF8.GetBytes(request)),
        Digest.Of("definition"u8),
        decision ?? Allow(),
        null);

    public static Decision Allow() => new Decision.Allow(Version, [new RuleMatch("small-refunds", RuleEffect.Allow)], "rule `small-refunds` allows it");

    public static Decision Deny(string code = RefusalCode.NotPermitted) => new Decision.Deny(Version, [], "no rule", code);

    public static Masked<ReadOnlyMemory<byte>> Masked(string text) => new(Encoding.UTF8.GetBytes(text));

    public static Masked<ReadOnlyMemory<byte>> Masked(byte[] bytes) => new(bytes);

    public static Ending Done() => new(Outcome.Done, null, null, null, Noon.AddSeconds(1));

    public static JournalVerdict Verify(IJournalStorage storage, MemorySigner? signer = null)
    {
        using var key = JournalKeyring.Read((signer ?? Signer).PublicKeyPem);
        return JournalVerifier.VerifyJournal(storage, key, [], CancellationToken.None);
    }

    /// <summary>The records of a segment as they stand, the prefix with the first.</summary>
    public static List<(long Offset, long Next, RecordHead Head)> Records(MemoryStorage storage, string name = "journal-000001.pjl")
    {
        var records = new List<(long, long, RecordHead)>();
        using var scanner = new SegmentScanner(storage.Open(name));
        Assert.Equal(ScanStep.Record, scanner.ReadHeader(out _));
        do records.Add((scanner.Offset, scanner.Next, scanner.Head));
        while (scanner.Read() == ScanStep.Record);
        return records;
    }

    /// <summary>What a reader makes of a segment.</summary>
    public static IEnumerable<JournalRecord> Read(MemoryStorage storage, IDataKeys? keys, PayloadMemo? memo = null, int segment = 1)
    {
        using var scanner = new SegmentScanner(storage.Open(JournalFormat.SegmentName(segment)));
        using var opener = new RecordOpener(keys);
        Assert.Equal(ScanStep.Record, scanner.ReadHeader(out _));
        while (scanner.Read() == ScanStep.Record)
        {
            Assert.True(opener.TryRead(scanner, memo, withSaid: true, withContent: true, out var payload, out var content, out var closed, out var problem), problem);
            yield return new JournalRecord(default, default, scanner.Head.Sequence, scanner.Head.Type, payload, content, closed, scanner.Head.IsInPieces);
        }
    }

    /// <summary>A closed journal of a few operations, in one segment.</summary>
    public static async Task<MemoryStorage> ClosedJournalAsync(int operations = 2, MemorySigner? signer = null)
    {
        var storage = new MemoryStorage();
        await using var recorder = await Postern.Core.Recording.Recorder.OpenAsync(storage, signer ?? Signer, Options(), TimeProvider.System, CancellationToken.None);
        for (var i = 0; i < operations; i++) await OperationAsync(recorder);
        return storage;
    }

    public static async Task OperationAsync(Recorder recorder, string request = """{"order":9}""", string reply = """{"ok":true}""")
    {
        var account = await recorder.BeginAsync(Intent(request), CancellationToken.None);
        await account.AppendAsync(FrameDirection.Reply, Masked(reply), 0);
        await account.EndAsync(Done());
    }
}

/// <summary>A key that lives as long as the test run.</summary>
internal sealed class MemorySigner : IJournalSigner
{
    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    public string KeyId => Digest.Of(_key.ExportSubjectPublicKeyInfo()).ToString();

    public string PublicKeyPem => _key.ExportSubjectPublicKeyInfoPem();

    public byte[] Sign(ReadOnlySpan<byte> content) => _key.SignData(content, HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation);
}
