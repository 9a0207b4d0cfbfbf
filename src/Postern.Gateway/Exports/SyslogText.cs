using System.Buffers;
using System.Globalization;
using System.Text;
using Postern.Core.Recording;
using Postern.Gateway.Configuration;

namespace Postern.Gateway.Exports;

/// <summary>Events as syslog messages (RFC 5424), each behind its length (RFC 5425, section 4.3; RFC 6587, section 3.4.1): no text in a message can begin another.</summary>
internal static class SyslogText
{
    /// <summary>The most bytes of one message: what receivers take without cutting where nobody set more.</summary>
    public const int MostBytes = 8 * 1024;

    private const int Facility = 13; // log audit (RFC 5424, section 6.2.1)

    // 32473 is the number that RFC 5612 sets aside for where there is no enterprise number of one's own.
    private const string Id = "postern@32473";

    private static readonly string[] _structured = ["op", "session", "identity", "agent", "connection", "decision", "outcome", "code", "hold", "policyVersion", "trace"];

    /// <summary>Appends the frames of a batch.</summary>
    public static void Write(IBufferWriter<byte> output, IReadOnlyList<ExportEvent> batch, string host, SyslogFormat format)
    {
        foreach (var told in batch)
        {
            var message = Message(told, host, format);
            // Cut here, at the ends of values, and not by a receiver in the middle of one.
            for (var (characters, texts) = (1_024, 32); message.Length > MostBytes && characters >= 8; (characters, texts) = (characters / 4, Math.Max(1, texts / 4)))
            {
                message = Message(told.Shortened(characters, texts), host, format);
            }
            output.Write(Encoding.ASCII.GetBytes(message.Length.ToString(CultureInfo.InvariantCulture)));
            output.Write(" "u8);
            output.Write(message);
        }
    }

    /// <summary>A host name as RFC 5424 takes it: printable ASCII, at most 255.</summary>
    public static string HostOf(string name)
    {
        var host = new string([.. name.Where(character => character is > ' ' and <= '~').Take(255)]);
        return host.Length == 0 ? "-" : host;
    }

    /// <summary>One message without its length.</summary>
    internal static byte[] Message(ExportEvent told, string host, SyslogFormat format)
    {
        var text = new StringBuilder(1024);
        text.Append(CultureInfo.InvariantCulture, $"<{(Facility * 8) + (int)told.Severity}>1 {EventJson.Time(told.At)} {host} postern - {told.Kind} [{Id} journal=\"{told.Journal}\" sequence=\"{told.Sequence}\"");
        foreach (var name in _structured)
        {
            if (told.Find(name) is not { } value) continue;
            text.Append(' ').Append(name).Append("=\"");
            Parameter(text, value);
            text.Append('"');
        }
        text.Append("] ");
        if (format == SyslogFormat.Cef)
        {
            CefText.Write(text, told);
            return Encoding.UTF8.GetBytes(text.ToString());
        }
        var json = new ArrayBufferWriter<byte>(1024);
        EventJson.Write(json, told);
        var head = Encoding.UTF8.GetBytes(text.ToString());
        return [.. head, .. json.WrittenSpan];
    }

    /// <summary>PARAM-VALUE (RFC 5424, section 6.3.3): <c>"</c>, <c>\</c> and <c>]</c> are escaped; what is not visible is written out.</summary>
    private static void Parameter(StringBuilder text, string value)
    {
        foreach (var character in VisibleText.OfLine(value))
        {
            if (character is '"' or '\\' or ']') text.Append('\\');
            text.Append(character);
        }
    }
}
