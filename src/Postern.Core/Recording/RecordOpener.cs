using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Postern.Core.Recording;

/// <summary>
/// Opens what records are sealed with: the one reading of recorded content. It opens what there are keys for, and says of the rest whether
/// it was erased, when and by whom, or whether its key is merely not here. Not safe for concurrent use.
/// </summary>
internal sealed class RecordOpener(IDataKeys? keys) : IDisposable
{
    private const int Kept = 256;

    private readonly Dictionary<UInt128, (AesGcm? Aes, ClosedContent? Closed)> _known = [];
    private byte[] _about = [];
    private byte[] _inside = [];
    private int _generation = keys?.Generation ?? 0;

    /// <summary>Reads the record that a scanner stands on, as far as it can be read here.</summary>
    /// <param name="scanner">Stands on it.</param>
    /// <param name="memo">What was read before; null to read strictly.</param>
    /// <param name="withSaid">False leaves sealed what is sealed, and says what the record's JSON does.</param>
    /// <param name="withContent">False leaves content out.</param>
    /// <param name="payload">What it says.</param>
    /// <param name="content">The kept bytes.</param>
    /// <param name="closed">Why what was said cannot be read here; null when it was.</param>
    /// <param name="problem">Why it is no record of its type.</param>
    public bool TryRead(
        SegmentScanner scanner, PayloadMemo? memo, bool withSaid, bool withContent, [NotNullWhen(true)] out RecordedPayload? payload, out ReadOnlyMemory<byte> content, out ClosedContent? closed, [NotNullWhen(false)] out string? problem)
    {
        var type = scanner.Head.Type;
        var json = scanner.Json;
        content = default;
        closed = null;
        if (!(memo is null ? PayloadReader.TryRead(type, json, out payload, out problem) : PayloadReader.TryRead(memo, type, json, out payload, out problem))) return false;
        if (!scanner.Head.IsSealed)
        {
            if (withContent) content = scanner.Content.ToArray();
            return true;
        }
        if (!withSaid) return true;
        if (scanner.Head.IsFolded)
        {
            problem = null;
            return TryExplain(scanner.Content, out closed, ref problem);
        }
        if (!TryOpen(type, json, scanner.Content, out var opened, out closed))
        {
            problem = "what is sealed was not sealed with its key, or was changed since";
            return false;
        }
        if (closed is not null) return true;
        payload = RecordedSaid.Join(payload, opened.Said.Span, memo);
        if (payload is null)
        {
            problem = "what is sealed does not belong to the record that it is in";
            return false;
        }
        if (withContent) content = opened.Content.ToArray();
        return true;
    }

    /// <summary>Why a record is folded; false when its key was not destroyed.</summary>
    private bool TryExplain(ReadOnlySpan<byte> content, [NotNullWhen(true)] out ClosedContent? closed, [NotNullWhen(false)] ref string? problem)
    {
        var (aes, why) = Find(BinaryPrimitives.ReadUInt128BigEndian(content));
        closed = why;
        if (aes is not null) problem = "its content was taken out, and the key that it was sealed with was not destroyed";
        return aes is null;
    }

    /// <summary>Opens the content of a record that is sealed.</summary>
    /// <param name="type">The record's type.</param>
    /// <param name="json">Its JSON, which its content is bound to.</param>
    /// <param name="box">Its content, as stored.</param>
    /// <param name="opened">What is in it; valid until the next one is opened.</param>
    /// <param name="closed">Why it cannot be opened here; null when it was.</param>
    /// <returns>False when there is a key, and the content is not what was sealed with it.</returns>
    public bool TryOpen(RecordType type, ReadOnlySpan<byte> json, ReadOnlySpan<byte> box, out OpenedContent opened, out ClosedContent? closed)
    {
        opened = default;
        closed = null;
        if (box.Length < SessionKey.OverheadBytes) return false;
        var id = BinaryPrimitives.ReadUInt128BigEndian(box);
        var (aes, why) = Find(id);
        if (aes is null)
        {
            closed = why;
            return true;
        }
        // The one place for what is opened: mostly it is read at once, and only what is kept is copied.
        var count = box.Length - SessionKey.IdBytes - SessionKey.NonceBytes - SessionKey.TagBytes;
        if (_inside.Length < count)
        {
            CryptographicOperations.ZeroMemory(_inside);
            _inside = new byte[Math.Max(count, 2 * _inside.Length)];
        }
        var inside = _inside.AsMemory(0, count);
        try
        {
            aes.Decrypt(box.Slice(SessionKey.IdBytes, SessionKey.NonceBytes), box[(SessionKey.IdBytes + SessionKey.NonceBytes)..^SessionKey.TagBytes], box[^SessionKey.TagBytes..], inside.Span, About(type, json));
        }
        catch (CryptographicException)
        {
            return false;
        }
        var length = BinaryPrimitives.ReadInt32LittleEndian(inside.Span);
        if (length < 0 || length > count - sizeof(int)) return false;
        opened = new OpenedContent(inside.Slice(sizeof(int), length), inside[(sizeof(int) + length)..]);
        return true;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Forget();
        CryptographicOperations.ZeroMemory(_inside);
    }

    private (AesGcm? Aes, ClosedContent? Closed) Find(UInt128 id)
    {
        if (keys is null) return (null, ClosedContent.NoKey);
        // A key that was destroyed meanwhile opens nothing here either.
        if (_generation != keys.Generation || _known.Count >= Kept)
        {
            _generation = keys.Generation;
            Forget();
        }
        if (_known.TryGetValue(id, out var known)) return known;
        var found = keys.Find(id);
        known = found.Key is { } key ? (new AesGcm(key, SessionKey.TagBytes), null) : (null, found.Erasure is { } erasure ? new ClosedContent(erasure) : ClosedContent.NoKey);
        if (found.Key is not null) CryptographicOperations.ZeroMemory(found.Key);
        // A key that is not here yet may be a moment later: it is looked for again.
        if (!ReferenceEquals(known.Closed, ClosedContent.NoKey)) _known.Add(id, known);
        return known;
    }

    private ReadOnlySpan<byte> About(RecordType type, ReadOnlySpan<byte> json)
    {
        var length = sizeof(uint) + json.Length;
        if (_about.Length < length) _about = new byte[Math.Max(length, 2 * _about.Length)];
        BinaryPrimitives.WriteUInt32LittleEndian(_about, (uint)type);
        json.CopyTo(_about.AsSpan(sizeof(uint)));
        return _about.AsSpan(0, length);
    }

    private void Forget()
    {
        foreach (var (aes, _) in _known.Values) aes?.Dispose();
        _known.Clear();
    }
}

/// <summary>What was sealed with a record.</summary>
/// <param name="Said">The members that its JSON leaves out, as one JSON object; empty when there are none.</param>
/// <param name="Content">The kept bytes.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct OpenedContent(ReadOnlyMemory<byte> Said, ReadOnlyMemory<byte> Content);
