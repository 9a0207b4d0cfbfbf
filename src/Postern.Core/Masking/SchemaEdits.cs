using System.Buffers;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace Postern.Core.Masking;

/// <summary>Members to take out of a schema, and names to write anew, by their place in its bytes.</summary>
internal sealed class SchemaEdits(byte[] utf8)
{
    private readonly List<Edit> _edits = [];

    [StructLayout(LayoutKind.Auto)]
    private readonly record struct Edit(int Start, int End, byte[] Text);

    public int Count => _edits.Count;

    /// <summary>Forgets the edits after the first so many.</summary>
    public void Keep(int count) => _edits.RemoveRange(count, _edits.Count - count);

    /// <summary>Takes these members out of the object, with the commas that separate them from what stays.</summary>
    public void Remove(JsonElement schema, IReadOnlyList<JsonElement> values, IReadOnlyList<bool> isDropped)
    {
        var end = Start(schema) + 1;
        var hasKept = false;
        for (var i = 0; i < values.Count; i++)
        {
            if (!isDropped[i])
            {
                end = End(values[i]);
                hasKept = true;
                continue;
            }
            var last = i;
            while (last + 1 < values.Count && isDropped[last + 1]) last++;
            var to = End(values[last]);
            if (hasKept) _edits.Add(new Edit(end, to, []));
            else if (last + 1 < values.Count) _edits.Add(new Edit(Quote(end), Quote(to), []));
            else _edits.Add(new Edit(Quote(end), to, []));
            i = last;
        }
    }

    /// <summary>
    /// Writes another name for the member that follows <paramref name="before"/>, or is the object's first. False when the
    /// name is spelt with escapes.
    /// </summary>
    public bool Rename(JsonElement schema, JsonElement? before, ReadOnlySpan<byte> name, ReadOnlySpan<byte> to)
    {
        var start = Quote(before is { } value ? End(value) : Start(schema) + 1) + 1;
        if (!utf8.AsSpan(start).StartsWith(name)) return false;
        _edits.Add(new Edit(start, start + name.Length, to.ToArray()));
        return true;
    }

    public void Write(IBufferWriter<byte> output)
    {
        var copied = 0;
        foreach (var edit in _edits.OrderBy(edit => edit.Start))
        {
            output.Write(utf8.AsSpan(copied..edit.Start));
            output.Write(edit.Text);
            copied = edit.End;
        }
        output.Write(utf8.AsSpan(copied));
    }

    private int Start(JsonElement element)
    {
        // The element's raw value is a slice of the array that the document was parsed from.
        utf8.AsSpan().Overlaps(JsonMarshal.GetRawUtf8Value(element), out var offset);
        return offset;
    }

    private int End(JsonElement element) => Start(element) + JsonMarshal.GetRawUtf8Value(element).Length;

    private int Quote(int from) => from + utf8.AsSpan(from).IndexOf((byte)'"');
}
