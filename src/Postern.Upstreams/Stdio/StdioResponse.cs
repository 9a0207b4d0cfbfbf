using System.Globalization;
using Postern.Core.Pipeline;

namespace Postern.Upstreams.Stdio;

/// <summary>What a child answers, in the words of a target over HTTP, so that no protocol needs to know which it speaks to.</summary>
internal abstract class StdioResponse(int status, string? contentType) : UpstreamResponse
{
    public const string SessionHeader = "Mcp-Session-Id";

    /// <summary>The session that the request opened, or null.</summary>
    public string? Session { get; init; }

    public override int Status => status;

    /// <summary>A status alone.</summary>
    public static StdioResponse Of(int status) => new Whole(status, null, default);

    /// <summary>One message, or an event stream of it.</summary>
    public static StdioResponse Of(int status, string contentType, ReadOnlyMemory<byte> body, string? session = null) => new Whole(status, contentType, body) { Session = session };

    public override string? Header(string name) => name switch
    {
        "Content-Type" => contentType,
        SessionHeader => Session,
        _ => null,
    };

    private sealed class Whole(int status, string? contentType, ReadOnlyMemory<byte> body) : StdioResponse(status, contentType)
    {
        private int _read;

        public override string? Header(string name) => name == "Content-Length" ? body.Length.ToString(CultureInfo.InvariantCulture) : base.Header(name);

        public override ValueTask<int> ReadAsync(Memory<byte> into, bool isMidMessage)
        {
            var length = Math.Min(into.Length, body.Length - _read);
            body.Slice(_read, length).CopyTo(into);
            _read += length;
            return new(length);
        }

        public override ValueTask DisposeAsync() => default;
    }
}

/// <summary>The messages of a child for one stream of a client, as they come.</summary>
/// <param name="stream">Where they come.</param>
/// <param name="silence">The longest wait between two of them; infinite for a stream that only listens.</param>
/// <param name="clock">All time.</param>
/// <param name="over">What is to happen when the caller is done with it, be the answer complete or not.</param>
/// <param name="cancellationToken">Ends the reading.</param>
internal sealed class StdioStreamResponse(ChildStream stream, TimeSpan silence, TimeProvider clock, Func<ValueTask> over, CancellationToken cancellationToken) : StdioResponse(200, "text/event-stream")
{
    private bool _isDisposed;

    public ChildStream Stream => stream;

    public override async ValueTask<int> ReadAsync(Memory<byte> into, bool isMidMessage)
    {
        var read = stream.ReadAsync(into, cancellationToken);
        try
        {
            // The usual case while a child talks: it is there.
            if (read.IsCompleted || silence == Timeout.InfiniteTimeSpan) return await read.ConfigureAwait(false);
            return await read.AsTask().WaitAsync(silence, clock, CancellationToken.None).ConfigureAwait(false);
        }
        catch (TimeoutException fault)
        {
            stream.Fail("silent for too long"); // so that the read above ends as well
            throw new UpstreamException(RefusalCode.UpstreamUnavailable, "the target's stream was silent for too long", fault);
        }
        catch (IOException fault)
        {
            throw new UpstreamException(RefusalCode.UpstreamInvalid, fault.Message, fault);
        }
    }

    /// <summary>Waits for the first message. False when there was none in time, or the child ended.</summary>
    public async ValueTask<bool> FirstAsync(TimeSpan patience)
    {
        using var late = new CancellationTokenSource(patience, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(late.Token, cancellationToken);
        try
        {
            return await stream.FirstAsync(either.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return false;
        }
    }

    public override async ValueTask DisposeAsync()
    {
        if (_isDisposed) return;
        _isDisposed = true;
        await over().ConfigureAwait(false);
        stream.Dispose();
    }
}
