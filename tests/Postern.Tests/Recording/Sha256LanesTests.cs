using System.Security.Cryptography;
using System.Text;
using Postern.Core.Operations;
using Postern.Core.Recording;

namespace Postern.Tests.Recording;

/// <summary>Many messages at once have the digests that each has alone.</summary>
public sealed class Sha256LanesTests
{
    [Fact]
    public void The_examples_of_the_standard_have_their_digests()
    {
        // NIST FIPS 180-4 examples, in every lane and in more than there are lanes.
        (string Message, string Sha256)[] known =
        [
            ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            ("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"),
            ("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu", "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"),
        ];
        var messages = Enumerable.Range(0, 70).Select(at => known[at % known.Length]).ToArray();

        var digests = Hash([.. messages.Select(each => Encoding.ASCII.GetBytes(each.Message))]);

        Assert.Equal(messages.Select(each => each.Sha256), digests.Select(Convert.ToHexStringLower));
    }

    [Fact]
    public void Every_length_around_the_ends_of_blocks_has_its_digest()
    {
        var messages = Enumerable.Range(0, 400).Select(length => Bytes(length, length)).ToArray();

        Assert.Equal(messages.Select(SHA256.HashData), Hash(messages));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(15)]
    [InlineData(16)]
    [InlineData(17)]
    [InlineData(64)]
    public void Few_and_many_of_very_different_lengths_have_theirs(int count)
    {
        for (var seed = 1; seed <= 20; seed++)
        {
            var lengths = new Random(seed);
            var messages = Enumerable.Range(0, count).Select(at => Bytes(lengths.Next(lengths.Next(2) == 0 ? 100 : 5_000), at)).ToArray();

            Assert.Equal(messages.Select(SHA256.HashData), Hash(messages));
        }
    }

    [Fact]
    public void Messages_are_left_as_they_were()
    {
        var messages = Enumerable.Range(0, 40).Select(length => Bytes(10 * length, length)).ToArray();
        var (memory, places) = Layout(messages);

        Sha256Lanes.Hash(memory, [.. places]);

        Assert.All(places.Zip(messages), pair => Assert.Equal(pair.Second, memory.AsSpan(pair.First.From, pair.First.Length).ToArray()));
    }

    private static byte[][] Hash(byte[][] messages)
    {
        var (memory, places) = Layout(messages);
        Sha256Lanes.Hash(memory, [.. places]);
        return [.. places.Select(place => memory.AsSpan(place.To, Digest.Size).ToArray())];
    }

    private static (byte[] Memory, LaneMessage[] Places) Layout(byte[][] messages)
    {
        var places = new LaneMessage[messages.Length];
        var at = messages.Length * Digest.Size;
        for (var i = 0; i < messages.Length; i++)
        {
            places[i] = new LaneMessage(at, messages[i].Length, i * Digest.Size);
            at += Sha256Lanes.PaddedLength(messages[i].Length);
        }
        var memory = new byte[at];
        Array.Fill(memory, (byte)0xEE);
        for (var i = 0; i < messages.Length; i++)
        {
            messages[i].CopyTo(memory, places[i].From);
            Sha256Lanes.Pad(memory.AsSpan(places[i].From, Sha256Lanes.PaddedLength(messages[i].Length)), messages[i].Length);
        }
        return (memory, places);
    }

    private static byte[] Bytes(int length, int seed)
    {
        var bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }
}
