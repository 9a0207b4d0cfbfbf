using System.Net;
using Postern.Core.Pipeline;

namespace Postern.Upstreams.Http2;

/// <summary>
/// The body of a request over HTTP/2, whole or as it arrives. It may be on its way while the response is read, and is ended with it. Trailers
/// have no room here: the platform sends none.
/// </summary>
internal sealed class Http2Upload : HttpContent
{
    private readonly ReadOnlyMemory<byte> _whole;
    private readonly UpstreamBody.Streamed? _pieces;
    private readonly DeadlineWatch _deadlines;
    private readonly UpstreamPatience _patience;
    private readonly Deadline _answer;
    private readonly CancellationTokenSource _over = new();
    private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly long? _length;
    private int _began;
    private volatile bool _isResponding;

    public Http2Upload(ReadOnlyMemory<byte> whole, DeadlineWatch deadlines, UpstreamPatience patience, Deadline answer)
        : this(deadlines, patience, answer, whole.Length) => _whole = whole;

    public Http2Upload(UpstreamBody.Streamed pieces, DeadlineWatch deadlines, UpstreamPatience patience, Deadline answer)
        : this(deadlines, patience, answer, pieces.Length) => _pieces = pieces;

    private Http2Upload(DeadlineWatch deadlines, UpstreamPatience patience, Deadline answer, long? length)
    {
        (_deadlines, _patience, _answer, _length) = (deadlines, patience, answer, length);
        Headers.ContentLength = length;
    }

    /// <summary>Why the body could not be had; the target is not to blame.</summary>
    public Exception? Fault { get; private set; }

    /// <summary>The target stopped taking it.</summary>
    public bool HasStalled { get; private set; }

    /// <summary>Nothing of it is on its way.</summary>
    public bool IsOver => _done.Task.IsCompleted;

    /// <summary>The head of the response is there: the deadline for it is no longer this one's to set.</summary>
    public void Answered() => _isResponding = true;

    /// <summary>Ends what is still on its way, and returns when nothing of it touches the caller any more.</summary>
    public async ValueTask EndAsync()
    {
        if (Interlocked.Exchange(ref _began, 1) == 0) _done.TrySetResult();
        if (!_done.Task.IsCompleted) await _over.CancelAsync().ConfigureAwait(false);
        await _done.Task.ConfigureAwait(false);
    }

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        if (Interlocked.Exchange(ref _began, 1) != 0) throw new SentTwiceException();
        try
        {
            using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _over.Token);
            if (_pieces is null)
            {
                await stream.WriteAsync(_whole, both.Token).ConfigureAwait(false);
                return;
            }
            var sink = new Sink(this, stream, both.Token);
            try
            {
                // The head would otherwise wait for the first piece, and an answer to it for the caller.
                await sink.FlushAsync().ConfigureAwait(false);
                await _pieces.Pump(sink).ConfigureAwait(false);
                if (_length is { } length && sink.Sent != length) throw new UpstreamException(RefusalCode.InvalidRequest, "the body is shorter than it said");
            }
            catch (Exception fault) when (!sink.IsBroken && !both.Token.IsCancellationRequested)
            {
                Fault = fault;
                throw;
            }
            if (!_isResponding) _answer.Set(_deadlines.Clock.GetTimestamp(), _patience.Head);
        }
        finally
        {
            _done.TrySetResult();
        }
    }

    protected override bool TryComputeLength(out long length)
    {
        length = _length ?? 0;
        return _length is not null;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing && _done.Task.IsCompleted) _over.Dispose();
        base.Dispose(disposing);
    }

    private sealed class Sink(Http2Upload upload, Stream stream, CancellationToken over) : UploadSink
    {
        public long Sent { get; private set; }

        public bool IsBroken { get; private set; }

        public override CancellationToken Over => over;

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
        {
            Sent += content.Length;
            if (Sent > upload._length) throw new UpstreamException(RefusalCode.InvalidRequest, "the body is longer than it said");
            return SendAsync(content);
        }

        public ValueTask FlushAsync() => SendAsync(ReadOnlyMemory<byte>.Empty);

        private async ValueTask SendAsync(ReadOnlyMemory<byte> content)
        {
            var deadline = upload._deadlines.Take(over);
            try
            {
                deadline.Set(upload._deadlines.Clock.GetTimestamp(), upload._patience.Idle);
                if (!content.IsEmpty) await stream.WriteAsync(content, deadline.Token).ConfigureAwait(false);
                // Whoever sends piece by piece may wait for an answer to each.
                await stream.FlushAsync(deadline.Token).ConfigureAwait(false);
            }
            catch
            {
                IsBroken = true;
                upload.HasStalled = deadline.HasPassed;
                throw;
            }
            finally
            {
                upload._deadlines.Return(deadline);
            }
        }
    }
}
