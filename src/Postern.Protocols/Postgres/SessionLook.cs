using System.Text;
using Postern.Protocols.Postgres.Wire;

namespace Postern.Protocols.Postgres;

/// <summary>
/// The settings that say which value a text is (<c>DateStyle</c>, <c>IntervalStyle</c>, <c>TimeZone</c>) and who asks, as the server reports
/// them. An approval is bound to them: a day that was approved must not become another by a SET before it.
/// </summary>
internal sealed class SessionLook
{
    private static readonly string[] s_names = ["DateStyle", "IntervalStyle", "TimeZone", "is_superuser", "session_authorization"];

    private readonly string[] _values = ["", "", "", "", ""];
    private string? _text;

    public SessionLook(IEnumerable<KeyValuePair<string, string>> reported)
    {
        foreach (var (name, value) in reported) Note(name, value);
    }

    /// <summary>Notes a ParameterStatus whose form was checked.</summary>
    public void Note(ReadOnlySpan<byte> body)
    {
        var fields = new Fields(body);
        var name = Encoding.UTF8.GetString(fields.Text());
        Note(name, Encoding.UTF8.GetString(fields.Text()));
    }

    /// <inheritdoc/>
    public override string ToString() => _text ??= string.Join('\0', _values);

    private void Note(string name, string value)
    {
        var place = Array.IndexOf(s_names, name);
        if (place < 0) return;
        _values[place] = value;
        _text = null;
    }
}
