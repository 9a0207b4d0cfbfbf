using System.Buffers.Binary;

namespace Postern.Protocols.Kubernetes.Wire.Spdy;

/// <summary>
/// Writes the frames that a server of SPDY/3.1 says, each whole: several streams write at once. Nothing here ends in the middle of a frame, because what
/// came after it would be read as another; a client that takes nothing is let go of by its owner.
/// </summary>
internal sealed class SpdyWriter(Stream stream) : IDisposable
{
    // No header is ever said. A stored block with the count of none, and an empty one behind it, at which readers hand out what they have.
    private static readonly byte[] s_noHeaders = [0, 4, 0, 0xfb, 0xff, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];

    private readonly SemaphoreSlim _turn = new(1);
    private readonly byte[] _frame = new byte[SpdyNumbers.Head + SpdyReader.MaxPiece];
    private bool _hasBegun;

    /// <summary>Says that a stream is taken.</summary>
    public async ValueTask ReplyAsync(int id)
    {
        await _turn.WaitAsync().ConfigureAwait(false);
        try
        {
            var length = Begin(SpdyKind.SynReply, id);
            if (!_hasBegun)
            {
                // zlib, the largest window, with a dictionary, and which (RFC 1950 section 2.2).
                _frame[length++] = 0x78;
                _frame[length++] = 0xbb;
                BinaryPrimitives.WriteUInt32BigEndian(_frame.AsSpan(length), SpdyDictionary.Id);
                length += 4;
                _hasBegun = true;
            }
            s_noHeaders.CopyTo(_frame.AsSpan(length));
            await SendAsync(length + s_noHeaders.Length, 0).ConfigureAwait(false);
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>Says data, in as many frames as it takes.</summary>
    public async ValueTask DataAsync(int id, ReadOnlyMemory<byte> content, bool isLast)
    {
        do
        {
            var piece = content[..Math.Min(content.Length, SpdyReader.MaxPiece)];
            content = content[piece.Length..];
            await _turn.WaitAsync().ConfigureAwait(false);
            try
            {
                BinaryPrimitives.WriteInt32BigEndian(_frame, id);
                piece.Span.CopyTo(_frame.AsSpan(SpdyNumbers.Head));
                await SendAsync(SpdyNumbers.Head + piece.Length, isLast && content.IsEmpty ? SpdyNumbers.Last : (byte)0).ConfigureAwait(false);
            }
            finally
            {
                _turn.Release();
            }
        }
        while (!content.IsEmpty);
    }

    /// <summary>Ends a stream at once.</summary>
    public ValueTask ResetAsync(int id, int why) => ControlAsync(SpdyKind.Reset, id, why);

    /// <summary>Answers a ping.</summary>
    public ValueTask PingAsync(int number) => ControlAsync(SpdyKind.Ping, number, null);

    /// <summary>Says that no stream after this one was taken, and none will be.</summary>
    public ValueTask GoAwayAsync(int last, bool isFault) => ControlAsync(SpdyKind.GoAway, last, isFault ? 1 : 0);

    public void Dispose() => _turn.Dispose();

    private async ValueTask ControlAsync(SpdyKind kind, int first, int? second)
    {
        await _turn.WaitAsync().ConfigureAwait(false);
        try
        {
            var length = Begin(kind, first);
            if (second is { } more)
            {
                BinaryPrimitives.WriteInt32BigEndian(_frame.AsSpan(length), more);
                length += 4;
            }
            await SendAsync(length, 0).ConfigureAwait(false);
        }
        finally
        {
            _turn.Release();
        }
    }

    private int Begin(SpdyKind kind, int first)
    {
        BinaryPrimitives.WriteUInt16BigEndian(_frame, SpdyNumbers.Version);
        BinaryPrimitives.WriteUInt16BigEndian(_frame.AsSpan(2), (ushort)kind);
        BinaryPrimitives.WriteInt32BigEndian(_frame.AsSpan(SpdyNumbers.Head), first);
        return SpdyNumbers.Head + 4;
    }

    private async ValueTask SendAsync(int length, byte flags)
    {
        BinaryPrimitives.WriteInt32BigEndian(_frame.AsSpan(4), length - SpdyNumbers.Head);
        _frame[4] = flags;
        await stream.WriteAsync(_frame.AsMemory(0, length)).ConfigureAwait(false);
        await stream.FlushAsync().ConfigureAwait(false);
    }
}
