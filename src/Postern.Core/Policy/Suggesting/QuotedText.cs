using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Postern.Core.Policy.Suggesting;

/// <summary>
/// Text in double quotes, as JSON, YAML and CEL all read it: whatever was recorded stays inside. Beyond ASCII it is escaped, so that nothing in
/// it looks like something else to whoever reads the suggestion.
/// </summary>
internal static class QuotedText
{
    private static readonly JsonSerializerOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static string Of(string text)
    {
        var quoted = new StringBuilder();
        foreach (var character in JsonSerializer.Serialize(text, Plain))
        {
            if (character < 0x7F) quoted.Append(character);
            else quoted.Append(CultureInfo.InvariantCulture, $"\\u{(int)character:X4}");
        }
        return quoted.ToString();
    }
}
