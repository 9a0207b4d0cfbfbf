using System.Buffers;
using System.Globalization;
using Microsoft.AspNetCore.Http;
using Postern.Core.Json;
using Postern.Core.Masking;
using Postern.Core.Pipeline;
using Postern.Protocols.Kubernetes.Wire;
using Postern.Upstreams;

namespace Postern.Protocols.Kubernetes;

/// <summary>
/// How a reply goes back: a document whole, a watch event by event, text line by line; each is read, freed of what never leaves, masked, recorded and
/// released. What is none of these is blocked. Of the head only the status goes on, and when to come back.
/// </summary>
internal sealed class KubernetesReply(HttpContext http, Clearance clearance, UpstreamResponse response, bool areSecrets) : IDisposable
{
    /// <summary>Largest document; a larger list is asked for in pieces, by <c>limit</c>.</summary>
    public const int MaxDocument = 32 * 1024 * 1024;

    /// <summary>Largest event of a watch, and longest line of text: what the API server stores of one object, many times over.</summary>
    public const int MaxPiece = 8 * 1024 * 1024;

    // A length that is only said takes no more memory than this; what comes does.
    private const int MostFirstBytes = 1024 * 1024;

    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(FirstBytes(response));
    private int _count;
    private bool _isReading;

    /// <summary>Passes the reply on to its end.</summary>
    /// <param name="isWatch">True when the reply to success is a stream of events.</param>
    public async ValueTask PassAsync(bool isWatch)
    {
        if (response.Status is < 200 or (> 299 and < 400) or > 599) throw Invalid("the API server answered with a status that is not passed on");
        if (response.Header("Content-Encoding") is { } coding && !coding.Equals("identity", StringComparison.OrdinalIgnoreCase)) throw Invalid("the API server encoded its answer, which was not asked for");
        http.Response.StatusCode = response.Status;
        if (response.Status == 429 && int.TryParse(response.Header("Retry-After"), NumberStyles.None, CultureInfo.InvariantCulture, out var seconds))
            http.Response.Headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
        if (HttpMethods.IsHead(http.Request.Method) || response.Status == 204) return;
        var type = response.Header("Content-Type")?.Split(';')[0].Trim().ToLowerInvariant();
        switch (type)
        {
            case "application/json" when isWatch && response.Status == 200:
                http.Response.ContentType = "application/json";
                await EventsAsync().ConfigureAwait(false);
                return;
            case "application/json":
                http.Response.ContentType = "application/json";
                await DocumentAsync().ConfigureAwait(false);
                return;
            case "text/plain":
                http.Response.ContentType = "text/plain; charset=utf-8";
                await LinesAsync().ConfigureAwait(false);
                return;
            default:
                if (await ReadAsync(isMidMessage: true).ConfigureAwait(false) > 0) throw Invalid("the API server answered with neither JSON nor text");
                return;
        }
    }

    public void Dispose()
    {
        // What a pending read may still write to is left to it.
        if (!_isReading) ArrayPool<byte>.Shared.Return(_buffer, clearArray: true);
        _buffer = [];
    }

    /// <summary>With room for one byte more than there are, where it is said how many: the end is seen without a larger buffer.</summary>
    private static int FirstBytes(UpstreamResponse response) =>
        long.TryParse(response.Header("Content-Length"), NumberStyles.None, CultureInfo.InvariantCulture, out var length) ? (int)Math.Clamp(length + 1, 1024, MostFirstBytes) : 16 * 1024;

    private static UpstreamException Invalid(string message) => new(RefusalCode.UpstreamInvalid, message);

    private async ValueTask DocumentAsync()
    {
        while (await ReadAsync(isMidMessage: true).ConfigureAwait(false) > 0)
        {
            if (_count > MaxDocument) throw Invalid(string.Create(CultureInfo.InvariantCulture, $"the answer is larger than {MaxDocument} bytes; ask for less at once, with `limit`"));
        }
        Check(_buffer.AsSpan(0, _count));
        using var scrubbed = new PooledFrame(_count);
        var found = ObjectScrub.Document(_buffer.AsSpan(0, _count), areSecrets, scrubbed);
        BlockTable(found.IsTable);
        await clearance.Replies.ReleaseLastAsync(new ReplyFrame(found.IsChanged ? scrubbed.Written : _buffer.AsMemory(0, _count), KubernetesShapes.Document)).ConfigureAwait(false);
    }

    private async ValueTask EventsAsync()
    {
        // The client waits for the head before there is an event.
        await http.Response.StartAsync(clearance.Ended).ConfigureAwait(false);
        using var scrubbed = new PooledFrame(4096);
        while (true)
        {
            var end = _buffer.AsSpan(0, _count).IndexOf((byte)'\n');
            if (end < 0)
            {
                if (await ReadAsync(_count > 0).ConfigureAwait(false) > 0) continue;
                if (!_buffer.AsSpan(0, _count).Trim(" \r\n\t"u8).IsEmpty) throw Invalid("the API server ended the watch within an event");
                return;
            }
            if (!_buffer.AsSpan(0, end).Trim(" \r\t"u8).IsEmpty)
            {
                Check(_buffer.AsSpan(0, end));
                scrubbed.Clear();
                var found = ObjectScrub.Event(_buffer.AsSpan(0, end), areSecrets, scrubbed);
                BlockTable(found.IsTable);
                await clearance.Replies.ReleaseAsync(new ReplyFrame(found.IsChanged ? scrubbed.Written : _buffer.AsMemory(0, end), KubernetesShapes.Event, KubernetesWire.Line)).ConfigureAwait(false);
            }
            Drop(end + 1);
        }
    }

    /// <summary>Whole lines at a time where a mask reads them: what a detector looks for does not begin in one frame and end in the next.</summary>
    private async ValueTask LinesAsync()
    {
        await http.Response.StartAsync(clearance.Ended).ConfigureAwait(false);
        using var lines = new LineCarry();
        while (true)
        {
            var read = await ReadAsync(lines.HasRest).ConfigureAwait(false);
            if (!lines.TryAdd(_buffer.AsSpan(0, _count))) throw Invalid("one line of the API server's answer is too long to be read");
            _count = 0;
            var ready = read == 0 || !clearance.Replies.IsMasked ? lines.All : lines.Ready();
            if (ready > 0)
            {
                await clearance.Replies.ReleaseAsync(new ReplyFrame(lines.Peek(ready), FrameShape.Text)).ConfigureAwait(false);
                lines.Drop(ready);
            }
            if (read == 0) return;
        }
    }

    // The masks may have changed since the request was sent without tables.
    private void BlockTable(bool isTable)
    {
        if (isTable && clearance.Replies.MasksFields) throw Invalid("the API server answered with a table, whose cells no path of a mask leads to");
    }

    private static void Check(ReadOnlySpan<byte> document)
    {
        if (StrictJson.Check(document) is not null) throw Invalid("the API server's answer is not JSON with one meaning");
    }

    private void Drop(int bytes)
    {
        _buffer.AsSpan(bytes, _count - bytes).CopyTo(_buffer);
        _count -= bytes;
    }

    private async ValueTask<int> ReadAsync(bool isMidMessage)
    {
        if (_count == _buffer.Length)
        {
            if (_count > MaxDocument || (_count > MaxPiece && http.Response.HasStarted)) throw Invalid("one piece of the API server's answer is too large to be read");
            var larger = ArrayPool<byte>.Shared.Rent(_buffer.Length * 2);
            _buffer.AsSpan(0, _count).CopyTo(larger);
            ArrayPool<byte>.Shared.Return(_buffer, clearArray: true);
            _buffer = larger;
        }
        _isReading = true;
        var read = await response.ReadAsync(_buffer.AsMemory(_count), isMidMessage).ConfigureAwait(false);
        _isReading = false;
        _count += read;
        return read;
    }
}
