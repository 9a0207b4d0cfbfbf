using System.Buffers;
using System.Text.Json;

namespace Postern.Core.Masking;

/// <summary>
/// Takes out of a JSON Schema (2020-12 and older drafts) what masked values would break, so that a reader who checks replies
/// against the schema still accepts them. All else stays byte for byte. A relaxed schema accepts whatever the original accepts,
/// and the same after masks.
/// </summary>
public static class SchemaRelaxer
{
    /// <summary>Writes the schema of the values as the caller will see them.</summary>
    /// <param name="schema">The schema of one root, as masks mean <c>$</c>.</param>
    /// <param name="masker">The masks of the caller's copy.</param>
    /// <param name="output">Receives the schema.</param>
    /// <exception cref="MaskingException">The schema is not JSON, so it cannot be said what it asks for.</exception>
    public static void Relax(ReadOnlySpan<byte> schema, Masker masker, IBufferWriter<byte> output)
    {
        if (masker.IsEmpty)
        {
            output.Write(schema);
            return;
        }
        try
        {
            var utf8 = schema.ToArray();
            using var document = JsonDocument.Parse(utf8);
            var edits = new SchemaEdits(utf8);
            new SchemaWalk(masker, edits).Run(document.RootElement);
            edits.Write(output);
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException)
        {
            throw new MaskingException("the schema of masked values is not JSON; blocked");
        }
    }
}
