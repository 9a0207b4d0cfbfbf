using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Postern.Protocols.Postgres.Wire;

/// <summary>The messages that the gateway says to clients of its own.</summary>
internal static class OwnMessages
{
    /// <summary>The session goes on.</summary>
    public const string Error = "ERROR";

    /// <summary>The session ends with this.</summary>
    public const string Fatal = "FATAL";

    /// <summary>Something to know.</summary>
    public const string Notice = "NOTICE";

    public static readonly byte[] AskForPassword = [(byte)'R', 0, 0, 0, 8, 0, 0, 0, 3];

    public static void WriteAuthenticated(IBufferWriter<byte> output) => Put(output, [(byte)'R', 0, 0, 0, 8, 0, 0, 0, 0]);

    public static void WriteKey(IBufferWriter<byte> output, long key)
    {
        var body = output.GetSpan(13);
        body[0] = (byte)'K';
        BinaryPrimitives.WriteInt32BigEndian(body[1..], 12);
        BinaryPrimitives.WriteInt64BigEndian(body[5..], key);
        output.Advance(13);
    }

    public static void WriteReady(IBufferWriter<byte> output, byte status) => Put(output, [(byte)'Z', 0, 0, 0, 5, status]);

    public static void WriteSetting(IBufferWriter<byte> output, string name, string value)
    {
        var length = 4 + Encoding.UTF8.GetByteCount(name) + 1 + Encoding.UTF8.GetByteCount(value) + 1;
        Begin(output, 'S', length);
        Text(output, name);
        Text(output, value);
    }

    /// <summary>The protocol options are not spoken, and the version is this (chapter "Message Flow", Start-up).</summary>
    public static void WriteVersion(IBufferWriter<byte> output, int minor, IReadOnlyList<string> unknown)
    {
        Begin(output, 'v', 4 + 4 + 4 + unknown.Sum(name => Encoding.UTF8.GetByteCount(name) + 1));
        Int32(output, minor);
        Int32(output, unknown.Count);
        foreach (var name in unknown) Text(output, name);
    }

    /// <summary>An ErrorResponse, or with <see cref="Notice"/> a NoticeResponse.</summary>
    public static void WriteReport(IBufferWriter<byte> output, Report report)
    {
        var length = 4 + 1 + 2 * (2 + report.Severity.Length) + FieldLength(report.Code) + FieldLength(report.Message) + FieldLength(report.Detail) + FieldLength(report.Hint) + FieldLength(report.PositionText);
        Begin(output, report.Severity == Notice ? 'N' : 'E', length);
        Field(output, 'S', report.Severity);
        Field(output, 'V', report.Severity);
        Field(output, 'C', report.Code);
        Field(output, 'M', report.Message);
        Field(output, 'D', report.Detail);
        Field(output, 'H', report.Hint);
        Field(output, 'P', report.PositionText);
        Put(output, [0]);
    }

    private static int FieldLength(string? text) => text is null ? 0 : 2 + Encoding.UTF8.GetByteCount(Clean(text));

    private static void Field(IBufferWriter<byte> output, char type, string? text)
    {
        if (text is null) return;
        Put(output, [(byte)type]);
        Text(output, Clean(text));
    }

    // A zero byte would end the field, and let what follows be read as others.
    private static string Clean(string text) => text.Contains('\0') ? text.Replace('\0', ' ') : text;

    private static void Put(IBufferWriter<byte> output, ReadOnlySpan<byte> bytes) => output.Write(bytes);

    private static void Begin(IBufferWriter<byte> output, char type, int length)
    {
        Put(output, [(byte)type]);
        Int32(output, length);
    }

    private static void Int32(IBufferWriter<byte> output, int value)
    {
        BinaryPrimitives.WriteInt32BigEndian(output.GetSpan(4), value);
        output.Advance(4);
    }

    private static void Text(IBufferWriter<byte> output, string text)
    {
        Encoding.UTF8.GetBytes(text, output);
        Put(output, [0]);
    }
}

/// <summary>What an error or a notice says.</summary>
/// <param name="Severity">One of <see cref="OwnMessages"/>'s.</param>
/// <param name="Code">SQLSTATE.</param>
/// <param name="Message">The primary text.</param>
internal sealed record Report(string Severity, string Code, string Message)
{
    public string? Detail { get; init; }

    public string? Hint { get; init; }

    /// <summary>Where in the statement, in characters from 1; 0 for nowhere.</summary>
    public int Position { get; init; }

    public string? PositionText => Position > 0 ? Position.ToString(System.Globalization.CultureInfo.InvariantCulture) : null;
}
