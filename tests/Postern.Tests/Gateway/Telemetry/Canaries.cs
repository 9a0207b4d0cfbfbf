using System.IO.Compression;
using System.Text;
using Postern.Tests.Recording;

namespace Postern.Tests.Gateway.Telemetry;

/// <summary>Looks for texts that must stand nowhere: as they are, in hexadecimal, URL-encoded and within base64, in files, in archives, and in what sealed records say once they are opened.</summary>
internal static class Canaries
{
    /// <summary>True when the text stands there raw, in hexadecimal, URL-encoded, or within base64 at any of its three alignments.</summary>
    public static bool Holds(ReadOnlySpan<byte> bytes, string canary)
    {
        foreach (var spelled in Spellings(canary))
        {
            if (bytes.IndexOf(spelled) >= 0) return true;
        }
        return false;
    }

    /// <summary>Fails when one of the texts stands in what was told.</summary>
    /// <param name="where">What is searched, for the message.</param>
    /// <param name="told">All of it.</param>
    /// <param name="canaries">What must not stand there.</param>
    public static void AssertNotIn(string where, ReadOnlySpan<byte> told, IEnumerable<string> canaries)
    {
        foreach (var canary in canaries) Assert.True(!Holds(told, canary), $"`{canary}` is in {where}");
    }

    /// <inheritdoc cref="AssertNotIn(string, ReadOnlySpan{byte}, IEnumerable{string})"/>
    public static void AssertNotIn(string where, string told, IEnumerable<string> canaries) => AssertNotIn(where, Encoding.UTF8.GetBytes(told), canaries);

    /// <summary>Fails when one of the texts stands in the files of a data folder, or in what its journal says to whoever has its keys.</summary>
    /// <param name="data">The data folder of a gateway that has stopped.</param>
    /// <param name="canaries">What must not stand there.</param>
    /// <param name="expected">A text that must have been recorded: a search of a recording that cannot be opened, or of another one, would find nothing.</param>
    public static void AssertNotAtRest(string data, IReadOnlyCollection<string> canaries, string expected)
    {
        var opened = OpenedJournal.TextOf(data);
        Assert.Contains(expected, opened, StringComparison.Ordinal);
        // Contents are read as Latin-1: every byte comes back as it stood.
        AssertNotIn("the opened journal", Encoding.Latin1.GetBytes(opened), canaries);
        var names = new List<string>();
        foreach (var file in Directory.EnumerateFiles(data, "*", SearchOption.AllDirectories).Where(file => !file.EndsWith(".lock", StringComparison.Ordinal)))
        {
            names.Add(Path.GetFileName(file));
            AssertNotIn(names[^1], Read(file), canaries);
        }
        foreach (var searched in (string[])["journal-000001.pjl", "recordings.db", "keys.db"]) Assert.Contains(searched, names);
    }

    /// <summary>Fails when one of the texts stands in a file of an archive; what is compressed shows nothing to a search of its bytes.</summary>
    public static void AssertNotInArchive(string path, IReadOnlyCollection<string> canaries)
    {
        using var archive = ZipFile.OpenRead(path);
        Assert.NotEmpty(archive.Entries);
        foreach (var entry in archive.Entries)
        {
            using var bytes = new MemoryStream();
            using (var stream = entry.Open()) stream.CopyTo(bytes);
            AssertNotIn($"{entry.FullName} of {Path.GetFileName(path)}", bytes.ToArray(), canaries);
        }
    }

    /// <summary>A file's bytes, also while a gateway has it open.</summary>
    public static byte[] Read(string file)
    {
        using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        var bytes = new byte[stream.Length];
        return bytes[..stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false)];
    }

    private static IEnumerable<byte[]> Spellings(string canary)
    {
        var raw = Encoding.UTF8.GetBytes(canary);
        yield return raw;
        foreach (var spelled in (string[])[Convert.ToHexString(raw), Convert.ToHexStringLower(raw), Uri.EscapeDataString(canary), Uri.EscapeDataString(canary).Replace("-", "%2D", StringComparison.Ordinal), string.Concat(raw.Select(one => $"%{one:X2}")), .. Base64(raw)]) yield return Encoding.ASCII.GetBytes(spelled);
    }

    private static IEnumerable<string> Base64(byte[] raw)
    {
        for (var before = 0; before < 3; before++)
        {
            // Only the characters that hang on the text alone: not those that share bits with what stands before or behind it.
            var whole = Convert.ToBase64String([.. new byte[before], .. raw]).TrimEnd('=');
            var first = (before * 8 + 5) / 6;
            var last = (before + raw.Length) * 8 / 6;
            var sure = whole[first..last];
            yield return sure;
            yield return sure.Replace('+', '-').Replace('/', '_');
        }
    }
}
