using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using Postern.Core.Evidence;
using Postern.Core.Recording;
using Postern.Tests.Gateway;

namespace Postern.Tests.Cli;

/// <summary>A session leaves as a file that proves itself, and every change of it is found.</summary>
[Guarantee("G4")]
public sealed class BundleTests : IAsyncLifetime
{
    private RecordedFolder _folder = null!;
    private string _bundle = "";

    public async ValueTask InitializeAsync()
    {
        _folder = await RecordedFolder.CreateAsync();
        _bundle = Path.Combine(_folder.Path, "evidence.zip");
        var result = await CommandLine.RunAsync("sessions", "export", RecordedFolder.Session, "--as", "bundle", "--journal", _folder.Path, "--to", _bundle);
        Assert.True(result.ExitCode == 0, result.Error);
    }

    public ValueTask DisposeAsync()
    {
        _folder.Dispose();
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task A_bundle_is_good_with_nothing_but_the_public_key()
    {
        Directory.Delete(_folder.Journal, recursive: true);

        var result = await CommandLine.RunAsync("verify", _bundle, "--key", _folder.Key);

        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        Assert.Contains($"good: session {RecordedFolder.Session} ", result.Out);
        Assert.Contains("3 operations", result.Out);
    }

    [Fact]
    public async Task Without_Postern_the_signature_is_checked_as_the_instructions_say()
    {
        using var archive = ZipFile.OpenRead(_bundle);
        var manifest = Content(archive, "manifest.json");
        using var key = ECDsa.Create();
        key.ImportFromPem(await File.ReadAllTextAsync(_folder.Key, TestContext.Current.CancellationToken));

        var signed = $"postern evidence bundle 1\n{Convert.ToHexStringLower(SHA256.HashData(manifest))}\n";

        Assert.True(key.VerifyData(Encoding.ASCII.GetBytes(signed), Convert.FromBase64String(Encoding.ASCII.GetString(Content(archive, "manifest.sig"))), HashAlgorithmName.SHA256));
        Assert.Contains("postern verify", Encoding.UTF8.GetString(Content(archive, "README.txt")));
        Assert.Contains("<html", Encoding.UTF8.GetString(Content(archive, "session.html")), StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    [Row("U04")]
    public async Task Every_file_that_is_changed_removed_or_added_is_found()
    {
        List<string> names;
        using (var archive = ZipFile.OpenRead(_bundle)) names = [.. archive.Entries.Select(entry => entry.FullName)];
        Assert.Equal(8, names.Count);
        foreach (var name in names)
        {
            var changed = await VerifyAsync(files => files[name][files[name].Length / 2] ^= 1);
            var removed = await VerifyAsync(files => files.Remove(name));
            Assert.True(changed.ExitCode == 1 && changed.Error.StartsWith("postern: BAD", StringComparison.Ordinal), $"{name} changed: {changed.ExitCode} {changed.Error}");
            Assert.True(removed.ExitCode == 1, $"{name} removed: {removed.ExitCode} {removed.Error}");
        }
        Assert.Contains("was added", (await VerifyAsync(files => files.Add("extra.txt", [1]))).Error);
    }

    [Fact]
    [Row("U04")]
    public async Task A_manifest_made_anew_for_changed_records_fails_for_want_of_the_key()
    {
        using var other = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var result = await VerifyAsync(files =>
        {
            var old = Convert.ToHexStringLower(SHA256.HashData(files["records.bin"]));
            files["records.bin"][^1] ^= 1;
            files["manifest.json"] = Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(files["manifest.json"]).Replace(old, Convert.ToHexStringLower(SHA256.HashData(files["records.bin"])), StringComparison.Ordinal));
            var signed = $"postern evidence bundle 1\n{Convert.ToHexStringLower(SHA256.HashData(files["manifest.json"]))}\n";
            files["manifest.sig"] = Encoding.ASCII.GetBytes(Convert.ToBase64String(other.SignData(Encoding.ASCII.GetBytes(signed), HashAlgorithmName.SHA256)) + "\n");
        });

        Assert.Equal(1, result.ExitCode);
        Assert.Contains("signature", result.Error);
    }

    [Fact]
    public async Task A_journal_whose_key_was_replaced_gives_bundles_that_all_of_its_keys_together_prove()
    {
        var before = await File.ReadAllTextAsync(_folder.Key, TestContext.Current.CancellationToken);
        JournalKeys.Replace(_folder.Path);
        await using (await Recorder.OpenAsync(new RecorderOptions { DataFolder = _folder.Path }, TimeProvider.System, CancellationToken.None))
        {
        }
        var path = Path.Combine(_folder.Path, "later.zip");
        var old = Path.Combine(_folder.Path, "old.pem");
        await File.WriteAllTextAsync(old, before, TestContext.Current.CancellationToken);

        Assert.Equal(0, (await CommandLine.RunAsync("sessions", "export", RecordedFolder.Session, "--as", "bundle", "--journal", _folder.Path, "--to", path)).ExitCode);

        Assert.Equal(0, (await CommandLine.RunAsync("verify", path, "--key", _folder.Key)).ExitCode);
        Assert.Contains("signature is by key", (await CommandLine.RunAsync("verify", path, "--key", old)).Error);
    }

    [Fact]
    public async Task A_key_that_is_elsewhere_is_found_by_the_configuration()
    {
        using var recorded = await RecordedFolder.CreateAsync(isSealed: true);
        using var elsewhere = new TemporaryFolder();
        var (key, master) = (Path.Combine(elsewhere.Path, "signing.pem"), Path.Combine(elsewhere.Path, "master"));
        File.Move(Path.Combine(recorded.Path, JournalKeys.KeyFile), key);
        File.Move(Path.Combine(recorded.Path, "master.key"), master);
        var configuration = elsewhere.Write("postern.yaml", $"data: '{recorded.Path}'\nissuers: {{ corp: {{ authority: https://login.example.com }} }}\npolicy: [policy.yaml]\nrecord: {{ signingKey: {{ file: '{key}' }}, masterKey: {{ file: '{master}' }} }}\n");
        var bundle = Path.Combine(elsewhere.Path, "evidence.zip");
        string[] export = ["sessions", "export", RecordedFolder.Session, "--as", "bundle", "--to", bundle];

        var without = await CommandLine.RunAsync([.. export, "--journal", recorded.Path]);
        Assert.False(File.Exists(bundle));
        var made = await CommandLine.RunAsync([.. export, "--config", configuration]);
        var verified = await CommandLine.RunAsync("verify", bundle, "--key", recorded.Key);

        Assert.Equal(1, without.ExitCode);
        Assert.Contains("`--config`", without.Error);
        Assert.True(made.ExitCode == 0, made.Error);
        Assert.Equal((0, ""), (verified.ExitCode, verified.Error));
        using var archive = ZipFile.OpenRead(bundle);
        Assert.Contains("get_customer", Encoding.UTF8.GetString(Content(archive, "session.ndjson")));
        Assert.DoesNotContain("today", Encoding.UTF8.GetString(Content(archive, "session.ndjson")));
    }

    [Fact]
    public async Task What_cannot_be_made_is_refused_with_what_to_do()
    {
        var noFolder = await CommandLine.RunAsync("sessions", "export", RecordedFolder.Session, "--as", "bundle", "--to", "x.zip");
        var noFile = await CommandLine.RunAsync("sessions", "export", RecordedFolder.Session, "--as", "bundle", "--journal", _folder.Path);
        var exists = await CommandLine.RunAsync("sessions", "export", RecordedFolder.Session, "--as", "bundle", "--journal", _folder.Path, "--to", _bundle);
        var unknown = await CommandLine.RunAsync("sessions", "export", "01NOBODY", "--as", "bundle", "--journal", _folder.Path, "--to", _bundle + "2.zip");
        var garbage = Path.Combine(_folder.Path, "garbage.zip");
        await File.WriteAllTextAsync(garbage, "PK no", TestContext.Current.CancellationToken);

        // Without a folder a gateway is asked, and none runs.
        Assert.Contains("no gateway answers", noFolder.Error);
        Assert.Contains("--to", noFile.Error);
        Assert.Contains("exists", exists.Error);
        Assert.NotEqual(0, unknown.ExitCode);
        Assert.Equal(1, (await CommandLine.RunAsync("verify", garbage, "--key", _folder.Key)).ExitCode);
    }

    [Fact]
    public void A_session_of_more_bytes_than_are_asked_for_is_refused_before_they_are_read()
    {
        using var signer = JournalKeys.OpenCurrent(new RecorderOptions { DataFolder = _folder.Path });
        using var to = new MemoryStream();

        var refused = Assert.Throws<RecordingException>(() => EvidenceBundle.Write(to, _folder.Journal, RecordedFolder.Session, signer, _ => [], null, TimeProvider.System.GetUtcNow(), new SessionPlace(MostBytes: 1_000), TestContext.Current.CancellationToken));

        Assert.Equal($"the records of session {RecordedFolder.Session} have more than 1000 bytes", refused.Message);
        Assert.Equal(0, to.Length);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(5)]
    [InlineData(40)]
    public void A_segment_that_is_begun_at_this_moment_holds_nothing_up_and_one_that_others_follow_is_damage(int bytes)
    {
        using var signer = JournalKeys.OpenCurrent(new RecorderOptions { DataFolder = _folder.Path });
        File.WriteAllBytes(Path.Combine(_folder.Journal, "journal-000002.pjl"), File.ReadAllBytes(Path.Combine(_folder.Journal, "journal-000001.pjl"))[..bytes]);

        Assert.NotNull(Write());
        File.WriteAllBytes(Path.Combine(_folder.Journal, "journal-000003.pjl"), []);
        Assert.Contains("run `postern verify`", Assert.Throws<RecordingException>(Write).Message, StringComparison.Ordinal);

        BundleManifest? Write() =>
            EvidenceBundle.Write(new MemoryStream(), _folder.Journal, RecordedFolder.Session, signer, _ => [], null, TimeProvider.System.GetUtcNow(), new SessionPlace(), TestContext.Current.CancellationToken);
    }

    private async Task<(int ExitCode, string Out, string Error)> VerifyAsync(Action<Dictionary<string, byte[]>> change)
    {
        var files = new Dictionary<string, byte[]>(StringComparer.Ordinal);
        using (var archive = ZipFile.OpenRead(_bundle)) foreach (var entry in archive.Entries) files.Add(entry.FullName, Content(archive, entry.FullName));
        change(files);
        var path = Path.Combine(_folder.Path, Guid.NewGuid() + ".zip");
        using (var archive = ZipFile.Open(path, ZipArchiveMode.Create))
        {
            foreach (var (name, content) in files)
            {
                using var stream = archive.CreateEntry(name).Open();
                stream.Write(content);
            }
        }
        var result = await CommandLine.RunAsync("verify", path, "--key", _folder.Key);
        return (result.ExitCode, result.Out, result.Error);
    }

    private static byte[] Content(ZipArchive archive, string name)
    {
        using var stream = archive.GetEntry(name)!.Open();
        using var content = new MemoryStream();
        stream.CopyTo(content);
        return content.ToArray();
    }
}
