namespace Postern.Core.Policy.Cel;

/// <summary><c>all</c>, <c>exists</c>, <c>exists_one</c>, <c>map</c>, <c>filter</c>.</summary>
internal sealed partial class CelCompiler
{
    private const int MaxNestedMacros = 4;

    private CelPart Macro(CelNode.Macro node)
    {
        var range = Part(node.Range);
        if (range.Type.Kind is not (CelTypeKind.Any or CelTypeKind.List or CelTypeKind.Map)) throw new CelException(node.Offset, $"this macro walks a list or the keys of a map, found {range.Type}");
        if (_locals.Count == MaxNestedMacros) throw new CelException(node.Offset, $"more than {MaxNestedMacros} macros inside each other");
        if (CommonNames.Contains(node.Variable) || node.Variable == "optional") throw new CelException(node.Offset, $"`{node.Variable}` is taken; choose another name");

        var slot = _locals.Count;
        _locals.Add((node.Variable, range.Type.Kind == CelTypeKind.Map ? CelType.Text : range.Type.ItemOrAny));
        _localCount = Math.Max(_localCount, _locals.Count);
        var filter = node.Filter is null ? (CelPart?)null : Part(node.Filter);
        var body = Part(node.Body);
        _locals.RemoveAt(slot);

        if (filter is { } test) Demand(test, CelType.Bool, node.Filter!, "the filter of `map`");
        if (node.Kind != CelMacro.Map) Demand(body, CelType.Bool, node.Body, "this macro");

        return node.Kind switch
        {
            CelMacro.All => new(CelType.Bool, Quantifier(range.Code, body.Code, slot, CelKind.False)),
            CelMacro.Exists => new(CelType.Bool, Quantifier(range.Code, body.Code, slot, CelKind.True)),
            CelMacro.ExistsOne => new(CelType.Bool, ExistsOne(range.Code, body.Code, slot)),
            CelMacro.Filter => new(range.Type.Kind == CelTypeKind.Map ? CelType.TextList : CelType.ListOf(range.Type.ItemOrAny), Collect(range.Code, body.Code, transform: null, slot)),
            _ => new(CelType.ListOf(body.Type), Collect(range.Code, filter?.Code, body.Code, slot)),
        };
    }

    private static CelValue Walked(in CelValue range) =>
        range.IsStuck || (!range.IsOptional && range.Kind is CelKind.List or CelKind.Map) ? range : CelValue.Error($"expected a list or a map, found {range.Name}");

    private static CelValue Overspent => CelValue.Error("the condition costs too much to evaluate");

    // `all` is && over the items and `exists` is ||, with the same absorption of errors and unknowns.
    private static CelCode Quantifier(CelCode range, CelCode body, int slot, CelKind deciding) => (ref CelContext context) =>
    {
        var walked = Walked(range(ref context));
        if (walked.IsStuck) return walked;
        var result = CelValue.Of(deciding == CelKind.False);
        var items = new CelItems(walked, ref context);
        while (items.MoveNext(ref context))
        {
            context.Locals![slot] = items.Current;
            var verdict = Boolean(body(ref context));
            if (verdict.Kind == deciding) return verdict;
            if (verdict.IsStuck) result = result.IsStuck ? Undecided(result, verdict) : verdict;
        }
        return context.IsExhausted ? Overspent : result;
    };

    private static CelCode ExistsOne(CelCode range, CelCode body, int slot) => (ref CelContext context) =>
    {
        var walked = Walked(range(ref context));
        if (walked.IsStuck) return walked;
        var count = 0;
        var stuck = CelValue.True;
        var items = new CelItems(walked, ref context);
        while (items.MoveNext(ref context))
        {
            context.Locals![slot] = items.Current;
            var verdict = Boolean(body(ref context));
            // CEL: an error in any item is an error of the whole, as the count cannot be known.
            if (verdict.Kind == CelKind.Error) return verdict;
            if (verdict.Kind == CelKind.Unknown) stuck = verdict;
            if (verdict.Kind == CelKind.True) count++;
        }
        if (context.IsExhausted) return Overspent;
        return stuck.IsStuck ? stuck : CelValue.Of(count == 1);
    };

    private static CelCode Collect(CelCode range, CelCode? filter, CelCode? transform, int slot) => (ref CelContext context) =>
    {
        var walked = Walked(range(ref context));
        if (walked.IsStuck) return walked;
        var kept = new List<CelValue>();
        var items = new CelItems(walked, ref context);
        while (items.MoveNext(ref context))
        {
            var item = items.Current;
            context.Locals![slot] = item;
            if (filter is not null)
            {
                var verdict = Boolean(filter(ref context));
                if (verdict.IsStuck) return verdict;
                if (verdict.Kind == CelKind.False) continue;
            }
            var value = transform is null ? item : transform(ref context);
            if (value.IsStuck) return value;
            kept.Add(value);
        }
        return context.IsExhausted ? Overspent : CelValue.Of(kept.ToArray());
    };
}
