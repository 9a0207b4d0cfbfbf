using System.Buffers;
using System.Globalization;
using Postern.Core.Masking;
using Postern.Core.Pipeline;
using Postern.Protocols.HttpData.Forms;
using Postern.Upstreams;

namespace Postern.Protocols.HttpData;

/// <summary>
/// One reply on its way to the caller: its head, its body, its trailers, each as frames of the reply gate. Where no mask reads it, it
/// goes on piece by piece as it arrives; where one does, whole, or message by message where its type has messages.
/// </summary>
internal sealed class ReplyRelay(Clearance clearance, UpstreamResponse response, ReplyPlace place, string method)
{
    /// <summary>Largest body that is read whole because a mask needs the document.</summary>
    public const int MaxDocument = 16 * 1024 * 1024;

    private const int PieceBytes = 32 * 1024;

    public async ValueTask RunAsync()
    {
        if (response.Status == 101) throw Invalid("the target switched protocols, which nobody asked for");
        var isMasked = clearance.Replies.IsMasked;
        var contentType = response.Header("Content-Type");
        var isRead = MediaType.TryRead(contentType, out var type);
        var length = Length();
        if (method == "HEAD" || response.Status is 204 or 205 or 304 || length == 0)
        {
            await HeadAsync(null, isMasked, new ReplyTag { IsHead = true, Length = response.Status is 204 or 304 || (isMasked && length != 0) ? null : length }).ConfigureAwait(false);
        }
        else if (!isMasked)
        {
            await PiecesAsync(isRead && type.IsEvents, length).ConfigureAwait(false);
        }
        else
        {
            if (response.Status == 206 || (isRead && type.Name == "multipart/byteranges")) throw Invalid("the target sent a part of a document that masks must see whole");
            if (isRead && (type.IsEvents || type.IsJsonLines)) await MessagesAsync(type).ConfigureAwait(false);
            else await DocumentAsync(isRead ? type : default).ConfigureAwait(false);
        }
        if (response.Trailers is { Count: > 0 } trailers)
        {
            await clearance.Replies.ReleaseAsync(new ReplyFrame(ReplyHead.OfTrailers(trailers), ReplyHead.TrailerShape, ReplyTag.Trailers)).ConfigureAwait(false);
        }
    }

    private static UpstreamException Invalid(string message) => new(RefusalCode.UpstreamInvalid, message);

    private long? Length()
    {
        if (response.Header("Content-Length") is not { } text) return null;
        return long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var length) ? length : throw Invalid("the target's `Content-Length` is no number of bytes");
    }

    /// <summary>A head that is not urgent goes with what follows it, or with the flush when nothing does.</summary>
    private ValueTask HeadAsync(string? contentType, bool isMasked, ReplyTag tag)
    {
        var head = new ReplyFrame(ReplyHead.Of(response, place, contentType, isMasked), ReplyHead.Shape, tag);
        if (tag.IsUrgent) return clearance.Replies.ReleaseAsync(head);
        clearance.Replies.ReleaseWithNext(head);
        return ValueTask.CompletedTask;
    }

    /// <summary>As it arrives. The window of the gate is the back-pressure.</summary>
    private async ValueTask PiecesAsync(bool isEvents, long? length)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(length is { } known ? (int)Math.Clamp(known, 1024, 2 * PieceBytes) : PieceBytes);
        var isReading = true;
        try
        {
            var read = response.ReadAsync(buffer, isMidMessage: !isEvents);
            await HeadAsync(null, isMasked: false, length is not null ? new ReplyTag { IsHead = true, Length = length } : read.IsCompleted && !isEvents ? ReplyTag.Head : ReplyTag.HeadNow).ConfigureAwait(false);
            long seen = 0;
            while (true)
            {
                var count = await read.ConfigureAwait(false);
                isReading = false;
                if (count == 0) break;
                seen += count;
                if (seen > length) throw Invalid("the target's body is longer than it said");
                // A small body is gathered, so that it costs one record and one write.
                while (length is { } all && all <= buffer.Length && seen < all)
                {
                    isReading = true;
                    var more = await response.ReadAsync(buffer.AsMemory(count), isMidMessage: true).ConfigureAwait(false);
                    isReading = false;
                    if (more == 0) break;
                    count += more;
                    seen += more;
                    if (seen > length) throw Invalid("the target's body is longer than it said");
                }
                var frame = new ReplyFrame(buffer.AsMemory(0, count), FrameShape.Bytes, ReplyTag.Piece);
                if (seen == length && !response.MayTrail)
                {
                    await clearance.Replies.ReleaseLastAsync(frame).ConfigureAwait(false);
                    return;
                }
                await clearance.Replies.ReleaseAsync(frame).ConfigureAwait(false);
                isReading = true;
                read = response.ReadAsync(buffer, isMidMessage: !isEvents);
            }
            if (length is not null && seen != length) throw Invalid("the target's body ended early");
        }
        finally
        {
            if (!isReading) ArrayPool<byte>.Shared.Return(buffer, clearArray: true);
        }
    }

    /// <summary>Whole: read, decoded, shown to the masks in its form, and written again.</summary>
    private async ValueTask DocumentAsync(MediaType type)
    {
        var form = BodyForms.Of(type) ?? throw Invalid("the target's body is of a type that no mask can read, and a mask touches it; narrow the mask, or ask for another type");
        // As text it could be searched; but a mask that leads to a value by its place would not find it there.
        if ((type.HasUnknownPlaces || (type.IsCsv && type.LacksNames)) && clearance.Replies.MasksFields) throw Invalid("the target's body has places that masks of fields cannot find; ask for JSON, or mask by detectors alone");
        var (buffer, count) = await WholeAsync().ConfigureAwait(false);
        try
        {
            using var written = new PooledFrame(count + 256);
            ReadOnlyMemory<byte> json;
            try
            {
                var coded = ContentCoding.Decode(buffer.AsMemory(0, count), response.Header("Content-Encoding"), MaxDocument);
                var text = type.IsXml && type.Charset is null ? coded : Charsets.ToUtf8(coded, type.Charset);
                if (form is TextForm && clearance.Replies.MasksFields) NoHiddenDocument(text.Span);
                if (!form.IsJson) form.ToJson(text.Span, written);
                json = form.IsJson ? text : written.Written;
            }
            catch (FormatException unreadable)
            {
                throw Invalid("the target's body cannot be read under a mask: " + unreadable.Message);
            }
            await HeadAsync(form.IsJson ? type.Name : BodyForms.ContentTypeOf(type, response.Header("Content-Type")!), isMasked: true, ReplyTag.Head).ConfigureAwait(false);
            var frame = new ReplyFrame(json, form.Shape, new ReplyTag { Form = form, IsWhole = true });
            if (response.Trailers.Count == 0) await clearance.Replies.ReleaseLastAsync(frame).ConfigureAwait(false);
            else await clearance.Replies.ReleaseAsync(frame).ConfigureAwait(false);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer, clearArray: true);
        }
    }

    // One document in text is read as one. What begins like one and is none (lines of JSON, say) has values in places that a mask would not find.
    private static void NoHiddenDocument(ReadOnlySpan<byte> text)
    {
        text = text.TrimStart(" \t\r\n"u8);
        if (!text.IsEmpty && text[0] is (byte)'{' or (byte)'[' && Postern.Core.Json.StrictJson.Check(text) is not null) throw new FormatException("it begins like a JSON document and is none");
    }

    private async ValueTask<(byte[] Buffer, int Count)> WholeAsync()
    {
        var buffer = ArrayPool<byte>.Shared.Rent((int)Math.Clamp((Length() ?? 4096) + 1, 1024, MaxDocument + 1));
        var count = 0;
        while (true)
        {
            if (count == buffer.Length)
            {
                var larger = ArrayPool<byte>.Shared.Rent(Math.Min(buffer.Length * 2, MaxDocument + 1));
                buffer.AsSpan(0, count).CopyTo(larger);
                ArrayPool<byte>.Shared.Return(buffer, clearArray: true);
                buffer = larger;
            }
            var read = await response.ReadAsync(buffer.AsMemory(count), isMidMessage: true).ConfigureAwait(false);
            count += read;
            if (read == 0) return (buffer, count);
            if (count > MaxDocument) throw Invalid(string.Create(CultureInfo.InvariantCulture, $"the target's body is larger than the {MaxDocument} bytes that a mask can read whole"));
        }
    }

    /// <summary>Message by message: each is shown to the masks when it is whole, and goes on at once.</summary>
    private async ValueTask MessagesAsync(MediaType type)
    {
        if (response.Header("Content-Encoding") is { } coding && !coding.Equals("identity", StringComparison.OrdinalIgnoreCase)) throw Invalid("the target encoded a stream that masks must read");
        if (type.Charset is { } charset && !Charsets.IsUtf8(charset)) throw Invalid("the target's stream is not UTF-8");
        await HeadAsync(type.IsEvents ? "text/event-stream" : type.Name, isMasked: true, ReplyTag.HeadNow).ConfigureAwait(false);
        using var messages = MessageReader.Of(type);
        var buffer = ArrayPool<byte>.Shared.Rent(PieceBytes);
        var isReading = false;
        try
        {
            while (true)
            {
                isReading = true;
                var count = await response.ReadAsync(buffer, messages.IsMidMessage).ConfigureAwait(false);
                isReading = false;
                messages.Feed(buffer.AsMemory(0, count), isOver: count == 0);
                while (messages.TryTake(out var message))
                {
                    await clearance.Replies.ReleaseAsync(new ReplyFrame(message, messages.Form.Shape, messages.Tag)).ConfigureAwait(false);
                }
                if (count == 0) return;
            }
        }
        catch (FormatException unreadable)
        {
            throw Invalid("the target's stream cannot be read under a mask: " + unreadable.Message);
        }
        finally
        {
            if (!isReading) ArrayPool<byte>.Shared.Return(buffer, clearArray: true);
        }
    }
}
