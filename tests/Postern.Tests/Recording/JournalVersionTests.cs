using System.Security.Cryptography;
using System.Text;
using Postern.Core.Operations;
using Postern.Core.Recording;

namespace Postern.Tests.Recording;

/// <summary>Journals of the versions before, as gateways of then wrote them: read, verified, and gone on with.</summary>
public sealed class JournalVersionTests
{
    private const string Name = "journal-000001.pjl";

    // The key of these files, made for them.
    private const string Key = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg9OhCGjDQhidnAy44R+Sl72sAKJXI8DV2gPFVXVCkWEmhRANCAAS2nzSpVqSEsj8SJV53nzelcxsR1O9F2wyrtTPfrL3yGREuStMc/ss4zZJiZAckSC402vRYr1zag2VtoBX0Tf2n";

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void It_is_verified(int version)
    {
        using var keys = JournalKeyring.Read(Signer().PublicKeyPem);

        var verdict = JournalVerifier.VerifyJournal(Storage(version), keys, [], CancellationToken.None);

        Assert.Null(verdict.Bad);
        Assert.Empty(verdict.OpenIntents);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void It_is_read(int version)
    {
        var read = Given.Read(Storage(version), new KeyOfThen(version)).ToList();

        Assert.Equal(["refund", "refund", "refund"], read.Select(record => record.Payload).OfType<RecordedIntent>().Select(intent => intent.Parts[0].Facts[0].Values[0]));
        Assert.Contains(read, record => Encoding.UTF8.GetString(record.Content.Span) == """{"ok":true}""");
        Assert.All(read, record => Assert.Null(record.Closed));
        foreach (var intent in read.Select(record => record.Payload).OfType<RecordedIntent>())
        {
            Assert.True(OperationId.TryParse(intent.Op, out var operation));
            Assert.True(RecordedOperation.Assemble(operation, read)!.MatchesDigests);
        }
    }

    [Theory, Guarantee("G4")]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public async Task It_is_gone_on_with_in_a_segment_of_its_own_and_the_chain_holds(int version)
    {
        var storage = Storage(version);
        var keys = new MemoryDataKeys();
        await using (var recorder = await Recorder.OpenAsync(storage, Signer(), Given.Options() with { DataKeys = keys }, TimeProvider.System, CancellationToken.None))
        {
            await Given.OperationAsync(recorder);
        }

        using var ring = JournalKeyring.Read(Signer().PublicKeyPem);
        Assert.Null(JournalVerifier.VerifyJournal(storage, ring, [], CancellationToken.None).Bad);
        Assert.Equal(File.ReadAllBytes(Path.Combine(Specs.Folder("journals"), $"version-{version}.pjl")), storage.Bytes(Name));
        Assert.Equal(2, storage.List().Count);
        Assert.Single(Given.Read(storage, keys, segment: 2).Select(record => record.Payload).OfType<RecordedIntent>());
    }

    [Fact]
    public void Nothing_in_it_passes_for_sealed()
    {
        var storage = Storage();
        var bytes = storage.Bytes(Name);
        var (offset, _, head) = Given.Records(storage).First(record => record.Head.Type == RecordType.Intent);
        using var header = new SegmentScanner(storage.Open(Name));
        header.ReadHeader(out var first);
        SegmentScanner.TrySeed(first!.Journal, out var seed);
        JournalFormat.WriteHead(bytes.AsSpan((int)offset), head with { IsSealed = true, ContentLength = 64 }, seed);
        storage.Put(Name, bytes);

        using var keys = JournalKeyring.Read(Signer().PublicKeyPem);
        var bad = JournalVerifier.VerifyJournal(storage, keys, [], CancellationToken.None).Bad;

        Assert.Equal(offset, bad!.Offset);
        Assert.Contains("the record's head is not one that any writer makes", bad.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public void Nothing_in_it_passes_for_digested_in_pieces()
    {
        var storage = Storage(4);
        var bytes = storage.Bytes(Name);
        var (offset, _, head) = Given.Records(storage).First(record => record.Head is { Type: RecordType.Frame, ContentLength: > ContentDigest.MostWhole });
        using var header = new SegmentScanner(storage.Open(Name));
        header.ReadHeader(out var first);
        SegmentScanner.TrySeed(first!.Journal, out var seed);
        JournalFormat.WriteHead(bytes.AsSpan((int)offset), head with { IsInPieces = true }, seed);
        storage.Put(Name, bytes);

        using var keys = JournalKeyring.Read(Signer().PublicKeyPem);
        var bad = JournalVerifier.VerifyJournal(storage, keys, [], CancellationToken.None).Bad;

        Assert.Equal(offset, bad!.Offset);
        Assert.Contains("the record's head is not one that any writer makes", bad.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public void Which_version_it_is_cannot_be_changed()
    {
        var storage = Storage(3);
        var bytes = storage.Bytes(Name);
        bytes[JournalFormat.Magic.Length] = 4;
        storage.Put(Name, bytes);

        using var keys = JournalKeyring.Read(Signer().PublicKeyPem);
        Assert.Contains("codec `json+sealed`", JournalVerifier.VerifyJournal(storage, keys, [], CancellationToken.None).Bad!.Problem, StringComparison.Ordinal);
    }

    private static MemoryStorage Storage(int version = 2)
    {
        var storage = new MemoryStorage();
        storage.Put(Name, File.ReadAllBytes(Path.Combine(Specs.Folder("journals"), $"version-{version}.pjl")));
        return storage;
    }

    private static JournalSigner Signer()
    {
        using var key = ECDsa.Create();
        key.ImportPkcs8PrivateKey(Convert.FromBase64String(Key), out _);
        return JournalSigner.FromPem(key.ExportPkcs8PrivateKeyPem(), "the key of then");
    }

    /// <summary>The data key of a file since the third version: its id and itself, in hex.</summary>
    private sealed class KeyOfThen(int version) : IDataKeys
    {
        private readonly string[] _words = File.ReadAllText(Path.Combine(Specs.Folder("journals"), $"version-{Math.Max(version, 3)}.key")).Split((char[])[' ', '\n']);

        public int Generation => 0;

        public DataKeyFinding Find(UInt128 id) =>
            id == UInt128.Parse(_words[0], System.Globalization.NumberStyles.HexNumber, null) ? new DataKeyFinding(Convert.FromHexString(_words[1]), null) : default;
    }
}
