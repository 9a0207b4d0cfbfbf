using System.Buffers;
using Postern.Core.Masking;
using Postern.Core.Recording;

namespace Postern.Core.Pipeline;

/// <summary>
/// The one way of a caller's input to the target after the opening request: journal (masked), commit, send, in order (G1).
/// </summary>
public sealed class InputGate
{
    private readonly Masker _record;
    private readonly IAccount _account;

    internal InputGate(Masker record, IAccount account)
    {
        _record = record;
        _account = account;
    }

    /// <summary>Returns when the frame is durable in the record and handed to the target.</summary>
    public async ValueTask SendAsync(ReadOnlyMemory<byte> content, FrameShape shape, IInputSink target, CancellationToken cancellationToken)
    {
        var recorded = new ArrayBufferWriter<byte>(Math.Max(content.Length, 16));
        var count = _record.Apply(content.Span, shape, recorded);
        await _account.AppendAsync(FrameDirection.Input, new Masked<ReadOnlyMemory<byte>>(recorded.WrittenMemory), count).ConfigureAwait(false);
        await target.WriteAsync(content, cancellationToken).ConfigureAwait(false);
    }
}
