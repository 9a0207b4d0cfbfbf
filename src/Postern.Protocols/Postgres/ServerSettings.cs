using System.Buffers;
using System.Collections.Frozen;
using System.Text;
using System.Text.Unicode;
using Postern.Core.Pipeline;
using Postern.Protocols.Postgres.Wire;

namespace Postern.Protocols.Postgres;

/// <summary>What of a server's own reports passes, and what ends the session (attack M11).</summary>
internal static class ServerSettings
{
    /// <summary>What tags of CommandComplete are made of.</summary>
    public static readonly SearchValues<byte> TagCharacters = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZ 0123456789"u8);

    private const int Longest = 128;

    private static readonly FrozenSet<string> _passed = FrozenSet.Create(
        StringComparer.Ordinal,
        "server_version", "server_encoding", "client_encoding", "application_name", "is_superuser", "session_authorization", "DateStyle", "IntervalStyle",
        "TimeZone", "integer_datetimes", "standard_conforming_strings", "default_transaction_read_only", "in_hot_standby", "scram_iterations");

    private static readonly SearchValues<char> _plain = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 -_./,:+()~");

    /// <summary>Whether this ParameterStatus goes to the client.</summary>
    /// <exception cref="UpstreamException">It says that texts are read in another way from here on.</exception>
    public static bool Passes(ReadOnlySpan<byte> body)
    {
        var fields = new Fields(body);
        string name, value;
        try
        {
            name = TextOf(fields.Text());
            value = TextOf(fields.Text());
            fields.End();
        }
        catch (WireException malformed)
        {
            throw new UpstreamException(RefusalCode.UpstreamInvalid, "the server sent a ParameterStatus that is none", malformed);
        }
        return Passes(name, value);
    }

    /// <summary>The same for a setting by name.</summary>
    public static bool Passes(string name, string value)
    {
        // Statements are read as UTF-8 with standard strings; under other settings the same bytes could say something else (attack Q05).
        if (name == "client_encoding" && !string.Equals(value, "UTF8", StringComparison.OrdinalIgnoreCase)) throw Changed(name);
        if (name == "standard_conforming_strings" && value != "on") throw Changed(name);
        // A statement can choose the application's name; whatever it holds is not repeated unless it is plain.
        return _passed.Contains(name) && value.Length <= Longest && !value.AsSpan().ContainsAnyExcept(_plain);
    }

    /// <summary>True when an ErrorResponse ends the session.</summary>
    public static bool IsFatal(ReadOnlySpan<byte> error)
    {
        while (error.Length > 1 && error[0] != 0)
        {
            var end = error[1..].IndexOf((byte)0);
            if (end < 0) return true;
            if (error[0] == (byte)'V') return !error.Slice(1, end).SequenceEqual("ERROR"u8);
            error = error[(end + 2)..];
        }
        return false;
    }

    private static string TextOf(ReadOnlySpan<byte> text) => Utf8.IsValid(text) ? Encoding.UTF8.GetString(text) : throw new WireException("a setting is not UTF-8");

    private static UpstreamException Changed(string name) => new(RefusalCode.UpstreamInvalid, $"the server changed `{name}`, under which statements are read");
}
