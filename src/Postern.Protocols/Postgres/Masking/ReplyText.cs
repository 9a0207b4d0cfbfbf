using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Text;

namespace Postern.Protocols.Postgres.Masking;

/// <summary>Recorded replies as grids and sentences. Reads what was recorded and nothing else; bytes that are no message end it.</summary>
internal static class ReplyText
{
    private const int HeaderLength = 1 + sizeof(int);
    private const int FieldLength = 18;

    /// <summary>What the frames say.</summary>
    /// <param name="frames">What was delivered.</param>
    /// <param name="request">What was asked, as the record has it: it may say how rows look that were described earlier.</param>
    public static IReadOnlyList<ReplayItem> Read(IEnumerable<ReadOnlyMemory<byte>> frames, ReadOnlyMemory<byte> request = default)
    {
        var items = new List<ReplayItem>();
        var results = new Results(items, RecordedColumns.Of(request));
        foreach (var frame in frames)
        {
            var rest = frame.Span;
            while (rest.Length >= HeaderLength)
            {
                var length = BinaryPrimitives.ReadInt32BigEndian(rest[1..]);
                // What is not kept any more ends in the middle of a message.
                if (length < sizeof(int) || length > rest.Length - 1) break;
                Message(rest[0], rest.Slice(HeaderLength, length - sizeof(int)), results);
                rest = rest[(1 + length)..];
            }
        }
        results.Close();
        return items;
    }

    private static void Message(byte type, ReadOnlySpan<byte> body, Results results)
    {
        switch ((char)type)
        {
            case 'T':
                results.Describe(body);
                return;
            case 'D':
                results.Row(body);
                return;
            case 'I':
                results.Next();
                return;
            case 'C':
                results.Next();
                results.Say("completed", Text(body.TrimEnd((byte)0)));
                return;
            case 'E':
                results.Say("error", Report(body));
                return;
            case 'N':
                results.Say("notice", Report(body));
                return;
            case 'S':
                results.Say("setting", Text(body.TrimEnd((byte)0)).Replace("\0", " = ", StringComparison.Ordinal));
                return;
        }
    }

    /// <summary>Severity, code and message in one line, then what else was said.</summary>
    private static string Report(ReadOnlySpan<byte> body)
    {
        var fields = new Dictionary<char, string>();
        while (body is [not 0 and var field, .. var rest])
        {
            var end = rest.IndexOf((byte)0);
            if (end < 0) break;
            fields.TryAdd((char)field, Text(rest[..end]));
            body = rest[(end + 1)..];
        }
        var text = new StringBuilder($"{fields.GetValueOrDefault('S')} {fields.GetValueOrDefault('C')}: {fields.GetValueOrDefault('M')}");
        foreach (var (letter, label) in new[] { ('D', "detail"), ('H', "hint"), ('W', "where"), ('q', "inner statement") })
        {
            if (fields.TryGetValue(letter, out var said)) text.Append('\n').Append(label).Append(": ").Append(said);
        }
        return text.ToString();
    }

    private static string Text(ReadOnlySpan<byte> bytes) => Encoding.UTF8.GetString(bytes);

    /// <summary>The rows that are gathered, until something else is said.</summary>
    private sealed class Results(List<ReplayItem> items, ImmutableArray<ImmutableArray<RecordedColumn>> described)
    {
        private int _result;

        private ImmutableArray<string> _names = [];
        private CellForm[] _forms = [];
        private uint[] _types = [];
        private List<string?[]>? _rows;
        private bool _isDescribed;

        public void Describe(ReadOnlySpan<byte> body)
        {
            Close();
            if (body.Length < 2) return;
            var count = BinaryPrimitives.ReadUInt16BigEndian(body);
            var names = ImmutableArray.CreateBuilder<string>();
            (_forms, _types) = (new CellForm[count], new uint[count]);
            var rest = body[2..];
            for (var i = 0; i < count; i++)
            {
                var end = rest.IndexOf((byte)0);
                if (end < 0 || rest.Length < end + 1 + FieldLength) return;
                names.Add(Text(rest[..end]));
                var field = rest.Slice(end + 1, FieldLength);
                _types[i] = BinaryPrimitives.ReadUInt32BigEndian(field[6..]);
                _forms[i] = CellForm.Of(_types[i], BinaryPrimitives.ReadInt32BigEndian(field[12..]), BinaryPrimitives.ReadUInt16BigEndian(field[16..]) == 1);
                rest = rest[(end + 1 + FieldLength)..];
            }
            _names = names.DrainToImmutable();
            _isDescribed = true;
        }

        /// <summary>One result is over.</summary>
        public void Next() => _result++;

        public void Row(ReadOnlySpan<byte> body)
        {
            if (body.Length < 2) return;
            var count = BinaryPrimitives.ReadUInt16BigEndian(body);
            if (!_isDescribed && _result < described.Length && described[_result] is { IsDefault: false } columns && columns.Length == count)
            {
                _names = [.. columns.Select(column => column.Name)];
                _types = [.. columns.Select(column => column.Type)];
                _forms = [.. columns.Select(column => CellForm.Of(column.Type, column.Modifier, column.IsBinary))];
                _isDescribed = true;
            }
            if (!_isDescribed || _names.Length != count)
            {
                // Described in an earlier operation: without names, and read by its looks.
                Close();
                _names = [.. Enumerable.Range(1, count).Select(i => $"column {i}")];
                (_forms, _types, _isDescribed) = ([], [], true);
            }
            var row = new string?[count];
            var rest = body[2..];
            for (var i = 0; i < count; i++)
            {
                if (rest.Length < sizeof(int)) return;
                var length = BinaryPrimitives.ReadInt32BigEndian(rest);
                rest = rest[sizeof(int)..];
                if (length < 0) continue;
                if (length > rest.Length) return;
                row[i] = i < _forms.Length ? ValueText.Of(rest[..length], _types[i], _forms[i]) : ValueText.ByLooks(rest[..length]);
                rest = rest[length..];
            }
            (_rows ??= []).Add(row);
        }

        public void Say(string kind, string text)
        {
            Close();
            items.Add(new ReplayItem.Said(kind, text));
        }

        public void Close()
        {
            if (_rows is not null || (_isDescribed && _forms.Length > 0)) items.Add(new ReplayItem.Grid(_names, _rows ?? []));
            _rows = null;
            _isDescribed = false;
        }
    }
}
