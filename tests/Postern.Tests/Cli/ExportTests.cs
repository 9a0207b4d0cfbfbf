using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Postern.Tests.Cli;

public sealed class ExportTests
{
    [Fact]
    public async Task As_ndjson_it_is_what_replay_says_as_data()
    {
        using var folder = await RecordedFolder.CreateAsync();

        var export = await ExportAsync(folder, "ndjson");
        var replay = await CommandLine.RunAsync("sessions", "replay", RecordedFolder.Session, "--journal", folder.Path, "-o", "ndjson");

        Assert.Equal(replay.Out, export);
        Assert.Equal(3, export.TrimEnd('\n').Split('\n').Select(line => JsonDocument.Parse(line)).Count());
    }

    [Fact]
    [Row("S10")]
    public async Task As_csv_each_operation_is_a_row_and_no_cell_is_a_formula()
    {
        using var folder = await RecordedFolder.CreateAsync(client: "=cmd|'/c calc'!A1,\"x\"\u202e");

        var rows = (await ExportAsync(folder, "csv")).Split("\r\n");

        Assert.Equal(5, rows.Length); // a head, three operations, and the end of the last line
        Assert.StartsWith("at,operation,session,identity,name,agent,client,", rows[0]);
        Assert.Contains(",\"'=cmd|'/c calc'!A1,\"\"x\"\"⟨U+202E⟩\",shop,mcp.tools.call get_customer,allow,support-reads@7,7,,,done,,", rows[1]);
        Assert.Contains("deny,", rows[2]);
        Assert.Contains(",hold,large-refunds@7,7,demo:bob,hold-1,done,,", rows[3]);
        Assert.EndsWith(",1", rows[1]); // one value masked
        Assert.Equal("", rows[4]);
    }

    [Fact]
    [Guarantee("G18")]
    [Row("S10")]
    public async Task As_a_page_it_needs_nothing_else_and_runs_nothing_that_was_recorded()
    {
        const string evil = """<script>fetch("https://evil.example")</script><img src=x onerror=alert(1)>[masked:pii]""";
        using var folder = await RecordedFolder.CreateAsync(reply: evil, client: "</title><script>alert(2)</script>\u202e");

        var page = await ExportAsync(folder, "html");

        var script = Assert.Single(Regex.Matches(page, "<script>(.*?)</script>", RegexOptions.Singleline)).Groups[1].Value;
        var style = Assert.Single(Regex.Matches(page, "<style>(.*?)</style>", RegexOptions.Singleline)).Groups[1].Value;
        Assert.Contains($"content=\"default-src 'none'; style-src {Hash(style)}; script-src {Hash(script)}; base-uri 'none'; form-action 'none'\"", page);
        Assert.DoesNotContain("<img", page);
        Assert.DoesNotMatch("(src|href)=\"?(https?:)?//", page);
        Assert.Contains("&lt;img src=x onerror=alert(1)&gt;<mark>[masked:pii]</mark>", page);
        Assert.Contains("alert(2)&lt;/script&gt;⟨U+202E⟩", page);
        Assert.Equal(3, Regex.Count(page, "<section id=\"step-"));
        Assert.Contains("approved, done", page);
        Assert.Contains("by demo:bob, hold hold-1", page);
    }

    [Fact]
    public async Task A_file_is_new_and_its_owners_alone()
    {
        using var folder = await RecordedFolder.CreateAsync();
        var path = Path.Combine(folder.Path, "session.csv");

        var first = await CommandLine.RunAsync("sessions", "export", RecordedFolder.Session, "--journal", folder.Path, "--as", "csv", "--to", path);
        var again = await CommandLine.RunAsync("sessions", "export", RecordedFolder.Session, "--journal", folder.Path, "--as", "csv", "--to", path);

        Assert.Equal((0, "", $"wrote 3 steps to `{path}`\n"), (first.ExitCode, first.Out, first.Error));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
        Assert.Equal(1, again.ExitCode);
        Assert.Contains("exists; expected the name of a new file", again.Error);
    }

    [Fact]
    public async Task What_is_not_there_is_not_exported()
    {
        using var folder = await RecordedFolder.CreateAsync();

        var result = await CommandLine.RunAsync("sessions", "export", "01NONE", "--journal", folder.Path, "--as", "html");

        Assert.Equal(7, result.ExitCode);
        Assert.Equal("", result.Out);
    }

    private static async Task<string> ExportAsync(RecordedFolder folder, string form)
    {
        var result = await CommandLine.RunAsync("sessions", "export", RecordedFolder.Session, "--journal", folder.Path, "--as", form);
        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        return result.Out;
    }

    private static string Hash(string inline) => $"'sha256-{Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(inline)))}'";
}
