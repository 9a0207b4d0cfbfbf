using System.Collections.Frozen;

namespace Postern.Core.Policy.Cel;

/// <summary><c>size</c>: code points of a text, items of a list, entries of a map.</summary>
internal static class CelSize
{
    public static CelValue Of(in CelValue value, ref CelContext context)
    {
        switch (value.Kind)
        {
            case CelKind.Text:
                var text = value.AsText();
                context.ChargeBytes(text.Length);
                var count = 0;
                foreach (var _ in text.EnumerateRunes()) count++;
                return CelValue.Of(count);
            case CelKind.List or CelKind.Map:
                if (value.Reference is FrozenSet<string> set) return CelValue.Of(set.Count);
                if (value.Reference is Array array) return CelValue.Of(array.Length);
                var items = new CelItems(value, ref context);
                decimal size = 0;
                while (items.MoveNext(ref context)) size++;
                return CelValue.Of(size);
            default:
                return CelValue.Error($"`size` needs a text, a list or a map, found {value.Name}");
        }
    }
}
