using System.Security.Cryptography;
using Postern.Core.Operations;
using Postern.Core.Recording;

namespace Postern.Tests.Recording;

/// <summary>Digests of content are what docs/journal-format.md says, computed here in the plainest way.</summary>
public sealed class ContentDigestTests
{
    public static TheoryData<int> Lengths =>
    [
        0, 1, 2_047, 2_048, 16_383, 16_384, 16_385, 16_384 + 55, 18_432, 18_433, 32_767, 32_768, 32_769, 34_816, 65_536, 65_537, 100_001, (1024 * 1024) - 1, 1024 * 1024, (1024 * 1024) + 2_049,
    ];

    [Theory]
    [MemberData(nameof(Lengths))]
    public void Long_content_is_digested_in_pieces_and_short_content_as_it_is(int length)
    {
        var content = new byte[length];
        new Random(length).NextBytes(content);

        var expected = Plainly(content);

        Assert.Equal(expected, ContentDigest.Of(content));
        Assert.Equal(expected, ContentDigest.ByLibrary(content));
    }

    [Fact]
    public void Every_byte_and_the_place_of_every_piece_counts()
    {
        var content = new byte[70_000];
        new Random(1).NextBytes(content);
        var digest = ContentDigest.Of(content);
        for (var at = 0; at < content.Length; at += 1_021)
        {
            content[at] ^= 1;
            Assert.NotEqual(digest, ContentDigest.Of(content));
            content[at] ^= 1;
        }
        byte[] moved = [.. content.AsSpan(2_048, 2_048), .. content.AsSpan(0, 2_048), .. content.AsSpan(4_096)];

        Assert.NotEqual(digest, ContentDigest.Of(moved));
        Assert.NotEqual(digest, ContentDigest.Of(content.AsSpan(0, content.Length - 1)));
    }

    /// <summary>By the page alone.</summary>
    internal static Digest Plainly(byte[] content) =>
        new(SHA256.HashData(content.Length <= 16_384 ? content : [.. content.Chunk(2_048).SelectMany(SHA256.HashData)]));
}
