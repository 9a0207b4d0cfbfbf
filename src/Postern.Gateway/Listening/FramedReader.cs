using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using BadHttpRequestException = Microsoft.AspNetCore.Http.BadHttpRequestException;

namespace Postern.Gateway.Listening;

/// <summary>
/// Stands between a connection and Kestrel, and looks at each byte once on its way, where it lies. A head of HTTP/1.1 with a fault is still
/// read by Kestrel, so that the caller can be answered; <see cref="StrictRequests"/> refuses it. Anything else with one ends there.
/// </summary>
internal sealed class FramedReader(PipeReader inner, IConnectionFraming framing) : PipeReader
{
    private ReadOnlySequence<byte> _buffer;
    private long _seen;

    /// <summary>What is wrong with what came over this connection; null as long as nothing is.</summary>
    public string? Fault => framing.Fault;

    /// <summary>The other end of the connection, whatever a proxy says of others behind it.</summary>
    public IPAddress? Peer { get; private init; }

    /// <summary>Puts one into each connection: what HTTP/1.1 frames in lines is read strictly, what HTTP/2 frames in binary is counted.</summary>
    public static void Use(ListenOptions listen, TimeProvider clock) => listen.Use(next => connection =>
    {
        var isLater = connection.Features.Get<ITlsHandshakeFeature>() is not null && connection.Features.Get<ITlsApplicationProtocolFeature>()?.ApplicationProtocol.Span.SequenceEqual("h2"u8) == true;
        var reader = new FramedReader(connection.Transport.Input, isLater ? new FrameWatch(clock) : new RequestFraming()) { Peer = (connection.RemoteEndPoint as IPEndPoint)?.Address };
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
        if (framing.Fault is null && _buffer.Length > _seen)
        {
            if (_buffer.IsSingleSegment)
            {
                framing.Read(_buffer.FirstSpan[(int)_seen..]);
            }
            else
            {
                foreach (var piece in _buffer.Slice(_seen)) framing.Read(piece.Span);
            }
            _seen = _buffer.Length;
        }
        // Whoever reads the body is told; no piece of it that comes later counts.
        return framing is { Fault: { } fault, IsFatal: true } ? throw new BadHttpRequestException(fault, StatusCodes.Status400BadRequest) : result;
    }

    private sealed class Pipe(PipeReader input, PipeWriter output) : IDuplexPipe
    {
        public PipeReader Input => input;

        public PipeWriter Output => output;
    }
}
