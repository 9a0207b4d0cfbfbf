using Postern.Core.Recording;
using Postern.Tests.Gateway.Telemetry;

namespace Postern.Tests.Gateway;

public sealed class RefusalRecordTests
{
    [Fact]
    [Row("U12")]
    public async Task Refused_credentials_and_malformed_requests_are_recorded_bounded_and_without_the_credential()
    {
        await using var gateway = await RunningGateway.StartAsync();
        for (var attempt = 0; attempt < 60; attempt++)
        {
            using var refused = await gateway.ApiAsync("/whoami", "canary-credential");
            Assert.Equal(System.Net.HttpStatusCode.Unauthorized, refused.StatusCode);
        }
        using (var http = new HttpClient())
        {
            using var request = new HttpRequestMessage(new HttpMethod("FROB"), gateway.Host.Url + "/");
            using var malformed = await http.SendAsync(request);
        }
        await gateway.Host.StopAsync();

        var noted = new JournalReader(Path.Combine(gateway.DataFolder, "journal")).Read(JournalPosition.Begin).Select(record => record.Payload).OfType<RecordedOccurrence>().ToArray();
        var credentials = noted.Where(one => one.Kind == "auth.refused").ToArray();
        Assert.InRange(credentials.Length, 1, 59);
        Assert.Contains(noted, one => one.Kind == "request.refused");
        Assert.Contains(noted, one => one.Kind == "policy.applied");
        Canaries.AssertNotAtRest(gateway.DataFolder, ["canary-credential"], "auth.refused");
    }
}
