using System.Buffers;
using System.Buffers.Text;
using System.Text.Json;
using System.Text.Unicode;
using Postern.Core.Json;

namespace Postern.Core.Masking;

// Strings: masked whole, read as documents where they stand for one, or searched by detectors.
internal sealed partial class MaskRun
{
    private bool _isEmbedded;

    private void Text(ref JsonTokens token, ref Walk walk, Level level, ref MaskBuffer output)
    {
        var mayHoldDocument = level.IsRoot && level.Rank == 0 && !_isEmbedded;
        var raw = token.Value;
        if (level.Rank == 0 && !(mayHoldDocument && level.HasPaths && IsLead(token.Start, token.End)) && (!_detectors.Any || !IsSuspect(token.Start, token.End))) return;
        var isEscaped = token.IsEscaped;
        var text = isEscaped ? Unescape(raw) : raw;
        var start = token.Start + 1;
        if (mayHoldDocument && Embedded.MayBeDocument(text) && TryDocumentIn(text, raw.Length, level, start, ref walk, ref output)) return;

        if (level.IsBlob && level.Rank == 0 && TryBlob(text, start, raw.Length, ref walk, ref output)) return;
        var rank = Math.Max(level.Rank, Find(text));
        if (rank == 0 && _hits.Hits.IsEmpty) return;
        if (level.IsToken) throw TokenGivesAway();
        CopyTo(start, ref walk, ref output);
        if (rank > 0) Replace(text, Math.Max(rank, _hits.Best), isEscaped: true, ref output);
        else Splice(text, ref output, isEscaped);
        walk.Copied = start + raw.Length;
    }

    /// <summary>Masks the document, or documents, that a string at a root holds. False when it holds none.</summary>
    private bool TryDocumentIn(ReadOnlySpan<byte> text, int rawLength, Level level, int start, ref Walk walk, ref MaskBuffer output)
    {
        // The text may stand in the scratch space, which the document's own strings will need.
        var (scratch, suspects, leads, paths, maySkip, count, names) = (_scratch, _suspects, _leads, _paths, _maySkip, Count, MaskedNames);
        _scratch = [];
        _isEmbedded = true;
        var skipped = Embedded.Start(text);
        var document = new MaskBuffer(text.Length);
        try
        {
            Documents(text[skipped..], ShapePlaces.Whole.Paths, areMany: true, isRead: false, ref document);
            if (Count == count) return true;
            ThrowIfNamesMet(document.Written, names);
            CopyTo(start, ref walk, ref output);
            output.WriteEscaped(text[..skipped]);
            output.WriteEscaped(document.Written);
            walk.Copied = start + rawLength;
            return true;
        }
        catch (JsonException)
        {
            if (level.HasPaths && Embedded.IsMeantAsDocument(text) && _masker.Paths.MayLeadInto(text)) throw new MaskingException("text under a mask begins as JSON but is none; blocked");
            Count = count;
            MaskedNames = names;
            return false;
        }
        finally
        {
            document.Dispose();
            Dispose(ref _scratch);
            (_scratch, _suspects, _leads, _paths, _maySkip, _isEmbedded) = (scratch, suspects, leads, paths, maySkip, false);
        }
    }

    /// <summary>
    /// Masks what a field of base 64 decodes to, and writes it in base 64 again, so that it stays what the protocol says it is.
    /// False when no mask decodes base 64, or it is none.
    /// </summary>
    private bool TryBlob(ReadOnlySpan<byte> text, int start, int rawLength, ref Walk walk, ref MaskBuffer output)
    {
        if (!_masker.ReadsBase64) return false;
        var decoded = ArrayPool<byte>.Shared.Rent(Base64.GetMaxDecodedFromUtf8Length(text.Length));
        var masked = new MaskBuffer(text.Length);
        try
        {
            if (Base64.DecodeFromUtf8(text, decoded, out _, out var length) != OperationStatus.Done) return false;
            var bytes = decoded.AsSpan(0, length);
            var before = Count;
            if (Utf8.IsValid(bytes))
            {
                var hidden = Find(bytes);
                if (hidden > 0) Replace(bytes, Math.Max(hidden, _hits.Best), isEscaped: false, ref masked);
                else if (!_hits.Hits.IsEmpty) Splice(bytes, ref masked, isEscaped: false);
            }
            else if (RankWithin(bytes) is > 0 and var rank)
            {
                _hits.Clear();
                Replace(bytes, rank, isEscaped: false, ref masked);
            }
            if (Count == before) return true;
            var encoded = new byte[Base64.GetMaxEncodedToUtf8Length(masked.Written.Length)];
            Base64.EncodeToUtf8(masked.Written, encoded, out _, out var written);
            CopyTo(start, ref walk, ref output);
            output.Write(encoded.AsSpan(0, written));
            walk.Copied = start + rawLength;
            return true;
        }
        finally
        {
            masked.Dispose();
            ArrayPool<byte>.Shared.Return(decoded);
        }
    }

    private int RankWithin(ReadOnlySpan<byte> bytes)
    {
        var best = 0;
        foreach (var view in _masker.Views)
        {
            if (view.ReadsBase64) best = Math.Max(best, view.RankOf(bytes, nesting: 0));
        }
        return best;
    }
}
