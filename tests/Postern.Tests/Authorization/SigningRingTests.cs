using System.Text.Json;
using Postern.Gateway.Authorization;
using Postern.Tests.Gateway;
using Postern.Tests.Identities;

namespace Postern.Tests.Authorization;

[Guarantee("G13")]
public sealed class SigningRingTests
{
    [Fact]
    public void A_key_is_published_before_it_signs_and_until_what_it_signed_is_over()
    {
        using var folder = new TemporaryFolder();
        var clock = new OffsetClock();
        using var ring = SigningRing.Open(folder.Path, clock);
        var first = SignerOf(ring);
        Assert.Equal([first], KeysOf(ring));

        clock.Advance(SigningRing.Term - SigningRing.Notice);
        Assert.Equal(first, SignerOf(ring));
        Assert.Equal(2, KeysOf(ring).Length);
        Assert.Equal(first, KeysOf(ring)[0]);

        clock.Advance(SigningRing.Notice);
        var second = SignerOf(ring);
        Assert.NotEqual(first, second);
        Assert.Equal([first, second], KeysOf(ring));

        clock.Advance(SigningRing.Notice);
        Assert.Equal([second], KeysOf(ring));
    }

    [Fact]
    public void A_restart_keeps_the_keys_and_only_their_owner_can_read_them()
    {
        using var folder = new TemporaryFolder();
        var clock = new OffsetClock();
        string[] before;
        using (var ring = SigningRing.Open(folder.Path, clock)) before = KeysOf(ring);

        using var again = SigningRing.Open(folder.Path, clock);

        Assert.Equal(before, KeysOf(again));
        if (!OperatingSystem.IsWindows()) Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Path.Combine(folder.Path, SigningRing.FileName)));
    }

    [Fact]
    public void A_file_that_is_not_ours_stops_the_start()
    {
        using var folder = new TemporaryFolder();
        folder.Write(SigningRing.FileName, "[]");

        Assert.Throws<Postern.Gateway.GatewayStartException>(() => SigningRing.Open(folder.Path, TimeProvider.System));
    }

    private static string SignerOf(SigningRing ring)
    {
        var signer = "";
        ring.Sign(id =>
        {
            signer = id;
            return "a.b";
        });
        return signer;
    }

    private static string[] KeysOf(SigningRing ring) => [.. JsonDocument.Parse(ring.KeySet()).RootElement.GetProperty("keys").EnumerateArray().Select(key => key.GetProperty("kid").GetString()!)];
}
