using System.Text;
using Postern.Protocols.Kubernetes.Wire;

namespace Postern.Tests.Kubernetes;

/// <summary>Where text that arrives in pieces may be cut.</summary>
public sealed class LineCarryTests
{
    [Theory]
    [Row("K15")]
    [InlineData("", "", "")]
    [InlineData("no end", "", "no end")]
    [InlineData("a\nb", "a\n", "a\nb")]
    [InlineData("a\n-----BEGIN PRIVATE KEY-----\nMII\n", "a\n", "a\n")]
    [InlineData("a\nkey: -----BEGIN RSA PRIVATE KEY-----\nMII\n", "a\n", "a\nkey: ")]
    [InlineData("-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIV", "", "")]
    [InlineData("-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY-----\nb", "-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY-----\n", "-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY-----\nb")]
    [InlineData("-----BEGIN CERTIFICATE-----\nMII\n", "-----BEGIN CERTIFICATE-----\nMII\n", "-----BEGIN CERTIFICATE-----\nMII\n")]
    [InlineData("-----BEGIN of a report\nwords\n", "-----BEGIN of a report\nwords\n", "-----BEGIN of a report\nwords\n")]
    [InlineData("-----BEGIN PRIVATE KEY-----\nMII\n-----BEGIN of another\nb\n", "", "")]
    [InlineData("x -----BEGIN PRIV", "", "x ")]
    public void Lines_go_on_whole_and_so_do_private_keys(string text, string ready, string quiet)
    {
        using var whole = new LineCarry();
        Assert.True(whole.TryAdd(Encoding.UTF8.GetBytes(text)));
        Assert.Equal(ready, Encoding.UTF8.GetString(whole.Peek(whole.Ready()).Span));
        Assert.Equal(quiet, Encoding.UTF8.GetString(whole.Peek(whole.ReadyWhenQuiet()).Span));

        // Byte by byte nothing else comes out.
        using var bytes = new LineCarry();
        var said = new StringBuilder();
        foreach (var letter in Encoding.UTF8.GetBytes(text))
        {
            Assert.True(bytes.TryAdd([letter]));
            var length = bytes.Ready();
            said.Append(Encoding.UTF8.GetString(bytes.Peek(length).Span));
            bytes.Drop(length);
        }
        Assert.StartsWith(said.ToString(), text, StringComparison.Ordinal);
        Assert.Equal(ready, said.ToString());
    }

    [Fact]
    public void What_is_longer_than_can_be_read_is_not_taken()
    {
        using var carry = new LineCarry();

        Assert.True(carry.TryAdd(new byte[LineCarry.MaxPiece]));
        Assert.False(carry.TryAdd([1]));
    }
}
