using System.Buffers;
using System.Net.Sockets;
using System.Text;
using Microsoft.Extensions.Logging;
using Postern.Core.Masking;
using Postern.Core.Recording;

#pragma warning disable RS0030 // reads the child's pipe; nothing here reaches a network

namespace Postern.Upstreams.Stdio;

/// <summary>
/// What a child says on stderr, for the operator's log: the configured secrets and everything that the detectors know taken
/// out, control characters made visible, and at most <see cref="PerMinute"/> bytes a minute. Read to its end whatever comes,
/// so that a child never waits for a reader.
/// </summary>
internal sealed partial class StderrLog(string connection, StdioTarget target, TimeProvider clock, ILogger logger)
{
    /// <summary>Bytes that are logged in one minute; the rest is counted.</summary>
    public const int PerMinute = 64 * 1024;

    private const int MaxLine = 4 * 1024;

    // What is shorter is no secret that could be told from text, and replacing it would garble everything.
    private const int ShortestSecret = 6;

    private static readonly Masker Masks = Masker.Compile([new MaskRule("stderr", [], Detectors.Names, MaskKind.Redact)], default);

    private readonly string[] _secrets = [.. target.Secrets.Where(value => value.Length >= ShortestSecret).OrderByDescending(value => value.Length)];
    private long _minute;
    private int _left;
    private long _bytes;
    private long _leftOut;
    private bool _isSkipping;

    /// <summary>Everything that came, logged or not.</summary>
    public long Bytes => Interlocked.Read(ref _bytes);

    public async Task ReadAsync(Socket errors)
    {
        var buffer = new byte[MaxLine];
        var held = new ArrayBufferWriter<byte>(256);
        try
        {
            while (await errors.ReceiveAsync(buffer).ConfigureAwait(false) is var read and > 0)
            {
                Interlocked.Add(ref _bytes, read);
                Cut(buffer.AsSpan(0, read), held);
            }
        }
        catch (Exception over) when (over is SocketException or ObjectDisposedException)
        {
            // It ended with the child.
        }
        if (held.WrittenCount > 0) Log(held.WrittenSpan);
    }

    /// <summary>One line as it may be logged.</summary>
    internal string Clean(ReadOnlySpan<byte> line)
    {
        var text = Encoding.UTF8.GetString(line);
        foreach (var secret in _secrets) text = text.Replace(secret, "[secret]", StringComparison.Ordinal);
        var masked = new ArrayBufferWriter<byte>(text.Length + 64);
        Masks.Apply(Encoding.UTF8.GetBytes(text), FrameShape.Text, masked);
        return VisibleText.OfLine(Encoding.UTF8.GetString(masked.WrittenSpan));
    }

    private void Cut(ReadOnlySpan<byte> bytes, ArrayBufferWriter<byte> held)
    {
        while (!bytes.IsEmpty)
        {
            var end = bytes.IndexOf((byte)'\n');
            var more = end < 0 ? bytes : bytes[..end];
            bytes = end < 0 ? default : bytes[(end + 1)..];
            if (held.WrittenCount + more.Length > MaxLine)
            {
                // Left out whole: at a cut, half of a secret would be no longer known as one.
                _leftOut += held.WrittenCount + more.Length;
                held.ResetWrittenCount();
                _isSkipping = end < 0;
                continue;
            }
            if (_isSkipping)
            {
                _leftOut += more.Length;
                _isSkipping = end < 0;
                continue;
            }
            held.Write(more);
            if (end < 0) return;
            Log(held.WrittenSpan.TrimEnd((byte)'\r'));
            held.ResetWrittenCount();
        }
    }

    private void Log(ReadOnlySpan<byte> line)
    {
        if (line.IsEmpty || !target.LogsErrors) return;
        var minute = clock.GetUtcNow().ToUnixTimeSeconds() / 60;
        if (minute != _minute)
        {
            if (_leftOut > 0) LeftOut(logger, connection, _leftOut);
            (_minute, _left, _leftOut) = (minute, PerMinute, 0);
        }
        if (line.Length > _left)
        {
            _leftOut += line.Length;
            return;
        }
        _left -= line.Length;
        Says(logger, connection, Clean(line));
    }

    [LoggerMessage(1, LogLevel.Information, "`{Connection}` on stderr: {Line}")]
    private static partial void Says(ILogger logger, string connection, string line);

    [LoggerMessage(2, LogLevel.Warning, "`{Connection}` on stderr: {Bytes} bytes more were left out")]
    private static partial void LeftOut(ILogger logger, string connection, long bytes);
}
