using System.Buffers;
using Postern.Core.Masking;
using Postern.Core.Operations;
using Postern.Core.Recording;

namespace Postern.Core.Pipeline;

/// <summary>
/// The one way of a caller's input to the target after the opening request: journal (masked), commit, send, in order (G1).
/// </summary>
public sealed class InputGate
{
    private readonly Masker _record;
    private readonly IAccount _account;
    private readonly CancellationToken _ended;

    internal InputGate(Masker record, IAccount account, CancellationToken ended)
    {
        _record = record;
        _account = account;
        _ended = ended;
    }

    /// <summary>Returns when the frame is durable in the record and handed to the target.</summary>
    /// <exception cref="MaskingException">It cannot be parsed under the masks of its record; nothing of it is sent.</exception>
    /// <exception cref="RecordingException">It cannot be written down; nothing of it is sent.</exception>
    public async ValueTask SendAsync(ReadOnlyMemory<byte> content, FrameShape shape, IInputSink target)
    {
        _ended.ThrowIfCancellationRequested();
        using (var recorded = new PooledFrame(content.Length + 64))
        {
            var count = shape.Form == FrameForm.Bytes && !_record.IsEmpty ? NotKept(content.Span, recorded) : _record.Apply(content.Span, shape, recorded);
            await _account.AppendAsync(FrameDirection.Input, new Masked<ReadOnlyMemory<byte>>(recorded.Written), count).ConfigureAwait(false);
        }
        await target.WriteAsync(content, _ended).ConfigureAwait(false);
    }

    // The target gets it as it is; a record that masks cannot clean says only what would prove it.
    private static int NotKept(ReadOnlySpan<byte> content, PooledFrame recorded)
    {
        recorded.Write(System.Text.Encoding.ASCII.GetBytes(string.Create(System.Globalization.CultureInfo.InvariantCulture, $"not kept: {content.Length} bytes, sha256 {Digest.Of(content)}\n")));
        return 1;
    }
}
