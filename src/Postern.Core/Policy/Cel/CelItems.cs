using System.Collections.Frozen;
using System.Text.Json;

namespace Postern.Core.Policy.Cel;

/// <summary>Walks the items of a list, or the keys (and values) of a map, in whatever form it is held.</summary>
internal ref struct CelItems
{
    private readonly CelValue _collection;
    private Utf8JsonReader _reader;
    private FrozenSet<string>.Enumerator _texts;
    private int _index;

    public CelItems(in CelValue collection, ref CelContext context)
    {
        _collection = collection;
        _index = -1;
        if (collection.IsRaw)
        {
            context.ChargeBytes(collection.Json.Length);
            _reader = CelJson.Read(collection.Json.Span);
            _reader.Read();
        }
        else if (collection.Reference is FrozenSet<string> set)
        {
            _texts = set.GetEnumerator();
        }
    }

    /// <summary>The item, or the key.</summary>
    public CelValue Current { get; private set; }

    /// <summary>Maps: the value that belongs to the key.</summary>
    public CelValue Value { get; private set; }

    public bool MoveNext(ref CelContext context)
    {
        context.Charge(1);
        if (context.IsExhausted) return false;
        _index++;
        switch (_collection.Reference)
        {
            case null:
                return MoveRaw();
            case CelValue[] items when _index < items.Length:
                Current = items[_index];
                return true;
            case string[] texts when _index < texts.Length:
                Current = CelValue.Of(texts[_index]);
                return true;
            case KeyValuePair<CelValue, CelValue>[] entries when _index < entries.Length:
                Current = entries[_index].Key;
                Value = entries[_index].Value;
                return true;
            case FrozenSet<string> when _texts.MoveNext():
                Current = CelValue.Of(_texts.Current);
                return true;
            default:
                return false;
        }
    }

    private bool MoveRaw()
    {
        var json = _collection.Json;
        _reader.Read();
        if (_reader.TokenType is JsonTokenType.EndArray or JsonTokenType.EndObject) return false;
        if (_collection.Kind == CelKind.Map)
        {
            var start = (int)_reader.TokenStartIndex;
            Current = CelValue.FromJson(json.Slice(start, _reader.ValueSpan.Length + 2));
            Value = CelValue.FromJson(CelJson.Value(json, ref _reader));
            return true;
        }
        var from = (int)_reader.TokenStartIndex;
        _reader.Skip();
        Current = CelValue.FromJson(json[from..(int)_reader.BytesConsumed]);
        return true;
    }
}
