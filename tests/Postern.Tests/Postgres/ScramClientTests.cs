using System.Text;
using Postern.Upstreams.Postgres;

namespace Postern.Tests.Postgres;

/// <summary>Against the exchange in RFC 7677 section 3, and servers that are not who they should be.</summary>
public sealed class ScramClientTests
{
    private const string Nonce = "rOprNGfwEbeRWgbNEkqO";
    private const string ServerFirst = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
    private const string ClientFinal = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
    private const string ServerFinal = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

    [Fact]
    public void The_exchange_of_the_RFC_comes_out()
    {
        var scram = Client();
        Assert.Equal($"n,,n=user,r={Nonce}", Encoding.ASCII.GetString(scram.First()));
        Assert.Equal(ClientFinal, Encoding.ASCII.GetString(scram.Final(Encoding.ASCII.GetBytes(ServerFirst))));
        scram.Verify(Encoding.ASCII.GetBytes(ServerFinal));
    }

    [Fact]
    public void A_bound_channel_stands_in_the_header_and_in_the_proof()
    {
        var scram = new ScramClient("pencil", [1, 2, 3], couldBind: true, Nonce);
        Assert.StartsWith("p=tls-server-end-point,,", Encoding.ASCII.GetString(scram.First()), StringComparison.Ordinal);
        var channel = Convert.ToBase64String([.. "p=tls-server-end-point,,"u8, 1, 2, 3]);
        Assert.StartsWith($"c={channel},r=", Encoding.ASCII.GetString(scram.Final(Encoding.ASCII.GetBytes(ServerFirst))), StringComparison.Ordinal);
    }

    [Fact]
    public void A_server_whose_offer_to_bind_was_taken_away_can_find_out() =>
        Assert.StartsWith("y,,", Encoding.ASCII.GetString(new ScramClient("pencil", null, couldBind: true).First()), StringComparison.Ordinal);

    [Fact]
    public void Two_exchanges_have_two_nonces() =>
        Assert.NotEqual(new ScramClient("pencil", null, false).First(), new ScramClient("pencil", null, false).First());

    [Theory]
    [InlineData("r=another,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096")]
    [InlineData("r=rOprNGfwEbeRWgbNEkqO,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096")]
    [InlineData("r=rOprNGfwEbeRWgbNEkqOx,s=,i=4096")]
    [InlineData("r=rOprNGfwEbeRWgbNEkqOx,s=not base 64!,i=4096")]
    [InlineData("r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4095")]
    [InlineData("r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=1")]
    [InlineData("r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=2000000000")]
    [InlineData("r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=-1")]
    [InlineData("m=ext,r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096")]
    [InlineData("e=other-error")]
    [InlineData("")]
    public void A_challenge_that_is_played_again_weak_or_malformed_is_not_answered(string challenge) =>
        Assert.Throws<FormatException>(() => Client().Final(Encoding.ASCII.GetBytes(challenge)));

    [Theory]
    [InlineData("v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")]
    [InlineData("v=AAAA")]
    [InlineData("v=")]
    [InlineData("e=invalid-proof")]
    public void A_server_that_does_not_know_the_password_is_found_out(string last)
    {
        var scram = Client();
        scram.Final(Encoding.ASCII.GetBytes(ServerFirst));
        Assert.Throws<FormatException>(() => scram.Verify(Encoding.ASCII.GetBytes(last)));
    }

    [Fact]
    public void A_server_that_skips_the_challenge_is_found_out() =>
        Assert.Throws<FormatException>(() => Client().Verify(Encoding.ASCII.GetBytes(ServerFinal)));

    private static ScramClient Client() => new("pencil", null, couldBind: false, Nonce) { User = "user" };
}
