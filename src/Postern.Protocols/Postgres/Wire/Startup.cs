using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Text;
using System.Text.Unicode;

namespace Postern.Protocols.Postgres.Wire;

/// <summary>What a client wants with its first packet, which has a length and a code but no type.</summary>
internal enum StartupKind
{
    /// <summary>A session.</summary>
    Session,

    /// <summary>TLS.</summary>
    Tls,

    /// <summary>GSSAPI encryption, which is not spoken.</summary>
    Gss,

    /// <summary>To cancel what another session does.</summary>
    Cancel,
}

/// <summary>The first packets of a connection.</summary>
internal static class Startup
{
    /// <summary>PostgreSQL's own limit.</summary>
    public const int Longest = 10_000;

    /// <summary>Length and code.</summary>
    public const int HeaderLength = 8;

    /// <summary>The minor version that is spoken; higher ones are answered with it.</summary>
    public const int Minor = 0;

    private const int SslCode = 80877103;
    private const int GssCode = 80877104;
    private const int CancelCode = 80877102;

    /// <summary>Kind and whole length of a packet, from its first eight bytes.</summary>
    /// <exception cref="WireException">It is no such packet.</exception>
    public static StartupKind KindOf(ReadOnlySpan<byte> header, out int length, out int minor)
    {
        length = BinaryPrimitives.ReadInt32BigEndian(header);
        var code = BinaryPrimitives.ReadInt32BigEndian(header[4..]);
        minor = code & 0xFFFF;
        switch (code)
        {
            case SslCode when length == HeaderLength:
                return StartupKind.Tls;
            case GssCode when length == HeaderLength:
                return StartupKind.Gss;
            case CancelCode when length == HeaderLength + 8:
                return StartupKind.Cancel;
            case SslCode or GssCode or CancelCode:
                throw new WireException("a request of an impossible length");
        }
        if (code >> 16 != 3) throw new WireException("another protocol than PostgreSQL's version 3");
        if (length is <= HeaderLength or > Longest) throw new WireException("a startup message of an impossible length");
        return StartupKind.Session;
    }

    /// <summary>The parameters of a session, in their order.</summary>
    /// <param name="body">What follows the eight bytes.</param>
    /// <exception cref="WireException">They are not what the protocol says, or one stands there twice.</exception>
    public static ImmutableArray<KeyValuePair<string, string>> Read(ReadOnlySpan<byte> body)
    {
        var found = ImmutableArray.CreateBuilder<KeyValuePair<string, string>>();
        var fields = new Fields(body);
        while (true)
        {
            var name = TextOf(fields.Text());
            if (name.Length == 0) break;
            var value = TextOf(fields.Text());
            foreach (var earlier in found)
            {
                // Which one counts differs between readers.
                if (string.Equals(earlier.Key, name, StringComparison.OrdinalIgnoreCase)) throw new WireException("a startup parameter stands there twice");
            }
            found.Add(new(name, value));
        }
        fields.End();
        return found.DrainToImmutable();
    }

    private static string TextOf(ReadOnlySpan<byte> text)
    {
        if (!Utf8.IsValid(text)) throw new WireException("a startup parameter is not UTF-8");
        var read = Encoding.UTF8.GetString(text);
        // Those of two bytes in UTF-8 as well: terminals obey them.
        return read.Any(char.IsControl) ? throw new WireException("a startup parameter holds control characters") : read;
    }
}
