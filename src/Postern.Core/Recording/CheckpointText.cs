using System.Text;

namespace Postern.Core.Recording;

/// <summary>The text that a checkpoint's signature is over: fixed words and fields, one per line, so that nothing else can be read as one.</summary>
internal static class CheckpointText
{
    /// <summary>Of the text, not of the journal: what stands under a signature is the same in each version since.</summary>
    private const int Version = 2;

    /// <summary><c>postern journal checkpoint 2</c>, journal id, sequence, chain value and time, each followed by a line feed.</summary>
    public static byte[] Of(string journal, long through, string chain, DateTimeOffset at) =>
        Encoding.UTF8.GetBytes($"postern journal checkpoint {Version}\n{journal}\n{through}\n{chain}\n{at.UtcDateTime:O}\n");
}
