using System.Buffers.Binary;

namespace Postern.Gateway.Listening;

/// <summary>
/// Follows the frames of one HTTP/2 connection (RFC 9113 section 4.1) by their heads alone, and ends it when too many of them ask for
/// work and carry none: streams that are opened and reset at once (Rapid Reset, CVE-2023-44487), pings and settings that must be answered
/// (CVE-2019-9512, CVE-2019-9515), header blocks in endless pieces, empty data. What frames mean is the server's to read.
/// </summary>
internal sealed class FrameWatch(TimeProvider clock) : IConnectionFraming
{
    /// <summary>So many such frames may come at once.</summary>
    public const int Burst = 1_000;

    /// <summary>So many may follow in each second.</summary>
    public const int PerSecond = 200;

    /// <summary>Pieces of one header block; the largest that is read needs three.</summary>
    public const int MaxContinuations = 16;

    private const int PrefaceBytes = 24;
    private const int HeadBytes = 9;

    private readonly byte[] _head = new byte[HeadBytes];
    private int _have;
    private long _skip = PrefaceBytes;
    private int _continuations;
    private double _credit = Burst;
    private long _seen = clock.GetTimestamp();

    private enum FrameType : byte
    {
        Data = 0,
        Headers = 1,
        WindowUpdate = 8,
        Continuation = 9,
    }

    /// <inheritdoc/>
    public string? Fault { get; private set; }

    /// <inheritdoc/>
    public bool IsFatal => true;

    /// <inheritdoc/>
    public void Read(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty && Fault is null)
        {
            if (_skip > 0)
            {
                var skipped = (int)Math.Min(_skip, bytes.Length);
                _skip -= skipped;
                bytes = bytes[skipped..];
                continue;
            }
            var taken = Math.Min(HeadBytes - _have, bytes.Length);
            bytes[..taken].CopyTo(_head.AsSpan(_have));
            _have += taken;
            bytes = bytes[taken..];
            if (_have < HeadBytes) return;
            _have = 0;
            _skip = BinaryPrimitives.ReadUInt32BigEndian(_head) >> 8;
            Take((FrameType)_head[3], isEmpty: _skip == 0, flags: _head[4]);
        }
    }

    private void Take(FrameType type, bool isEmpty, byte flags)
    {
        const byte EndStream = 0x1;
        switch (type)
        {
            case FrameType.Headers:
                _continuations = 0;
                return;
            case FrameType.Continuation:
                if (++_continuations > MaxContinuations) Fault = "a header block comes in too many pieces";
                return;
            // How often windows are opened follows from what the caller reads.
            case FrameType.WindowUpdate:
            case FrameType.Data when !isEmpty || (flags & EndStream) != 0:
                return;
            default:
                Spend();
                return;
        }
    }

    private void Spend()
    {
        var now = clock.GetTimestamp();
        _credit = Math.Min(Burst, _credit + (clock.GetElapsedTime(_seen, now).TotalSeconds * PerSecond));
        _seen = now;
        if (--_credit < 0) Fault = "too many frames that carry nothing";
    }
}
