using System.Globalization;
using Postern.Benchmarks.Measuring;

namespace Postern.Benchmarks.Echo;

/// <summary>Postern in front of one target, with and without masks, with and without the durable wait.</summary>
internal static class MaskedPostern
{
    /// <summary>Every such peer.</summary>
    public static readonly (string Name, bool IsStrict, bool IsMasked)[] All =
    [
        ("Postern, durable wait off", false, false), ("Postern with masks, durable wait off", false, true), ("Postern", true, false), ("Postern with masks", true, true),
    ];

    /// <summary>
    /// Those of these names, and what <see cref="EchoRun.Others"/> names besides (with the durable wait off, and with masks where its name says so): other builds, in the same rounds.
    /// </summary>
    public static IEnumerable<(string Name, string Library, bool IsStrict, bool IsMasked)> Wanted(string[]? names)
    {
        foreach (var (name, isStrict, isMasked) in All)
        {
            if (names is null || names.Contains(name, StringComparer.OrdinalIgnoreCase)) yield return (name, "", isStrict, isMasked);
        }
        if (names is null) yield break;
        foreach (var other in (Environment.GetEnvironmentVariable(EchoRun.Others) ?? "").Split(';', StringSplitOptions.RemoveEmptyEntries))
        {
            if (other.Split('|') is not [var name, var library]) throw new InvalidOperationException($"`{other}` in `{EchoRun.Others}` is not `NAME|postern.dll`");
            yield return (name, library, false, name.Contains("masks", StringComparison.Ordinal));
        }
    }

    /// <summary>Tells the least that a reply cost through each peer: on a machine that does other work too, that is the nearest to what it costs.</summary>
    public static void TellLeast(IEnumerable<Sample> samples)
    {
        foreach (var peer in samples.GroupBy(sample => sample.Peer)) Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"least cpu  {peer.Key,-40} {peer.Where(sample => sample.CpuMicrosPerCall > 0).Select(sample => sample.CpuMicrosPerCall).DefaultIfEmpty().Min(),9:N1} µs"));
    }

    /// <param name="name">As in <see cref="Wanted"/>.</param>
    /// <param name="library">Its <c>postern.dll</c>; empty for this build's.</param>
    /// <param name="folder">Where its files go.</param>
    /// <param name="issuer">Who issues the token.</param>
    /// <param name="protocol">What the target speaks.</param>
    /// <param name="upstream">Where it is.</param>
    /// <param name="path">Where Postern serves it.</param>
    /// <param name="rules">The policy.</param>
    /// <param name="masks">And its masks.</param>
    /// <param name="isStrict">Waits for the disk.</param>
    /// <param name="isMasked">Has the masks.</param>
    public static async Task<Peer> StartAsync(string name, string library, string folder, string issuer, string protocol, string upstream, string path, string rules, string masks, bool isStrict, bool isMasked)
    {
        var key = $"{(isStrict ? "strict" : "relaxed")}-{(isMasked ? "masked" : "plain")}{(library.Length > 0 ? "-" + name.Replace(' ', '-') : "")}";
        await File.WriteAllTextAsync(Path.Combine(folder, $"{key}-policy.yaml"), rules + (isMasked ? masks : ""));
        var file = Path.Combine(folder, $"{key}.yaml");
        await File.WriteAllTextAsync(file, $$"""
            listen: { url: "http://127.0.0.1:0", kubernetes: none, management: none }
            data: data-{{key}}
            issuers:
              demo: { authority: "{{issuer}}", audience: "{{EchoRun.Audience}}" }
            connections:
              bench: { protocol: {{protocol}}, url: "{{upstream}}" }
            policy: [{{key}}-policy.yaml]
            record: { durability: {{(isStrict ? "strict" : "relaxed")}} }
            """);
        var postern = library.Length > 0 ? library : Path.Combine(Report.Root, "src", "Postern.Cli", "bin", "Release", "net10.0", "postern.dll");
        return Peer.Start(name, path, "serves at ", "dotnet", [postern, "serve", "--config", file]);
    }

    /// <summary>A GET with the token, that the script sends again and again.</summary>
    public static string Script(string path, string token) => $$"""
        local headers = { ["Accept"] = "application/json", ["Authorization"] = "Bearer {{token}}" }
        local made = nil
        request = function()
          if made == nil then made = wrk.format("GET", wrk.path .. "{{path}}", headers) end
          return made
        end
        """ + "\n" + PeerFiles.WrkDone;

    /// <summary>The same as one request.</summary>
    public static HttpRequestMessage Get(Peer peer, string token, string path)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, peer.Url + path);
        request.Headers.TryAddWithoutValidation("Authorization", "Bearer " + token);
        return request;
    }

    /// <summary>One request whose answer is looked at, before they are only counted: it is the document, and masks did what they are for.</summary>
    public static async Task ProbeAsync(Peer peer, string token, string path, string words)
    {
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(60) };
        using var request = Get(peer, token, path);
        using var response = await http.SendAsync(request);
        var text = await response.Content.ReadAsStringAsync();
        var isMasked = peer.Name.Contains("masks", StringComparison.Ordinal);
        if (!text.Contains(words, StringComparison.Ordinal) || text.Contains("@example.com", StringComparison.Ordinal) == isMasked) throw new InvalidOperationException($"{peer.Name} does not answer as it should: {(int)response.StatusCode} {text}");
    }
}
