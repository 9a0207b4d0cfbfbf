using System.Globalization;
using System.Text;
using System.Text.Json;
using Postern.Conformance.Peers;
using Postern.Tests;

namespace Postern.Conformance.Authorization;

/// <summary>The official suite's scenarios for authorization servers, against the gateway's own.</summary>
[Guarantee("G13")]
[Collection("authorization")]
public sealed class SuiteAuthorizationTests
{
    [Theory]
    [InlineData("2025-11-25")]
    [InlineData("2026-07-28")]
    public async Task Every_scenario_of_the_official_suite_holds(string revision)
    {
        var cancellation = TestContext.Current.CancellationToken;
        await using var bed = await AuthorizationBed.WithDemoIssuerAsync(AuthorizationBed.Own() with { DocumentHosts = ["agents.example.com"] }, cancellation);
        var folder = Directory.CreateTempSubdirectory("postern-suite-");
        try
        {
            await using var suite = Child.Start(
                Checkout.NodeExecutable,
                [
                    Checkout.Package("@modelcontextprotocol", "conformance", "dist", "index.js"), "authorization", "--url", bed.Url, "--client-id", AuthorizationBed.Client, "--resource", bed.Shop,
                    "--port", FreePort.Take().ToString(CultureInfo.InvariantCulture), "--spec-version", revision, "-o", folder.FullName,
                ]);

            // It prints the link that a person is to open, and waits for what the browser brings back.
            var printed = new StringBuilder();
            while (await suite.ReadLineAsync(cancellation) is { } line)
            {
                printed.AppendLine(line);
                if (!line.StartsWith($"{bed.Url}/oauth/authorize?", StringComparison.Ordinal)) continue;
                var answer = await bed.VisitAsync(line.Trim(), cancellation);
                using var http = new HttpClient();
                using var taken = await http.GetAsync(answer, cancellation);
                Assert.True(taken.IsSuccessStatusCode);
                break;
            }
            printed.Append(await suite.ReadToEndAsync(cancellation));

            var checks = folder.EnumerateFiles("checks.json", SearchOption.AllDirectories).SelectMany(file =>
            {
                using var document = JsonDocument.Parse(File.ReadAllBytes(file.FullName));
                return document.RootElement.EnumerateArray().Select(check => $"{check.GetProperty("id").GetString()}: {check.GetProperty("status").GetString()} {(check.TryGetProperty("errorMessage", out var why) ? why.GetString() : "")}".TrimEnd()).ToArray();
            }).Order(StringComparer.Ordinal).ToArray();
            Assert.True(checks.SequenceEqual(["authorization-code-grant: SUCCESS", "authorization-server-metadata-cimd: SUCCESS", "authorization-server-metadata: SUCCESS"]), $"{string.Join('\n', checks)}\n{printed}");
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
