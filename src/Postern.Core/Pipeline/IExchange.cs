using Postern.Core.Approvals;
using Postern.Core.Masking;
using Postern.Core.Operations;

namespace Postern.Core.Pipeline;

/// <summary>
/// One operation in flight, as its protocol sees it. The pipeline calls exactly one of <see cref="ForwardAsync"/>,
/// <see cref="RefuseAsync"/> and <see cref="PendAsync"/> first; a forward that breaks is followed by a refusal.
/// </summary>
public interface IExchange
{
    /// <summary>What is asked.</summary>
    Operation Operation { get; }

    /// <summary>How long this caller can wait inline for people; zero when it cannot.</summary>
    TimeSpan Patience { get; }

    /// <summary>Puts released frames on the caller's wire. The only way to the caller for values.</summary>
    IReplySink Replies { get; }

    /// <summary>
    /// Sends the judged bytes to the target and passes every reply frame through <see cref="Clearance.Replies"/>.
    /// </summary>
    /// <exception cref="UpstreamException">The target could not be reached or answered with what cannot be passed on.</exception>
    ValueTask ForwardAsync(Clearance clearance, CancellationToken cancellationToken);

    /// <summary>
    /// Tells the caller no, in the protocol's own words. When part of a reply was already released, ends it with an error
    /// or cuts it; never as if complete.
    /// </summary>
    ValueTask RefuseAsync(Refusal refusal, CancellationToken cancellationToken);

    /// <summary>
    /// The caller is kept waiting for people. Called when the waiting begins, and again every <see cref="ApprovalDesk.SignOfLife"/>;
    /// before it any of the three above. Does nothing unless the protocol has a way to keep a wire alive or to hear that the caller
    /// gave up, which it says by <see cref="Waiting.Leave"/>.
    /// </summary>
    /// <param name="refusal">What the caller would be told if it could not wait.</param>
    /// <param name="waiting">The waiting.</param>
    /// <param name="cancellationToken">Fires when the caller is gone.</param>
    ValueTask WaitAsync(Refusal refusal, Waiting waiting, CancellationToken cancellationToken) => default;

    /// <summary>
    /// Finds out what the operation would change, before people are asked: text for them, after masks; empty where the protocol cannot say. Must change
    /// nothing at the target. What it throws is told to people as not known.
    /// </summary>
    /// <param name="identity">Who asked for it.</param>
    /// <param name="cancellationToken">Fires when it has taken too long.</param>
    ValueTask<ReadOnlyMemory<byte>> ForeseeAsync(Identity identity, CancellationToken cancellationToken) => default;

    /// <summary>Tells the caller that people are asked, in the protocol's own words.</summary>
    ValueTask PendAsync(Refusal refusal, Hold hold, CancellationToken cancellationToken);
}

/// <summary>The caller's end of the wire: takes nothing but what masks have seen and the journal holds.</summary>
public interface IReplySink
{
    /// <summary>Writes one frame, with the protocol's structure around it, and flushes it.</summary>
    /// <param name="content">The masked content; valid until the returned task completes.</param>
    /// <param name="tag">The protocol's own mark from <see cref="ReplyFrame.Tag"/>.</param>
    /// <param name="cancellationToken">Ends with the caller or the clearance.</param>
    ValueTask WriteAsync(Masked<ReadOnlyMemory<byte>> content, object? tag, CancellationToken cancellationToken);
}

/// <summary>The target's end of the wire for input after the opening request.</summary>
public interface IInputSink
{
    /// <summary>Sends one frame to the target as the caller wrote it.</summary>
    ValueTask WriteAsync(ReadOnlyMemory<byte> content, CancellationToken cancellationToken);
}

/// <summary>One frame of a reply, before masks.</summary>
/// <param name="Content">Whole content; copied or consumed before the gate's call returns.</param>
/// <param name="Shape">How masks read it.</param>
/// <param name="Tag">Structure that the sink needs (an event name, say); never a value from the target.</param>
/// <param name="Rows">How many rows of a result it holds, in protocols that have rows; what limits count.</param>
public readonly record struct ReplyFrame(ReadOnlyMemory<byte> Content, FrameShape Shape, object? Tag = null, int Rows = 0)
{
    /// <summary>True for what stands in the record elsewhere already: its digest is recorded, and no copy, which the erasure of the original would not reach.</summary>
    public bool IsRecordedElsewhere { get; init; }
}

/// <summary>The target could not be reached, or answered with what cannot be passed on.</summary>
/// <param name="code">One of the <c>upstream.*</c> codes.</param>
/// <param name="message">For the record; holds no value and no credential.</param>
/// <param name="inner">The cause.</param>
public sealed class UpstreamException(string code, string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>One of the <c>upstream.*</c> codes of <see cref="RefusalCode"/>.</summary>
    public string Code { get; } = code;

    /// <summary>True when it is certain that nothing of the request reached the target.</summary>
    public bool NothingWasSent { get; init; }
}
