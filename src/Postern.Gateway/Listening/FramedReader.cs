using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Postern.Gateway.Listening;

/// <summary>
/// Stands between a connection and Kestrel, and looks at each byte once on its way, where it lies. A head with a fault is still read by
/// Kestrel, so that the caller can be answered; <see cref="StrictRequests"/> refuses it. A body with one ends there.
/// </summary>
internal sealed class FramedReader(PipeReader inner) : PipeReader
{
    private readonly RequestFraming _framing = new();
    private ReadOnlySequence<byte> _buffer;
    private long _seen;

    /// <summary>What is wrong with what came over this connection; null as long as nothing is.</summary>
    public string? Fault => _framing.Fault;

    /// <summary>Puts one into each HTTP/1.1 connection.</summary>
    public static void Use(ListenOptions listen) => listen.Use(next => connection =>
    {
        // Other versions frame in binary, which leaves no such room.
        var isLater = connection.Features.Get<ITlsHandshakeFeature>() is not null && connection.Features.Get<Microsoft.AspNetCore.Server.Kestrel.Core.Features.ITlsApplicationProtocolFeature>()?.ApplicationProtocol.Span.SequenceEqual("h2"u8) == true;
        if (isLater) return next(connection);
        var reader = new FramedReader(connection.Transport.Input);
        connection.Transport = new Pipe(reader, connection.Transport.Output);
        connection.Features.Set(reader);
        return next(connection);
    });

    public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        var read = inner.ReadAsync(cancellationToken);
        return read.IsCompletedSuccessfully ? new ValueTask<ReadResult>(Look(read.Result)) : LookAsync(read);
    }

    public override bool TryRead(out ReadResult result)
    {
        if (!inner.TryRead(out result)) return false;
        result = Look(result);
        return true;
    }

    public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        _seen -= _buffer.Slice(0, consumed).Length;
        _buffer = default;
        inner.AdvanceTo(consumed, examined);
    }

    public override void CancelPendingRead() => inner.CancelPendingRead();

    public override void Complete(Exception? exception = null) => inner.Complete(exception);

    public override ValueTask CompleteAsync(Exception? exception = null) => inner.CompleteAsync(exception);

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<ReadResult> LookAsync(ValueTask<ReadResult> read) => Look(await read.ConfigureAwait(false));

    private ReadResult Look(in ReadResult result)
    {
        _buffer = result.Buffer;
        if (_framing.Fault is null && _buffer.Length > _seen)
        {
            if (_buffer.IsSingleSegment)
            {
                _framing.Read(_buffer.FirstSpan[(int)_seen..]);
            }
            else
            {
                foreach (var piece in _buffer.Slice(_seen)) _framing.Read(piece.Span);
            }
            _seen = _buffer.Length;
        }
        // Whoever reads the body is told; no piece of it that comes later counts.
        return _framing is { Fault: { } fault, IsInBody: true } ? throw new Microsoft.AspNetCore.Http.BadHttpRequestException(fault, StatusCodes.Status400BadRequest) : result;
    }

    private sealed class Pipe(PipeReader input, PipeWriter output) : IDuplexPipe
    {
        public PipeReader Input => input;

        public PipeWriter Output => output;
    }
}
