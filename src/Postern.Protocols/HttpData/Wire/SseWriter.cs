using System.Buffers;
using System.Globalization;
using System.Text;

namespace Postern.Protocols.HttpData.Wire;

/// <summary>Writes server-sent events. Line breaks inside data become data lines, so content cannot end an event early.</summary>
internal static class SseWriter
{
    /// <summary>Writes one event. Id and name must hold no line break; ids are sealed by the gateway, names are constants.</summary>
    public static void Write(IBufferWriter<byte> output, ReadOnlySpan<byte> data, bool hasData, string? name, string? id, int? retryMilliseconds)
    {
        if (name is not null) WriteField(output, "event: "u8, name);
        if (id is not null) WriteField(output, "id: "u8, id);
        if (retryMilliseconds is { } milliseconds) WriteField(output, "retry: "u8, milliseconds.ToString(CultureInfo.InvariantCulture));
        while (hasData)
        {
            var end = data.IndexOfAny((byte)'\r', (byte)'\n');
            output.Write("data: "u8);
            output.Write(end < 0 ? data : data[..end]);
            output.Write("\n"u8);
            if (end < 0) break;
            data = data[(end + 1)..];
        }
        output.Write("\n"u8);
    }

    /// <summary>Writes a comment: a sign of life without content.</summary>
    public static void WriteComment(IBufferWriter<byte> output) => output.Write(":\n\n"u8);

    private static void WriteField(IBufferWriter<byte> output, ReadOnlySpan<byte> field, string value)
    {
        output.Write(field);
        Encoding.UTF8.GetBytes(value, output);
        output.Write("\n"u8);
    }
}
