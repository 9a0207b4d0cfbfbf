using System.Buffers;
using Postern.Core.Json;
using Postern.Protocols.HttpData.Forms;
using Postern.Protocols.HttpData.Wire;

namespace Postern.Protocols.HttpData;

/// <summary>The messages of a stream, each as the JSON that masks read. What is taken is valid until the next move.</summary>
internal abstract class MessageReader : IDisposable
{
    /// <summary>Largest message.</summary>
    public const int MaxMessage = 4 * 1024 * 1024;

    private ReplyTag? _tag;

    /// <summary>How a message is written out again.</summary>
    public abstract BodyForm Form { get; }

    /// <summary>The tag of every message.</summary>
    public ReplyTag Tag => _tag ??= new ReplyTag { Form = Form };

    /// <summary>True while a message has begun and is not whole.</summary>
    public abstract bool IsMidMessage { get; }

    /// <summary>The reader for a type that has messages.</summary>
    public static MessageReader Of(MediaType type) => type.IsEvents ? new Events() : new Lines();

    /// <summary>Takes what has arrived.</summary>
    public abstract void Feed(ReadOnlyMemory<byte> bytes, bool isOver);

    /// <summary>The next whole message; false when there is none.</summary>
    /// <exception cref="FormatException">The stream is not of its type, or a message is too large.</exception>
    public abstract bool TryTake(out ReadOnlyMemory<byte> message);

    /// <inheritdoc/>
    public abstract void Dispose();

    private sealed class Events : MessageReader
    {
        private readonly SseReader _reader = new(MaxMessage);
        private readonly ArrayBufferWriter<byte> _json = new(1024);
        private ReadOnlyMemory<byte> _bytes;

        public override BodyForm Form => EventForm.Instance;

        public override bool IsMidMessage => _reader.IsMidEvent;

        public override void Feed(ReadOnlyMemory<byte> bytes, bool isOver) => _bytes = bytes;

        public override bool TryTake(out ReadOnlyMemory<byte> message)
        {
            var rest = _bytes.Span;
            var found = _reader.TryRead(ref rest, out var sse);
            _bytes = _bytes[^rest.Length..];
            message = default;
            if (_reader.Fault is { } fault) throw new FormatException(fault);
            if (!found) return false;
            _json.ResetWrittenCount();
            EventForm.Write(sse, _json);
            message = _json.WrittenMemory;
            return true;
        }

        public override void Dispose() => _reader.Dispose();
    }

    private sealed class Lines : MessageReader
    {
        private readonly ArrayBufferWriter<byte> _line = new(1024);
        private ReadOnlyMemory<byte> _bytes;
        private bool _isOver;

        public override BodyForm Form => JsonLineForm.Instance;

        public override bool IsMidMessage => _line.WrittenCount > 0;

        public override void Feed(ReadOnlyMemory<byte> bytes, bool isOver) => (_bytes, _isOver) = (bytes, isOver);

        public override bool TryTake(out ReadOnlyMemory<byte> message)
        {
            while (true)
            {
                message = default;
                var end = _bytes.Span.IndexOf((byte)'\n');
                if (end < 0)
                {
                    Append(_bytes);
                    _bytes = default;
                    if (!_isOver || _line.WrittenCount == 0) return false;
                    message = Take(_line.WrittenMemory);
                    return !message.IsEmpty;
                }
                var piece = _bytes[..end];
                _bytes = _bytes[(end + 1)..];
                if (_line.WrittenCount == 0)
                {
                    message = Trim(piece);
                }
                else
                {
                    Append(piece);
                    message = Take(_line.WrittenMemory);
                }
                if (message.IsEmpty) continue;
                if (StrictJson.Check(message.Span) is { } fault) throw new FormatException(fault.Message);
                return true;
            }
        }

        private ReadOnlyMemory<byte> Take(ReadOnlyMemory<byte> line)
        {
            var message = Trim(line).ToArray();
            _line.ResetWrittenCount();
            if (message.Length > 0 && StrictJson.Check(message) is { } fault) throw new FormatException(fault.Message);
            return message;
        }

        private static ReadOnlyMemory<byte> Trim(ReadOnlyMemory<byte> line) => line.Length > 0 && line.Span[^1] == '\r' ? line[..^1] : line;

        public override void Dispose()
        {
            // A line is garbage like any other.
        }

        private void Append(ReadOnlyMemory<byte> bytes)
        {
            if (_line.WrittenCount + bytes.Length > MaxMessage) throw new FormatException($"a line is longer than {MaxMessage} bytes");
            _line.Write(bytes.Span);
        }
    }
}
