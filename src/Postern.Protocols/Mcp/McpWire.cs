using System.Runtime.CompilerServices;
using System.Buffers;
using Microsoft.AspNetCore.Http;
using Postern.Core.Masking;
using Postern.Core.Pipeline;
using Postern.Protocols.HttpData.Wire;
using Postern.Protocols.Mcp.Wire;

namespace Postern.Protocols.Mcp;

/// <summary>The framing of one event towards the client. Ids are sealed by the gateway; nothing here is text of the target.</summary>
internal sealed class SseTag
{
    /// <summary>Data and nothing else.</summary>
    public static readonly SseTag Plain = new() { HasData = true };

    public string? Id { get; init; }

    public int? RetryMilliseconds { get; init; }

    /// <summary>The target wrote <c>event: message</c>, the default spelt out.</summary>
    public bool HasName { get; init; }

    public bool HasData { get; init; }
}

/// <summary>The caller's end of the wire: one JSON body, or an event stream. Writers take turns.</summary>
internal sealed class McpWire(HttpContext http, TimeProvider clock) : IReplySink, IDisposable
{
    /// <summary>Marks a frame that is the whole body.</summary>
    public static readonly object Json = new();

    private static readonly TimeSpan KeepAliveInterval = TimeSpan.FromSeconds(10);

    private SemaphoreSlim? _turn;
    private long _lastWrite;

    /// <summary>An event stream was begun.</summary>
    public bool IsStream { get; private set; }

    /// <summary>A whole JSON body was written; nothing can follow.</summary>
    public bool IsWhole { get; private set; }

    // Made on first use: most answers are one body by one writer.
    private SemaphoreSlim Turn => _turn ?? Interlocked.CompareExchange(ref _turn, new SemaphoreSlim(1, 1), null) ?? _turn!;

    /// <summary>Sets the status of an answer that has no body, or whose body follows.</summary>
    public void Status(int status)
    {
        // A stream that was begun while people were asked has its status on the wire already.
        if (!IsStream) http.Response.StatusCode = status;
    }

    public void Header(string name, string value) => http.Response.Headers[name] = value;

    /// <summary>Cuts the connection, so that what was begun can never look complete.</summary>
    public void Abort() => http.Abort();

    /// <inheritdoc/>
    public ValueTask WriteAsync(Masked<ReadOnlyMemory<byte>> content, object? tag, CancellationToken cancellationToken) => ReferenceEquals(tag, Json) && !IsStream
        ? WriteWholeAsync(content.Value, cancellationToken)
        : WriteEventAsync(content.Value, tag as SseTag ?? SseTag.Plain, cancellationToken);

    /// <summary>Answers with a message of the gateway's own: as the body, or as the last event of a stream that was begun.</summary>
    public ValueTask AnswerOwnAsync(int status, ReadOnlyMemory<byte> message, CancellationToken cancellationToken)
    {
        if (IsStream) return WriteEventAsync(message, SseTag.Plain, cancellationToken);
        Status(status);
        return WriteWholeAsync(message, cancellationToken);
    }

    /// <summary>Sends a notification of the gateway's own.</summary>
    public ValueTask NotifyOwnAsync(ReadOnlyMemory<byte> message, CancellationToken cancellationToken) => WriteEventAsync(message, SseTag.Plain, cancellationToken);

    /// <summary>Sends the head of an event stream, if it was not sent yet.</summary>
    public async ValueTask BeginStreamAsync(CancellationToken cancellationToken)
    {
        if (IsStream) return;
        await Turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (IsStream) return;
            BeginStream();
            await http.Response.BodyWriter.FlushAsync(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            Turn.Release();
        }
    }

    /// <summary>Passes on a sign of life, at most every ten seconds, so that comments cannot be used to flood.</summary>
    public async ValueTask KeepAliveAsync(CancellationToken cancellationToken)
    {
        if (IsStream && clock.GetElapsedTime(_lastWrite) < KeepAliveInterval) return;
        await Turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (!IsStream) BeginStream();
            _lastWrite = clock.GetTimestamp();
            SseWriter.WriteComment(http.Response.BodyWriter);
            await http.Response.BodyWriter.FlushAsync(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            Turn.Release();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _turn?.Dispose();

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask WriteWholeAsync(ReadOnlyMemory<byte> body, CancellationToken cancellationToken)
    {
        IsWhole = true;
        http.Response.ContentType = "application/json";
        http.Response.ContentLength = body.Length;
        await http.Response.BodyWriter.WriteAsync(body, cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask WriteEventAsync(ReadOnlyMemory<byte> data, SseTag tag, CancellationToken cancellationToken)
    {
        await Turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (!IsStream) BeginStream();
            _lastWrite = clock.GetTimestamp();
            SseWriter.Write(http.Response.BodyWriter, data.Span, tag.HasData, tag.HasName ? "message" : null, tag.Id, tag.RetryMilliseconds);
            await http.Response.BodyWriter.FlushAsync(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            Turn.Release();
        }
    }

    private void BeginStream()
    {
        IsStream = true;
        var response = http.Response;
        response.StatusCode = StatusCodes.Status200OK;
        response.ContentType = "text/event-stream";
        response.Headers.CacheControl = "no-cache, no-transform";
        response.Headers["X-Accel-Buffering"] = "no";
    }
}
