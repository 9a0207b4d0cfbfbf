using System.Buffers;
using Postern.Core.Operations;

namespace Postern.Core.Json;

/// <summary>
/// The canonical form that approvals are bound to. It follows RFC 8785 (no white space, names sorted by UTF-16 code units,
/// fewest escapes) with one difference: <b>numbers stay the tokens that they are</b>. RFC 8785 reads them as doubles, under
/// which 9007199254740993 and 9007199254740992 are one number and 1e400 is none. Here <c>1</c>, <c>1.0</c> and <c>1e0</c> are
/// three, so that two requests which any reader could tell apart never share a form (guarantees N04, N07, N08).
/// </summary>
public static class CanonicalJson
{
    /// <summary>Writes the canonical form of one document.</summary>
    /// <exception cref="ArgumentException">The document does not pass <see cref="StrictJson.Check"/>; check first.</exception>
    public static void Write(ReadOnlySpan<byte> utf8, IBufferWriter<byte> output, int maxDepth = StrictJson.DefaultMaxDepth)
    {
        ThrowUnlessStrict(utf8, maxDepth);
        using var form = new CanonicalForm(utf8);
        output.Write(form.Written);
    }

    /// <summary>SHA-256 of the canonical form: equal for spellings that mean the same, different for anything else.</summary>
    /// <exception cref="ArgumentException">The document does not pass <see cref="StrictJson.Check"/>; check first.</exception>
    public static Digest DigestOf(ReadOnlySpan<byte> utf8, int maxDepth = StrictJson.DefaultMaxDepth)
    {
        ThrowUnlessStrict(utf8, maxDepth);
        using var form = new CanonicalForm(utf8);
        return Digest.Of(form.Written);
    }

    // The form is written by recursion, so that depth costs stack whatever a caller permits.
    private const int MaxDepth = 512;

    // A form computed from bytes that can be read in two ways would bind an approval to one of them only.
    private static void ThrowUnlessStrict(ReadOnlySpan<byte> utf8, int maxDepth)
    {
        if (StrictJson.Check(utf8, Math.Min(maxDepth, MaxDepth), maxNames: int.MaxValue) is { } fault) throw new ArgumentException(fault.Message, nameof(utf8));
    }
}
