using System.Runtime.InteropServices;

namespace Postern.Protocols.Kubernetes.Wire.Spdy;

/// <summary>What a frame is; the numbers are those of its control type, and 0 stands for data.</summary>
internal enum SpdyKind
{
    Data = 0,
    SynStream = 1,
    SynReply = 2,
    Reset = 3,
    Settings = 4,
    Ping = 6,
    GoAway = 7,
    Headers = 8,
    WindowUpdate = 9,
}

/// <summary>One frame, or a piece of the data of one.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Id">The stream; of a ping its own number; of a farewell the last stream that was heard of; of settings 0.</param>
/// <param name="IsLast">True when nothing more comes from this side on the stream.</param>
/// <param name="Content">Data, or headers as they are compressed; good until the next frame is read.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct SpdyFrame(SpdyKind Kind, int Id, bool IsLast, ReadOnlyMemory<byte> Content);

/// <summary>Numbers of SPDY/3.1.</summary>
internal static class SpdyNumbers
{
    /// <summary>Of a control frame: the version, with the bit that says so.</summary>
    public const ushort Version = 0x8003;

    /// <summary>The flag of the last frame of a stream.</summary>
    public const byte Last = 1;

    /// <summary>Bytes before each frame's payload.</summary>
    public const int Head = 8;

    /// <summary>Why a stream is reset: not taken, nothing was done.</summary>
    public const int RefusedStream = 3;

    /// <summary>Why a stream is reset: not wanted any more.</summary>
    public const int Cancel = 5;
}
