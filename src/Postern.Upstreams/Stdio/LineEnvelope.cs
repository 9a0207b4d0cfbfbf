using System.Runtime.InteropServices;

namespace Postern.Upstreams.Stdio;

/// <summary>What one line is.</summary>
public enum LineKind
{
    /// <summary>Not a message.</summary>
    Invalid,

    /// <summary>Wants an answer.</summary>
    Request,

    /// <summary>Wants none.</summary>
    Notification,

    /// <summary>An answer, be it an error.</summary>
    Response,
}

/// <summary>A raw token in a message.</summary>
[StructLayout(LayoutKind.Auto)]
public readonly record struct Slot(int Start, int Length)
{
    /// <summary>There is none.</summary>
    public bool IsEmpty => Length == 0;

    internal ReadOnlySpan<byte> Of(ReadOnlySpan<byte> message) => message.Slice(Start, Length);
}

/// <summary>What a pipe that several streams share must know of a message: whose it is. The rest stays as it was written.</summary>
[StructLayout(LayoutKind.Auto)]
public readonly record struct LineEnvelope(LineKind Kind)
{
    /// <summary>The method, or null.</summary>
    public string? Method { get; init; }

    /// <summary>The raw <c>id</c>.</summary>
    public Slot Id { get; init; }

    /// <summary>The raw progress token: asked for by a request, or named by a progress notification.</summary>
    public Slot ProgressToken { get; init; }

    /// <summary>The raw id that a cancellation names.</summary>
    public Slot RequestId { get; init; }

    /// <summary>The raw id of the subscription that a notification belongs to.</summary>
    public Slot Subscription { get; init; }

    /// <summary>The code of an error, or null.</summary>
    public int? ErrorCode { get; init; }

    /// <summary>A message of the era in which every request stands alone.</summary>
    public bool StandsAlone { get; init; }
}

/// <summary>Reads the envelope of one message; the protocol's own reader, so that nobody reads a message in two ways.</summary>
public delegate LineEnvelope EnvelopeReader(ReadOnlySpan<byte> message);
