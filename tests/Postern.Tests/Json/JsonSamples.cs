using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace Postern.Tests.Json;

/// <summary>Random documents and damaged ones, and what the platform's own reader says of them.</summary>
internal sealed class JsonSamples(int seed)
{
    private static readonly string[] s_names = ["a", "b", "email", "e\u00e9", "\U0001f600", "\uffee", "", "a/b", "long name with spaces", "\"", "\\"];
    private readonly Random _random = new(seed);

    public int Next(int below) => _random.Next(below);

    /// <summary>A valid document, spelt at random: white space, escapes, numbers.</summary>
    public string Document(int depth = 4)
    {
        var text = new StringBuilder();
        Value(text, depth);
        return text.ToString();
    }

    /// <summary>The document with a few bytes changed, removed, doubled or put in.</summary>
    public byte[] Damage(byte[] document)
    {
        var bytes = document.ToList();
        for (var times = _random.Next(1, 4); times > 0 && bytes.Count > 0; times--)
        {
            var at = _random.Next(bytes.Count);
            switch (_random.Next(5))
            {
                case 0: bytes[at] = (byte)_random.Next(256); break;
                case 1: bytes.RemoveAt(at); break;
                case 2: bytes.Insert(at, "\"\\{}[]:,u0de+-. \n\0"u8[_random.Next(18)]); break;
                case 3: bytes.InsertRange(at, bytes.GetRange(at, Math.Min(_random.Next(1, 12), bytes.Count - at))); break;
                default: bytes.RemoveRange(at, bytes.Count - at); break;
            }
        }
        return [.. bytes];
    }

    public byte[] Noise()
    {
        var bytes = new byte[_random.Next(40)];
        _random.NextBytes(bytes);
        return bytes;
    }

    /// <summary>True when the platform's reader, at its strictest and with every string read, accepts the document.</summary>
    public static bool PlatformAccepts(byte[] utf8)
    {
        if (!Utf8.IsValid(utf8)) return false;
        try
        {
            using var document = JsonDocument.Parse(utf8, new JsonDocumentOptions { AllowDuplicateProperties = false, MaxDepth = 64 });
            ReadAll(document.RootElement);
            return true;
        }
        catch (Exception refusal) when (refusal is JsonException or InvalidOperationException)
        {
            return false;
        }
    }

    private static void ReadAll(JsonElement element)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.String: _ = element.GetString(); break;
            case JsonValueKind.Array:
                foreach (var item in element.EnumerateArray()) ReadAll(item);
                break;
            case JsonValueKind.Object:
                foreach (var member in element.EnumerateObject())
                {
                    _ = member.Name;
                    ReadAll(member.Value);
                }
                break;
        }
    }

    private void Value(StringBuilder text, int depth)
    {
        Space(text);
        switch (_random.Next(depth > 0 ? 7 : 5))
        {
            case 0: text.Append("null"); break;
            case 1: text.Append(_random.Next(2) == 0 ? "true" : "false"); break;
            case 2: text.Append(Number()); break;
            case 3 or 4: Text(text, s_names[_random.Next(s_names.Length)] + s_names[_random.Next(s_names.Length)]); break;
            case 5:
                text.Append('[');
                var items = _random.Next(4);
                for (var i = 0; i < items; i++)
                {
                    if (i > 0) text.Append(',');
                    Value(text, depth - 1);
                }
                text.Append(']');
                break;
            default:
                text.Append('{');
                var names = s_names.OrderBy(_ => _random.Next()).Take(_random.Next(5)).ToArray();
                for (var i = 0; i < names.Length; i++)
                {
                    if (i > 0) text.Append(',');
                    Space(text);
                    Text(text, names[i]);
                    Space(text);
                    text.Append(':');
                    Value(text, depth - 1);
                }
                text.Append('}');
                break;
        }
        Space(text);
    }

    private string Number() => _random.Next(6) switch
    {
        0 => "0",
        1 => "-0",
        2 => "1e400",
        3 => "9007199254740993",
        4 => _random.NextDouble().ToString(CultureInfo.InvariantCulture),
        _ => _random.Next(-1000, 1000).ToString(CultureInfo.InvariantCulture),
    };

    public void Text(StringBuilder text, string value)
    {
        text.Append('"');
        foreach (var rune in value.EnumerateRunes())
        {
            // A pair is escaped whole or not at all: half of one in UTF-8 would not be UTF-8.
            if (rune.Value is not ('"' or '\\' or < ' ') && _random.Next(6) != 0)
            {
                text.Append(rune.ToString());
                continue;
            }
            var hex = _random.Next(2) == 0 ? "x4" : "X4";
            foreach (var unit in rune.ToString()) text.Append("\\u").Append(((int)unit).ToString(hex, CultureInfo.InvariantCulture));
        }
        text.Append('"');
    }

    private void Space(StringBuilder text)
    {
        if (_random.Next(5) == 0) text.Append(" \t\r\n"[_random.Next(4)]);
    }
}
