using System.Buffers.Binary;
using System.Security.Cryptography;
using Postern.Core.Operations;
using Postern.Core.Recording;

namespace Postern.Tests.Recording;

/// <summary>Links are what docs/journal-format.md says, computed here in the plainest way.</summary>
public sealed class JournalChainTests
{
    [Theory]
    [InlineData(1, false)]
    [InlineData(2, false)]
    [InlineData(63, false)]
    [InlineData(64, false)]
    [InlineData(65, false)]
    [InlineData(500, false)]
    [InlineData(500, true)]
    public void A_link_is_over_the_link_before_and_the_leaf_of_each_record(int count, bool isProof)
    {
        var sizes = new Random(count);
        var previous = Digest.Of("before"u8);
        using var chain = new JournalChain { IsProof = isProof };
        chain.Begin(previous);
        var hashed = Bytes(previous);

        for (var i = 0; i < count; i++)
        {
            var head = new byte[sizes.Next(40, 900)];
            sizes.NextBytes(head);
            // Now and then longer than all that is kept back, or nothing.
            var content = new byte[sizes.Next(12) switch { 0 => 0, 1 => sizes.Next(4_000, 6_000), 2 => 70_000, _ => sizes.Next(1, 1_500) }];
            sizes.NextBytes(content);
            if (content.Length == 0) chain.Add(head, content: null);
            else if (i % 2 == 0) chain.AddUnhashed(head, content);
            else chain.Add(head, Digest.Of(content));
            hashed = [.. hashed, .. SHA256.HashData(content.Length == 0 ? head : [.. head, .. SHA256.HashData(content)])];
        }

        Assert.Equal(new Digest(SHA256.HashData(hashed)), chain.Link());
    }

    [Fact]
    public void A_head_longer_than_what_is_kept_back_has_its_leaf_in_its_place()
    {
        using var chain = new JournalChain();
        byte[][] heads = [new byte[50], new byte[200_000], new byte[70], new byte[100_000]];
        foreach (var head in heads) chain.Add(head, content: null);

        Assert.Equal(new Digest(SHA256.HashData([.. new byte[32], .. heads.SelectMany(SHA256.HashData)])), chain.Link());
    }

    [Fact]
    public void A_link_without_records_is_the_one_before_and_the_next_begins_with_it()
    {
        using var chain = new JournalChain();
        chain.Add("one"u8, content: null);
        var first = chain.Link();

        Assert.Equal(first, chain.Link());
        chain.Add("two"u8, content: null);
        Assert.Equal(new Digest(SHA256.HashData([.. Bytes(first), .. SHA256.HashData("two"u8)])), chain.Link());
    }

    [Fact]
    public void Before_the_fourth_version_one_hash_runs_over_the_records_themselves()
    {
        using var chain = new JournalChain();
        chain.Use(3);
        chain.AddUnhashed("one"u8, "content"u8);
        chain.Add("two"u8, content: null);

        Assert.Equal(new Digest(SHA256.HashData([.. new byte[32], .. "one"u8, .. SHA256.HashData("content"u8), .. "two"u8])), chain.Link());
    }

    [Fact, Guarantee("G4")]
    public async Task A_gateways_journal_has_the_links_that_its_page_describes()
    {
        var storage = new MemoryStorage();
        await using (var recorder = await Recorder.OpenAsync(storage, Given.Signer, Given.Options() with { DataKeys = new MemoryDataKeys() }, TimeProvider.System, CancellationToken.None))
        {
            for (var i = 0; i < 40; i++) await Given.OperationAsync(recorder, reply: new string('r', i * i * 30));
        }

        var bytes = storage.Bytes("journal-000001.pjl");
        var (at, from, checkpoints) = (0, 16, 0);
        byte[] hashed = new byte[32];
        while (from < bytes.Length)
        {
            var length = BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(from + 4));
            var content = BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(from + 8));
            var end = from + 32 + length;
            if (BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(from + 12)) == (int)RecordType.Checkpoint)
            {
                Assert.True(PayloadReader.TryRead(RecordType.Checkpoint, bytes.AsSpan(from + 32, length), out var payload, out _));
                hashed = SHA256.HashData(hashed);
                Assert.Equal(Convert.ToHexStringLower(hashed), ((RecordedCheckpoint)payload).Chain);
                checkpoints++;
            }
            var headAndJson = bytes[at..(end - content)];
            hashed = [.. hashed, .. SHA256.HashData(content == 0 ? headAndJson : [.. headAndJson, .. Bytes(ContentDigestTests.Plainly(bytes[(end - content)..end]))])];
            at = from = end;
        }
        Assert.True(checkpoints >= 2);
    }

    private static byte[] Bytes(Digest digest)
    {
        var bytes = new byte[Digest.Size];
        digest.CopyTo(bytes);
        return bytes;
    }
}
