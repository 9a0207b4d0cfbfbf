using System.Collections.Immutable;
using System.CommandLine;
using System.Text;
using Postern.Cli.Console;
using Postern.Cli.Control;
using Postern.Cli.Output;
using Postern.Cli.Replay;
using Postern.Core.Evidence;
using Postern.Core.Recording;

namespace Postern.Cli.Export;

/// <summary>A session as a signed bundle, and what is said of one.</summary>
internal static class SessionBundle
{
    /// <summary>How bundles' names end.</summary>
    public const string Ending = ".zip";

    private const string WantsFile = $"a bundle is a zip archive; give `--to` a new file whose name ends in `{Ending}`";
    private const string SessionName = "session.ndjson";
    private const string PageName = "session.html";
    private const string InstructionsName = "README.txt";

    private const string Instructions =
        """
        This is the record of one session of a Postern gateway.

        records.bin         the records, byte for byte as they stand in the gateway's journal
        checkpoints.ndjson  the gateway's signed checkpoints that cover them
        manifest.json       the length and SHA-256 of every file here
        manifest.sig        the gateway's signature over the manifest
        public.pem          the key that made it; compare it with one that you were given another way
        keys.ndjson         the keys that what was said in this session is sealed with, and no others; or who destroyed them, and why
        session.ndjson      the same for programs: one operation on each line
        session.html        the same for people: open it in a browser, it needs no network

        To verify, offline, with the key that you were given:

            postern verify THIS-FILE.zip --key journal.pub.pem

        Without Postern: the signature is ECDSA P-256 with SHA-256 (64 bytes, IEEE P1363, in base64) over two lines, each
        ended by a line feed: "postern evidence bundle 1", and the SHA-256 of manifest.json in lower-case hexadecimal. The format
        of the records and of the text under a checkpoint's signature is docs/journal-format.md.

        What it proves: whoever holds the key made this of its journal, and nothing here was changed since. What it does not
        prove: that the session holds nothing else. For that, verify the whole journal, and look for these sequences in it.

        """;

    /// <summary>Writes a bundle from a data folder, signed with its key, or with the one that the configuration names.</summary>
    public static int Write(Surroundings surroundings, SessionSource source, ParseResult parsed, string session, string? path, CancellationToken cancellationToken)
    {
        var configuration = source.Configuration(surroundings, parsed);
        var folder = source.Journal(parsed) ?? configuration?.Data ?? throw new CommandException(ExitCode.Usage, "a bundle is signed with the journal's key; give `--journal` the gateway's data folder, or `--config` its configuration where the key is elsewhere");
        if (path?.EndsWith(Ending, StringComparison.OrdinalIgnoreCase) != true) throw new CommandException(ExitCode.Usage, WantsFile);
        var journal = Directory.Exists(Path.Combine(folder, "journal")) ? Path.Combine(folder, "journal") : folder;
        var data = journal == folder ? Path.GetDirectoryName(Path.GetFullPath(folder))! : folder;
        if (configuration is null && !File.Exists(Path.Combine(data, JournalKeys.KeyFile))) throw new CommandException(ExitCode.Failure, $"`{data}` holds no signing key; give `--config` the gateway's configuration, whose `record.signingKey` says where it is");
        using var keys = source.Keys(surroundings, parsed, data);
        try
        {
            using var signer = JournalKeys.OpenCurrent(new RecorderOptions { DataFolder = data, Key = configuration?.Record.Key });
            using var bundle = new MemoryStream();
            var manifest = EvidenceBundle.Write(bundle, journal, session, signer, Readable, keys, surroundings.Clock.GetUtcNow(), new SessionPlace(), cancellationToken)
                ?? throw new CommandException(ExitCode.NotFound, $"the journal `{folder}` holds no session `{session}`; `postern sessions list --journal {folder}` shows what it holds");
            Save(path, bundle.ToArray());
            surroundings.Error.WriteLine($"wrote {manifest.Records} records of session {session} to `{path}`, signed with key {manifest.Key}");
            return ExitCode.Ok;
        }
        catch (RecordingException unusable)
        {
            throw new CommandException(ExitCode.Failure, unusable.Message);
        }
    }

    /// <summary>Writes the bundle that a running gateway makes and signs.</summary>
    public static async Task<int> FetchAsync(Surroundings surroundings, ControlApi api, string session, string? path, CancellationToken cancellationToken)
    {
        if (path?.EndsWith(Ending, StringComparison.OrdinalIgnoreCase) != true) throw new CommandException(ExitCode.Usage, WantsFile);
        var answer = await api.GetAsync($"sessions/{Uri.EscapeDataString(session)}/bundle", $"session `{session}`", cancellationToken);
        if ((string?)answer["bundle"] is not { } text || (string?)answer["key"] is not { } key) throw new CommandException(ExitCode.Failure, "the gateway answers with no bundle; it may be older than this command");
        byte[] bundle;
        try
        {
            bundle = Convert.FromBase64String(text);
        }
        catch (FormatException)
        {
            throw new CommandException(ExitCode.Failure, "the gateway answers with a bundle that cannot be read");
        }
        Save(path, bundle);
        surroundings.Error.WriteLine($"wrote session {session} to `{path}`, signed with key {key}; `postern verify {path} --key` the key that you were given another way");
        return ExitCode.Ok;
    }

    /// <summary>The files of a bundle that are for people, and how to verify it.</summary>
    public static IReadOnlyList<(string Name, string Text)> Readable(ImmutableArray<RecordedOperation> operations)
    {
        var steps = operations.Select(JournalSessions.StepOf).ToList();
        return [(SessionName, Lines(steps)), (PageName, Page(steps)), (InstructionsName, Instructions)];
    }

    /// <summary>A new file that only its owner reads.</summary>
    private static void Save(string path, byte[] bundle)
    {
        try
        {
            var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
            if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            using var file = new FileStream(path, options);
            file.Write(bundle);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CommandException(ExitCode.Failure, File.Exists(path) ? $"`{path}` exists; expected the name of a new file" : $"`{path}` cannot be written: {e.Message}");
        }
    }

    /// <summary>Verifies a bundle and says so.</summary>
    public static int Verify(Surroundings surroundings, string path, string publicKeyPem)
    {
        using var file = File.OpenRead(path);
        BundleVerdict verdict;
        try
        {
            verdict = BundleVerifier.Verify(file, publicKeyPem);
        }
        catch (RecordingException unusable)
        {
            throw new CommandException(ExitCode.Failure, unusable.Message);
        }
        var problem = verdict.Problem ?? Differs(verdict);
        if (problem is not null)
        {
            surroundings.Error.WriteLine($"postern: BAD: `{path}`: {problem}");
            return ExitCode.Failure;
        }
        var manifest = verdict.Manifest!;
        surroundings.Out.WriteLine($"good: session {manifest.Session} of journal {manifest.Journal}, {verdict.Operations.Length} operations in {manifest.Records} records ({manifest.First} to {manifest.Last}), made {manifest.Created.UtcDateTime:yyyy-MM-dd'T'HH:mm:ss'Z'}");
        return ExitCode.Ok;
    }

    /// <summary>What people read must be what the records say.</summary>
    private static string? Differs(BundleVerdict verdict)
    {
        if (!verdict.Files.TryGetValue(SessionName, out var lines)) return $"`{SessionName}` is missing";
        var steps = verdict.Operations.Select(JournalSessions.StepOf).ToList();
        return lines.AsSpan().SequenceEqual(Encoding.UTF8.GetBytes(Lines(steps))) ? null : $"`{SessionName}` does not say what the records say";
    }

    private static string Lines(IReadOnlyList<ReplayStep> steps) => string.Concat(steps.Select(step => Renderer.Line(ReplayJson.Of(step)) + "\n"));

    private static string Page(IReadOnlyList<ReplayStep> steps)
    {
        using var text = new StringWriter();
        SessionPage.Write(text, steps);
        return text.ToString();
    }
}
