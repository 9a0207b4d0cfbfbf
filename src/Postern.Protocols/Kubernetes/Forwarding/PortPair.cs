using System.Buffers;
using System.Text;
using System.Threading.Channels;
using Postern.Core.Approvals;
using Postern.Core.Masking;
using Postern.Core.Operations;
using Postern.Core.Pipeline;
using Postern.Protocols.Kubernetes.Streams;
using Postern.Protocols.Kubernetes.Wire.Spdy;

namespace Postern.Protocols.Kubernetes.Forwarding;

/// <summary>
/// One forwarded connection: its two streams toward the caller, its own operation, and what the caller sent that the target has not taken yet.
/// </summary>
internal sealed class PortPair(KubernetesGateway gateway, PortSession session, string request, int port, int errorStream) : IExchange, IReplySink, IDisposable
{
    /// <summary>Pieces that may wait for the target before the caller's whole connection is read no further (SPDY as kubectl speaks it has no windows).</summary>
    public const int MaxWaiting = 8;

    /// <summary>How long a target, or the people who are asked, may leave those untaken: the other connections wait with this one.</summary>
    public static readonly TimeSpan Stalled = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan Goodbye = TimeSpan.FromSeconds(1);

    private readonly Channel<ArraySegment<byte>> _input = Channel.CreateBounded<ArraySegment<byte>>(new BoundedChannelOptions(MaxWaiting) { SingleReader = true, SingleWriter = true });
    private readonly ArrayBufferWriter<byte> _content = new(4096);
    private readonly CancellationTokenSource _gone = new();
    private KubernetesAsk? _ask;
    private PortPump? _pump;
    private LastResort? _lastResort;
    private volatile bool _isOver;
    private volatile bool _isDone;
    private string? _fault;

    /// <summary>The caller's own name for it, of which no two run at once.</summary>
    public string Request => request;

    /// <summary>The port in the pod.</summary>
    public int Port => port;

    /// <summary>The stream on which the caller hears why not.</summary>
    public int ErrorStream => errorStream;

    /// <summary>The stream of the bytes; 0 until it is opened.</summary>
    public int DataStream { get; private set; }

    /// <summary>True when nothing of it runs any more.</summary>
    public bool IsOver => _isOver;

    /// <summary>Ends when nothing of it runs any more; never fails.</summary>
    public Task Running { get; private set; } = Task.CompletedTask;

    /// <inheritdoc/>
    public Operation Operation => _ask!.Operation;

    /// <inheritdoc/>
    public TimeSpan Patience => gateway.Services.LongestWait;

    /// <inheritdoc/>
    public IReplySink Replies => this;

    /// <summary>Both streams are there: asks, and forwards.</summary>
    public void Start(int dataStream, KubernetesAsk ask, Identity identity)
    {
        DataStream = dataStream;
        _ask = ask;
        Running = RunAsync(identity);
    }

    /// <summary>Takes what the caller sent. Waits while too much of it is untaken.</summary>
    public async ValueTask TakeAsync(ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        var piece = ArrayPool<byte>.Shared.Rent(content.Length);
        content.CopyTo(piece);
        try
        {
            if (_input.Writer.TryWrite(new ArraySegment<byte>(piece, 0, content.Length))) return;
            await _input.Writer.WriteAsync(new ArraySegment<byte>(piece, 0, content.Length), cancellationToken).AsTask().WaitAsync(Stalled, session.Clock, cancellationToken).ConfigureAwait(false);
        }
        catch (ChannelClosedException)
        {
            // It is over; what is still on its way goes nowhere.
            ArrayPool<byte>.Shared.Return(piece, clearArray: true);
        }
        catch (TimeoutException)
        {
            _fault = "what was sent over this connection was not taken for half a minute";
            Leave();
        }
    }

    /// <summary>The caller sends nothing more.</summary>
    public void EndInput() => _input.Writer.TryComplete();

    /// <summary>The caller wants nothing more of it.</summary>
    public void Leave()
    {
        if (_isDone || _isOver) return;
        if (DataStream == 0) _isOver = true;
        _gone.CancelQuietly();
    }

    /// <summary>Ends it if only a last word of the target is waited for; true when it was.</summary>
    public bool TryEndWaiting() => _pump?.TryEndWaiting() is true;

    /// <inheritdoc/>
    public async ValueTask ForwardAsync(Clearance clearance, CancellationToken cancellationToken)
    {
        // A caller that takes nothing would keep this from ending: then all of its connection goes.
        _lastResort = new LastResort(session.Clock, session.Cut);
        await using var registration = _lastResort.At(cancellationToken).ConfigureAwait(false);
        var pump = _pump = new PortPump(gateway, _ask!, port, _input.Reader, clearance, session.Clock);
        await pump.RunAsync(cancellationToken).ConfigureAwait(false);
        await clearance.Replies.FlushAsync().ConfigureAwait(false);
        // From here on the caller's reset says what we know: that it is over.
        _isDone = true;
        await session.Writer.DataAsync(errorStream, default, isLast: true).ConfigureAwait(false);
        await session.Writer.DataAsync(DataStream, default, isLast: true).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public ValueTask WriteAsync(Masked<ReadOnlyMemory<byte>> content, object? tag, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        _content.ResetWrittenCount();
        StreamEvent.WriteContent(content.Value.Span, _content);
        return session.Writer.DataAsync(ReferenceEquals(tag, PortPump.ErrorTag) ? errorStream : DataStream, _content.WrittenMemory, isLast: false);
    }

    /// <inheritdoc/>
    public async ValueTask RefuseAsync(Refusal refusal, CancellationToken cancellationToken)
    {
        var fault = _pump?.Fault ?? _fault;
        await RefuseAsync(KubernetesStatus.SentenceOf(fault is null ? refusal : refusal with { Reason = $"{fault}. {refusal.Reason}" })).WaitAsync(Goodbye, session.Clock, CancellationToken.None).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public ValueTask PendAsync(Refusal refusal, Hold hold, CancellationToken cancellationToken) => RefuseAsync(refusal, cancellationToken);

    public void Dispose()
    {
        _lastResort?.Dispose();
        _gone.Dispose();
    }

    private async Task RefuseAsync(string sentence)
    {
        await session.Writer.DataAsync(errorStream, Encoding.UTF8.GetBytes(sentence), isLast: true).ConfigureAwait(false);
        // Not the end of data: what was begun must not look complete.
        await session.Writer.ResetAsync(DataStream, SpdyNumbers.Cancel).ConfigureAwait(false);
    }

    private async Task RunAsync(Identity identity)
    {
        try
        {
            await gateway.Services.Pipeline.RunAsync(this, identity, _gone.Token).ConfigureAwait(false);
        }
        finally
        {
            _isOver = true;
            _lastResort?.Dispose();
            _input.Writer.TryComplete();
            while (_input.Reader.TryRead(out var piece)) ArrayPool<byte>.Shared.Return(piece.Array!, clearArray: true);
        }
    }
}
