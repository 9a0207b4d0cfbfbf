using System.Text;
using System.Text.Json;
using Postern.Tests;

namespace Postern.Conformance.Kubernetes;

/// <summary>The rows of tests/specs/kubernetes/requests.txt, put to a real API server: its audit log says what it took each for.</summary>
public sealed class RequestInfoAuditTests(SharedApiServer shared)
{
    [Fact]
    [Row("K11")]
    [Row("K10")]
    [Guarantee("G6")]
    public async Task What_a_row_says_is_what_an_API_server_understood()
    {
        var cancellationToken = TestContext.Current.CancellationToken;
        var server = await shared.StartedAsync();
        var rows = Rows().ToDictionary(row => Guid.NewGuid().ToString(), StringComparer.Ordinal);
        Assert.True(rows.Count >= 300, $"{rows.Count} rows");

        // Eight at a time; a watch never answers, so nobody waits for answers: the audit log is written before the request is served.
        foreach (var batch in rows.Chunk(8))
        {
            var wires = await Task.WhenAll(batch.Select(async pair =>
            {
                var wire = await server.ConnectAsync(cancellationToken);
                await wire.WriteAsync(Encoding.ASCII.GetBytes(Head(pair.Value, pair.Key, server.Tokens["nobody"])), cancellationToken);
                return wire;
            }));
            await Task.WhenAll(wires.Select(wire => AnsweredAsync(wire, cancellationToken)));
            foreach (var wire in wires) await wire.DisposeAsync();
        }

        var seen = await LoggedAsync(server.AuditLog, rows.Keys, cancellationToken);
        var wrong = rows.Where(row => !seen.TryGetValue(row.Key, out var said) || said != row.Value.Expected)
            .Select(row => $"{row.Value.Method} {row.Value.Target}: the row says `{row.Value.Expected}`, the server `{seen.GetValueOrDefault(row.Key) ?? "nothing"}`").ToArray();
        Assert.True(wrong.Length == 0, string.Join('\n', wrong));
    }

    /// <summary>Every row that is sent. What no API serves as a resource has no object in the log, so those are compared by verb and path.</summary>
    private static IEnumerable<(string Method, string Target, string Expected)> Rows()
    {
        foreach (var line in File.ReadLines(Path.Combine(Peers.Checkout.Root, "tests", "specs", "kubernetes", "requests.txt")))
        {
            if (line.Length == 0 || line[0] == '#') continue;
            var arrow = line.IndexOf(" => ", StringComparison.Ordinal);
            var space = line.IndexOf(' ', StringComparison.Ordinal);
            var (method, target, expected) = (line[..space], line[(space + 1)..arrow], line[(arrow + 4)..]);
            if (expected != "refused") yield return (method, target, expected);
        }
    }

    private static string Head((string Method, string Target, string Expected) row, string id, string token) =>
        $"{row.Method} {row.Target} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\nAudit-ID: {id}\r\nAccept: application/json\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

    private static async Task AnsweredAsync(Stream wire, CancellationToken cancellationToken)
    {
        // A user without rights is answered 403 at once; only what everyone may read goes on.
        var buffer = new byte[16];
        Assert.True(await wire.ReadAsync(buffer, cancellationToken) > 0);
    }

    private static async Task<Dictionary<string, string>> LoggedAsync(string path, ICollection<string> ids, CancellationToken cancellationToken)
    {
        var seen = new Dictionary<string, string>(StringComparer.Ordinal);
        for (var attempt = 0; attempt < 100 && seen.Count < ids.Count; attempt++)
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            using var reader = new StreamReader(file);
            while (await reader.ReadLineAsync(cancellationToken) is { } line)
            {
                using var entry = JsonDocument.Parse(line);
                var root = entry.RootElement;
                var id = root.GetProperty("auditID").GetString()!;
                if (ids.Contains(id)) seen[id] = Said(root);
            }
            if (seen.Count < ids.Count) await Task.Delay(100, cancellationToken);
        }
        return seen;
    }

    private static string Said(JsonElement entry)
    {
        var verb = entry.GetProperty("verb").GetString();
        if (!entry.TryGetProperty("objectRef", out var reference))
        {
            // The log keeps the target as it came; what is no resource has its decoded path there.
            var target = entry.GetProperty("requestURI").GetString()!;
            return $"nonresource {verb} {Uri.UnescapeDataString(target.Split('?')[0])}";
        }
        var (group, subresource) = (Of("apiGroup"), Of("subresource"));
        return $"{verb} {(group == "" ? "" : group + "/")}{Of("apiVersion")} {Of("resource")}{(subresource == "" ? "" : "/" + subresource)} {Or(Of("namespace"))} {Or(Of("name"))}";

        string Of(string name) => reference.TryGetProperty(name, out var value) ? value.GetString()! : "";
        static string Or(string? text) => string.IsNullOrEmpty(text) ? "-" : text;
    }
}
