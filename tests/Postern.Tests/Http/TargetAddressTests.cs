using System.Net;
using Postern.Upstreams.Http1;

namespace Postern.Tests.Http;

/// <summary>Where the name of a target may lead.</summary>
public sealed class TargetAddressTests
{
    [Theory]
    [InlineData("10.1.2.3", true)]
    [InlineData("192.168.1.1", true)]
    [InlineData("8.8.8.8", true)]
    [InlineData("2001:db8::1", true)]
    [InlineData("fd12::1", true)]
    [InlineData("127.0.0.1", false)]
    [InlineData("127.9.9.9", false)]
    [InlineData("::1", false)]
    [InlineData("::ffff:127.0.0.1", false)]
    [InlineData("0.0.0.0", false)]
    [InlineData("::", false)]
    [InlineData("169.254.169.254", false)]
    [InlineData("::ffff:169.254.169.254", false)]
    [InlineData("64:ff9b::a9fe:a9fe", false)]
    [InlineData("2002:a9fe:a9fe::1", false)]
    [InlineData("fe80::1", false)]
    [InlineData("fd00:ec2::254", false)]
    [InlineData("100.100.100.200", false)]
    [InlineData("224.0.0.1", false)]
    [InlineData("255.255.255.255", false)]
    [InlineData("ff02::1", false)]
    public void A_name_may_lead_to_other_machines_alone(string address, bool may) => Assert.Equal(may, TargetAddresses.MayBeNamed(IPAddress.Parse(address)));

    [Fact]
    public async Task An_address_that_the_administrator_wrote_is_his_word() => Assert.Equal([IPAddress.Loopback], await TargetAddresses.OfAsync(new Uri("http://127.0.0.1:1/"), TestContext.Current.CancellationToken));
}
