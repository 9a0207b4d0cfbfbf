using System.Buffers;
using System.Text.Unicode;

namespace Postern.Core.Masking.Detection;

/// <summary>
/// The detectors of the masks that decode the same spellings, asked of a text as it reads with them undone. What is found is
/// given by where it came from in the text itself: the run of base 64 whole, an escaped value from its first escape to its last.
/// </summary>
internal sealed class DecodedView(Decodings decodings, DetectorSet detectors)
{
    // Base 64 within base 64, and no more.
    private const int MaxNesting = 2;

    // What is this long is no chance among bytes that are no text.
    private const int MinInNoise = 12;

    private static readonly SearchValues<byte> s_controls = SearchValues.Create(
        [.. Enumerable.Range(0, 0x20).Select(control => (byte)control).Except("\t\n\f\r"u8.ToArray()), 0x7f]);

    /// <summary>Whether fields of base 64 are looked into.</summary>
    public bool ReadsBase64 => (decodings & Decodings.Base64) != Decodings.None;

    /// <summary>Adds what only the decoded text shows.</summary>
    public void Find(ReadOnlySpan<byte> text, HitList hits) => Find(text, hits, nesting: 0);

    /// <summary>The strongest rank among what stands in bytes that were decoded; 0 for nothing.</summary>
    public int RankOf(ReadOnlySpan<byte> decoded, int nesting)
    {
        var hits = new HitList();
        detectors.Find(decoded, hits);
        if (nesting < MaxNesting) Find(decoded, hits, nesting);
        if (IsText(decoded)) return hits.Best;
        var best = 0;
        foreach (var hit in hits.Hits)
        {
            // Pictures and archives hold whatever is short enough by chance.
            if (hit.Rank > best && hit.End - hit.Start >= MinInNoise && !decoded[hit.Start..hit.End].ContainsAnyExceptInRange((byte)' ', (byte)'~')) best = hit.Rank;
        }
        return best;
    }

    private static bool IsText(ReadOnlySpan<byte> bytes) => Utf8.IsValid(bytes) && !bytes.ContainsAny(s_controls);

    private void Find(ReadOnlySpan<byte> text, HitList hits, int nesting)
    {
        using var read = new DecodedText();
        if (read.Read(text, decodings))
        {
            var inside = new HitList();
            detectors.Find(read.Bytes, inside);
            foreach (var hit in inside.Hits) hits.Add(new Hit(read.OriginOf(hit.Start), read.OriginOf(hit.End), hit.Rank, hit.IsCard));
        }
        if (ReadsBase64) Runs(read, hits, isHex: false, nesting);
        if ((decodings & Decodings.Hex) != Decodings.None) Runs(read, hits, isHex: true, nesting);
        hits.Settle();
    }

    private void Runs(DecodedText read, HitList hits, bool isHex, int nesting)
    {
        var text = read.Bytes;
        for (var (start, length) = EncodedRuns.Next(text, 0, isHex); length > 0; (start, length) = EncodedRuns.Next(text, start + length, isHex))
        {
            var rank = RankOfRun(text.Slice(start, length), isHex, nesting);
            if (rank == 0) continue;
            var end = start + length;
            while (!isHex && end < text.Length && text[end] == '=') end++;
            hits.Add(new Hit(read.OriginOf(start), read.OriginOf(end), rank, IsCard: false));
        }
    }

    private int RankOfRun(ReadOnlySpan<byte> run, bool isHex, int nesting)
    {
        var decoded = ArrayPool<byte>.Shared.Rent(run.Length);
        try
        {
            var best = 0;
            for (var shift = 0; shift < EncodedRuns.Shifts(isHex); shift++)
            {
                var length = EncodedRuns.Decode(run, shift, isHex, decoded);
                best = Math.Max(best, RankOf(decoded.AsSpan(0, length), nesting + 1));
            }
            return best;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(decoded);
        }
    }
}
