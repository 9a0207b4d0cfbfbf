using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;

namespace Postern.Upstreams.Postgres;

/// <summary>The few messages that the gateway sends of its own: to open, to end and to cancel a session.</summary>
internal static class ClientFrames
{
    /// <summary>Protocol 3.0.</summary>
    public const int Version = 3 << 16;

    public static readonly byte[] SslRequest = [0, 0, 0, 8, 4, 210, 22, 47];

    public static readonly byte[] Sync = [(byte)'S', 0, 0, 0, 4];

    public static readonly byte[] Terminate = [(byte)'X', 0, 0, 0, 4];

    /// <summary>Executes a portal that nobody can have made, which fails, and ends the unit: the server then undoes whatever it had begun by itself.</summary>
    public static readonly byte[] Abandon = [.. Message('E', [.. "postern_abandons_this\0"u8, 0, 0, 0, 0]), .. Sync];

    public static byte[] Startup(string user, string database, ImmutableArray<KeyValuePair<string, string>> settings)
    {
        var body = new List<byte>(128);
        body.AddRange(BigEndian(Version));
        Add(body, "user", user);
        Add(body, "database", database);
        Add(body, "client_encoding", "UTF8");
        foreach (var (name, value) in settings) Add(body, name, value);
        body.Add(0);
        return [.. BigEndian(body.Count + 4), .. body];
    }

    public static byte[] Cancel(int process, ReadOnlySpan<byte> secret) => [.. BigEndian(12 + secret.Length), .. BigEndian(80877102), .. BigEndian(process), .. secret];

    public static byte[] Query(string text) => Message('Q', [.. Encoding.UTF8.GetBytes(text), 0]);

    public static byte[] Password(string text) => Message('p', [.. Encoding.UTF8.GetBytes(text), 0]);

    /// <summary>The form that PostgreSQL gave to MD5: the hash of password and user, hashed again with the salt.</summary>
    public static byte[] Md5Password(string password, string user, ReadOnlySpan<byte> salt)
    {
#pragma warning disable CA5351 // the server asks for it, and the administrator permitted it by name
        var inner = Convert.ToHexStringLower(MD5.HashData(Encoding.UTF8.GetBytes(password + user)));
        return Password("md5" + Convert.ToHexStringLower(MD5.HashData([.. Encoding.ASCII.GetBytes(inner), .. salt])));
#pragma warning restore CA5351
    }

    public static byte[] SaslInitial(string mechanism, byte[] first) => Message('p', [.. Encoding.ASCII.GetBytes(mechanism), 0, .. BigEndian(first.Length), .. first]);

    public static byte[] SaslResponse(byte[] final) => Message('p', final);

    private static byte[] Message(char type, ReadOnlySpan<byte> body) => [(byte)type, .. BigEndian(body.Length + 4), .. body];

    private static void Add(List<byte> body, string name, string value)
    {
        body.AddRange(Encoding.UTF8.GetBytes(name));
        body.Add(0);
        body.AddRange(Encoding.UTF8.GetBytes(value));
        body.Add(0);
    }

    private static byte[] BigEndian(int value)
    {
        var bytes = new byte[sizeof(int)];
        BinaryPrimitives.WriteInt32BigEndian(bytes, value);
        return bytes;
    }
}
