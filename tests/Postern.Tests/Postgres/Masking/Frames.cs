using System.Buffers;
using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Text;
using Postern.Core.Masking;
using Postern.Protocols.Postgres.Masking;
using Postern.Protocols.Postgres.Sql;
using static Postern.Tests.Masking.MaskTest;

namespace Postern.Tests.Postgres.Masking;

/// <summary>Messages of a server, written by hand, and masks over them.</summary>
internal static class Frames
{
    public const string Canary = "canary@example.org";

    public static readonly byte[] Done = [.. Message('C', [.. "SELECT 1"u8, 0]), .. Message('Z', "I"u8)];

    /// <summary>A column of a description: its name, its type, its format, and the columns that it comes from.</summary>
    public sealed record Column(uint Type, bool IsBinary = false, string? Source = "public.t.c", int Modifier = -1, string Name = "c");

    public static byte[] Message(char type, ReadOnlySpan<byte> body)
    {
        var message = new byte[5 + body.Length];
        message[0] = (byte)type;
        BinaryPrimitives.WriteInt32BigEndian(message.AsSpan(1), 4 + body.Length);
        body.CopyTo(message.AsSpan(5));
        return message;
    }

    public static byte[] Description(params Column[] columns)
    {
        var body = new List<byte>(Int16(columns.Length));
        foreach (var column in columns)
        {
            body.AddRange([.. Encoding.UTF8.GetBytes(column.Name), 0, .. Int32(column.Source is null ? 0 : 16384), .. Int16(column.Source is null ? 0 : 1), .. Int32((int)column.Type), .. Int16(-1), .. Int32(column.Modifier), .. Int16(column.IsBinary ? 1 : 0)]);
        }
        return [.. body];
    }

    public static byte[] Row(params byte[]?[] values) =>
        Message('D', [.. Int16(values.Length), .. values.SelectMany(value => value is null ? Int32(-1) : [.. Int32(value.Length), .. value])]);

    /// <summary>The values of the first row in what came out, once every length in it was found to be right.</summary>
    public static byte[]?[] Values(byte[] frame)
    {
        var row = Read(frame).First(message => message.Type == 'D').Body;
        var values = new byte[]?[BinaryPrimitives.ReadUInt16BigEndian(row)];
        var at = 2;
        for (var i = 0; i < values.Length; i++)
        {
            var length = BinaryPrimitives.ReadInt32BigEndian(row.AsSpan(at));
            at += 4;
            if (length < 0) continue;
            values[i] = row[at..(at + length)];
            at += length;
        }
        Assert.Equal(row.Length, at);
        return values;
    }

    public static List<(char Type, byte[] Body)> Read(byte[] frame)
    {
        var messages = new List<(char, byte[])>();
        for (var at = 0; at < frame.Length;)
        {
            var length = BinaryPrimitives.ReadInt32BigEndian(frame.AsSpan(at + 1));
            messages.Add(((char)frame[at], frame[(at + 5)..(at + 1 + length)]));
            at += 1 + length;
        }
        return messages;
    }

    public static Masker Columns(params string[] columns) => Columns(MaskKind.Redact, columns);

    public static Masker Columns(MaskKind kind, params string[] columns) => Masker.Compile(
        [Rule("m", kind, [], []) with { Columns = [.. columns.Select(text => ColumnPattern.TryParse(text, out var pattern, out var error) ? pattern! : throw new ArgumentException(error, nameof(columns)))] }], Key);

    public static FrameShape Shape(params Column[] columns) => RowShape.For(Description(columns), [.. columns.Select(Output)]);

    public static OutputColumn Output(Column column) => new()
    {
        Kind = column.Source is null ? OutputKind.Expression : OutputKind.Column,
        Origins = column.Source is null ? [] : [new ColumnOrigin(16384, 1, column.Source)],
    };

    public static byte[] Apply(this Masker masker, byte[] frame, FrameShape shape, out int count)
    {
        var output = new ArrayBufferWriter<byte>();
        count = masker.Apply(frame, shape, output);
        return output.WrittenSpan.ToArray();
    }

    /// <summary>One value of one column after masks; null for NULL.</summary>
    public static byte[]? One(this Masker masker, Column column, byte[] value) => Values(Apply(masker, [.. Row(value), .. Done], Shape(column), out _))[0];

    public static byte[] Utf8(string text) => Encoding.UTF8.GetBytes(text);

    public static byte[] Int32(int value)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(bytes, value);
        return bytes;
    }

    public static byte[] Int16(int value)
    {
        var bytes = new byte[2];
        BinaryPrimitives.WriteInt16BigEndian(bytes, unchecked((short)value));
        return bytes;
    }

    public static byte[] Int64(long value)
    {
        var bytes = new byte[8];
        BinaryPrimitives.WriteInt64BigEndian(bytes, value);
        return bytes;
    }

    public static byte[] Array(uint element, params byte[]?[] values) =>
    [
        .. Int32(1), .. Int32(0), .. Int32((int)element), .. Int32(values.Length), .. Int32(1),
        .. values.SelectMany(value => value is null ? Int32(-1) : [.. Int32(value.Length), .. value]),
    ];

    /// <summary>An error or a notice of these fields.</summary>
    public static byte[] Report(char type, params string[] fields) => Message(type, [.. fields.SelectMany(field => (byte[])[.. Utf8(field), 0]), 0]);
}
