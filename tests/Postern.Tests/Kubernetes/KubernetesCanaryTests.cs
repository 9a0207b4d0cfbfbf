using System.Text;
using Postern.Core.Recording;
using Postern.Gateway.Recordings.Keys;
using Postern.Tests.Cli;
using Postern.Tests.Gateway.Telemetry;
using Postern.Tests.Http;

namespace Postern.Tests.Kubernetes;

/// <summary>Values of Secrets and credentials, in every request and answer that can bring one: in nothing that is kept, and in no form in which it leaves.</summary>
public sealed class KubernetesCanaryTests
{
    private const string Value = "canarysecretvalue52d8";
    private const string Made = "eyJhbGciOiJub25lIn0.canarymadetoken52d8.x";
    private const string Bad = "canarybadtoken52d8";
    private const string Card = "4242 4242 4242 4242";
    private const string Named = "named52d8";

    [Fact]
    [Row("U12")]
    [Row("M17")]
    [Row("K08")]
    [Row("K17")]
    [Guarantee("G12")]
    public async Task What_a_Secret_holds_and_what_opens_a_cluster_stand_in_nothing_that_is_kept()
    {
        await using var bed = await KubernetesBed.StartAsync();
        var (token, encoded) = (bed.TokenOf("alice"), Convert.ToBase64String(Encoding.UTF8.GetBytes(Value)));
        var secret = $$$"""{"kind":"Secret","apiVersion":"v1","metadata":{"name":"{{{Named}}}"},"data":{"a":"{{{encoded}}}"},"stringData":{"b":"{{{Value}}}"}}""";
        const string Secrets = "/api/v1/namespaces/a/secrets";
        var told = new StringBuilder();
        async Task AskAsync(string method, string path, string answer, string? body = null, string type = "application/json", string? bearer = null)
        {
            bed.Target.Answer = _ => RawTarget.Reply("application/json", answer);
            told.Append((await bed.SendAsync(method, path, body, type, token: bearer ?? token)).Everything);
        }

        await AskAsync("POST", Secrets, secret, secret);
        await AskAsync("PATCH", $"{Secrets}/s", secret, $$$"""{"data":{"a":"{{{encoded}}}"}}""", "application/merge-patch+json");
        await AskAsync("PATCH", $"{Secrets}/s", secret, $$$"""[{"op":"add","path":"/stringData/a","value":"{{{Value}}}"}]""", "application/json-patch+json");
        await AskAsync("GET", $"{Secrets}/s", secret);
        await AskAsync("GET", Secrets, $$$"""{"kind":"SecretList","apiVersion":"v1","metadata":{},"items":[{{{secret}}}]}""");
        await AskAsync("GET", Secrets + "?watch=true", $$$"""{"type":"ADDED","object":{{{secret}}}}""" + "\n");
        await AskAsync("GET", "/api/v1/namespaces/a/pods/p", $$$"""{"kind":"Pod","apiVersion":"v1","metadata":{"name":"p"},"spec":{"note":"{{{Card}}}"}}""");
        await AskAsync("POST", "/api/v1/namespaces/a/serviceaccounts/robot/token", $$$"""{"kind":"TokenRequest","apiVersion":"authentication.k8s.io/v1","metadata":{},"spec":{},"status":{"token":"{{{Made}}}","expirationTimestamp":"2030-01-01T00:00:00Z"}}""", """{"kind":"TokenRequest","apiVersion":"authentication.k8s.io/v1","spec":{"audiences":["x"]}}""");
        await AskAsync("GET", Secrets, "{", bearer: Bad);
        Assert.Contains(bed.Target.Requests, request => request.BodyText.Contains(Value, StringComparison.Ordinal));

        string[] never = [Value, encoded, Made, "canarymadetoken52d8", Bad, Card, token, token.Split('.')[2], KubernetesBed.Credential, "cluster-credential-3f9a"];
        Assert.Contains("[masked:cards]", told.ToString(), StringComparison.Ordinal);
        Canaries.AssertNotIn("what the caller was told", told.ToString(), never);
        await bed.Host.StopAsync();
        Canaries.AssertNotAtRest(bed.Data, never, Named);
        using var keys = RecordedKeys.Open(bed.Data);
        var sessions = new JournalReader(Path.Combine(bed.Data, "journal"), keys).Read(JournalPosition.Begin).Select(record => record.Payload).OfType<RecordedIntent>().Select(intent => intent.Session).OfType<string>().Distinct().ToArray();
        Assert.NotEmpty(sessions);
        foreach (var session in sessions)
        {
            foreach (var form in (string[])["ndjson", "csv", "html"])
            {
                var taken = await CommandLine.RunAsync("sessions", "export", session, "--journal", bed.Data, "--as", form);
                Assert.True(taken.ExitCode == 0, taken.Error);
                Canaries.AssertNotIn($"the {form}", taken.Out + taken.Error, never);
            }
        }
    }
}
