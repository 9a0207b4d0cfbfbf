using System.Buffers.Binary;
using System.Text;

namespace Postern.Tests.Postgres.Wire;

/// <summary>Messages of a client, as bytes.</summary>
internal static class Messages
{
    public static byte[] Of(char type, params byte[][] parts)
    {
        var body = parts.SelectMany(part => part).ToArray();
        return [(byte)type, .. Int32(body.Length + 4), .. body];
    }

    public static byte[] Query(string text) => Of('Q', Text(text));

    public static byte[] Parse(string name, string text, params uint[] types) => Of('P', Text(name), Text(text), Int16(types.Length), [.. types.SelectMany(type => Int32((int)type))]);

    public static byte[] Bind(string portal, string statement, params string?[] values) =>
        Of('B', Text(portal), Text(statement), Int16(0), Int16(values.Length), [.. values.SelectMany(value => value is null ? Int32(-1) : [.. Int32(value.Length), .. Encoding.UTF8.GetBytes(value)])], Int16(0));

    public static byte[] Describe(char kind, string name) => Of('D', [(byte)kind], Text(name));

    public static byte[] Close(char kind, string name) => Of('C', [(byte)kind], Text(name));

    public static byte[] Execute(string portal, int limit = 0) => Of('E', Text(portal), Int32(limit));

    public static byte[] Sync => Of('S');

    public static byte[] Flush => Of('H');

    public static byte[] Text(string text) => [.. Encoding.UTF8.GetBytes(text), 0];

    public static byte[] Int16(int value)
    {
        var bytes = new byte[2];
        BinaryPrimitives.WriteUInt16BigEndian(bytes, (ushort)value);
        return bytes;
    }

    public static byte[] Int32(int value)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(bytes, value);
        return bytes;
    }
}
