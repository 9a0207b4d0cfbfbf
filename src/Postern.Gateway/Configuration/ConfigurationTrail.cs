using System.Globalization;
using System.Text.Json;
using Postern.Core.Recording;
using Postern.Core.Yaml;
using Postern.Gateway.Storage;

namespace Postern.Gateway.Configuration;

/// <summary>
/// Records what changed of the configuration since the gateway last started with this data folder: each setting with what it was and what it
/// is now, before anything is served under it. What was seen last stands in <see cref="SeenFile"/>, which holds no value that is secret.
/// </summary>
internal static class ConfigurationTrail
{
    /// <summary>The settings of the last start.</summary>
    public const string SeenFile = "configuration.json";

    /// <summary>The occurrence of one change.</summary>
    public const string Changed = "configuration.changed";

    /// <summary>The occurrence of the first start.</summary>
    public const string First = "configuration.first";

    private const string KeyFile = "configuration.key";
    private const int KeyBytes = 32;
    private const int MaxValue = 512;

    /// <summary>Compares, records each change durably, then remembers.</summary>
    /// <exception cref="GatewayStartException">It cannot be recorded or remembered.</exception>
    public static async Task FollowAsync(GatewayOptions options, string folder, IRecorder recorder, TimeProvider clock, CancellationToken cancellationToken)
    {
        var now = EffectiveSettings.Of(options, FolderKey.ReadOrCreate(folder, KeyFile, KeyBytes));
        var path = Path.Combine(folder, SeenFile);
        try
        {
            var before = Read(path);
            if (before is null) await recorder.NoteAsync(new Occurrence(First, clock.GetUtcNow(), [new("settings", now.Count.ToString(CultureInfo.InvariantCulture))]), cancellationToken).ConfigureAwait(false);
            else await RecordAsync(before, now, recorder, clock, cancellationToken).ConfigureAwait(false);
            // Afterwards: a crash in between records a change twice, and never not at all.
            if (before is null || !before.SequenceEqual(now)) Write(path, now);
        }
        catch (Exception unusable) when (unusable is IOException or UnauthorizedAccessException or RecordingException)
        {
            throw new GatewayStartException([new SourceProblem(path, 0, 0, $"what changed of the configuration cannot be recorded: {unusable.Message}")]);
        }
    }

    private static async Task RecordAsync(SortedDictionary<string, string> before, SortedDictionary<string, string> now, IRecorder recorder, TimeProvider clock, CancellationToken cancellationToken)
    {
        foreach (var path in before.Keys.Union(now.Keys).Order(StringComparer.Ordinal))
        {
            var (was, isNow) = (before.GetValueOrDefault(path, ""), now.GetValueOrDefault(path, ""));
            if (was == isNow) continue;
            await recorder.NoteAsync(new Occurrence(Changed, clock.GetUtcNow(), [new("path", Short(path)), new("before", Short(was)), new("after", Short(isNow))]), cancellationToken).ConfigureAwait(false);
        }
    }

    private static string Short(string text) => text.Length <= MaxValue ? text : $"{text.AsSpan(0, MaxValue - 1)}…";

    /// <summary>Null when there is none, and when it cannot be read: then everything is new again.</summary>
    private static SortedDictionary<string, string>? Read(string path)
    {
        if (!File.Exists(path)) return null;
        try
        {
            return JsonSerializer.Deserialize<Dictionary<string, string>>(File.ReadAllBytes(path)) is { } seen ? new SortedDictionary<string, string>(seen, StringComparer.Ordinal) : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static void Write(string path, SortedDictionary<string, string> settings)
    {
        var draft = path + ".new";
        File.Delete(draft);
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        using (var file = new FileStream(draft, options))
        {
            file.Write(JsonSerializer.SerializeToUtf8Bytes(settings));
            file.Flush(flushToDisk: true);
        }
        File.Move(draft, path, overwrite: true);
        FolderStorage.FlushNames(Path.GetDirectoryName(Path.GetFullPath(path))!);
    }
}
