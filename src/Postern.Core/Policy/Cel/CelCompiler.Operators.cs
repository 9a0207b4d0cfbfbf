namespace Postern.Core.Policy.Cel;

/// <summary>Logic, comparison, arithmetic.</summary>
internal sealed partial class CelCompiler
{
    private static readonly CelValue NotBoolean = CelValue.Error("expected true or false");

    private CelPart Unary(CelNode.Unary node)
    {
        var operand = Part(node.Operand);
        var code = operand.Code;
        if (node.Symbol == '!')
        {
            Demand(operand, CelType.Bool, node.Operand, "`!`");
            return new(CelType.Bool, (ref CelContext context) =>
            {
                var value = code(ref context);
                return value.IsStuck ? value : value.IsBool && !value.IsOptional ? CelValue.Of(value.Kind == CelKind.False) : NotBoolean;
            });
        }
        Demand(operand, CelType.Number, node.Operand, "`-`");
        return new(CelType.Number, (ref CelContext context) =>
        {
            var value = code(ref context);
            return value.IsStuck ? value : CelOperators.Calculate('-', CelValue.Of(0m), value, ref context);
        });
    }

    private CelPart Binary(CelNode.Binary node)
    {
        var left = Part(node.Left);
        var right = Part(node.Right);
        switch (node.Symbol)
        {
            case "&&" or "||":
                Demand(left, CelType.Bool, node.Left, $"`{node.Symbol}`");
                Demand(right, CelType.Bool, node.Right, $"`{node.Symbol}`");
                return new(CelType.Bool, Logic(left.Code, right.Code, node.Symbol == "&&" ? CelKind.False : CelKind.True));
            case "==" or "!=":
                if (left.Type.IsOptional != right.Type.IsOptional && !left.Type.IsAny && !right.Type.IsAny) throw new CelException(node.Offset, $"`{node.Symbol}` compares an optional with {(left.Type.IsOptional ? right : left).Type}; use `orValue`");
                if (!left.Type.Meets(right.Type)) throw new CelException(node.Offset, $"`{node.Symbol}` compares {left.Type} with {right.Type}, which are never equal");
                var (same, different) = node.Symbol == "==" ? (CelValue.True, CelValue.False) : (CelValue.False, CelValue.True);
                return new(CelType.Bool, Strict(left.Code, right.Code, (in CelValue a, in CelValue b, ref CelContext context) => CelOperators.AreEqual(a, b, ref context) ? same : different));
            case "<" or "<=" or ">" or ">=":
                Ordered(left, node.Left, node.Symbol);
                Ordered(right, node.Right, node.Symbol);
                if (!left.Type.Meets(right.Type)) throw new CelException(node.Offset, $"`{node.Symbol}` cannot compare {left.Type} with {right.Type}");
                var comparison = node.Symbol;
                return new(CelType.Bool, Strict(left.Code, right.Code, (in CelValue a, in CelValue b, ref CelContext _) => CelOperators.Compare(comparison, a, b)));
            case "in":
                if (right.Type.Kind is not (CelTypeKind.Any or CelTypeKind.List or CelTypeKind.Map)) throw new CelException(node.Right.Offset, $"`in` needs a list or a map, found {right.Type}");
                if (right.Type.Kind == CelTypeKind.List && !left.Type.Meets(right.Type.ItemOrAny)) throw new CelException(node.Offset, $"{left.Type} is never in a list of which each item is {right.Type.ItemOrAny}");
                return new(CelType.Bool, Strict(left.Code, right.Code, CelOperators.In));
            default:
                return Arithmetic(node, left, right);
        }
    }

    private static CelPart Arithmetic(CelNode.Binary node, CelPart left, CelPart right)
    {
        var symbol = node.Symbol[0];
        CelType? type = (left.Type.Kind, right.Type.Kind) switch
        {
            (CelTypeKind.Any, _) or (_, CelTypeKind.Any) => CelType.Any,
            (CelTypeKind.Number, CelTypeKind.Number) => CelType.Number,
            (CelTypeKind.Text, CelTypeKind.Text) when symbol == '+' => CelType.Text,
            (CelTypeKind.List, CelTypeKind.List) when symbol == '+' => CelType.Join(left.Type, right.Type),
            (CelTypeKind.Timestamp, CelTypeKind.Duration) when symbol is '+' or '-' => CelType.Timestamp,
            (CelTypeKind.Duration, CelTypeKind.Timestamp) when symbol == '+' => CelType.Timestamp,
            (CelTypeKind.Timestamp, CelTypeKind.Timestamp) when symbol == '-' => CelType.Duration,
            (CelTypeKind.Duration, CelTypeKind.Duration) when symbol is '+' or '-' => CelType.Duration,
            _ => null,
        };
        if (type is null || left.Type.IsOptional || right.Type.IsOptional) throw new CelException(node.Offset, $"`{symbol}` cannot be applied to {left.Type} and {right.Type}");
        return new(type, Strict(left.Code, right.Code, (in CelValue a, in CelValue b, ref CelContext context) => CelOperators.Calculate(symbol, a, b, ref context)));
    }

    private CelPart Conditional(CelNode.Conditional node)
    {
        var condition = Part(node.Condition);
        var whenTrue = Part(node.WhenTrue);
        var whenFalse = Part(node.WhenFalse);
        Demand(condition, CelType.Bool, node.Condition, "`?`");
        if (!whenTrue.Type.Meets(whenFalse.Type) || (whenTrue.Type.IsOptional != whenFalse.Type.IsOptional && !whenTrue.Type.IsAny && !whenFalse.Type.IsAny)) throw new CelException(node.Offset, $"`?` chooses between {whenTrue.Type} and {whenFalse.Type}; both must be of one type");
        var (test, yes, no) = (condition.Code, whenTrue.Code, whenFalse.Code);
        return new(CelType.Join(whenTrue.Type, whenFalse.Type), (ref CelContext context) =>
        {
            var value = test(ref context);
            if (value.IsStuck) return value;
            if (!value.IsBool || value.IsOptional) return NotBoolean;
            return value.Kind == CelKind.True ? yes(ref context) : no(ref context);
        });
    }

    /// <summary>
    /// CEL's own rule: the deciding value on either side wins over an error or an unknown on the other, so the order of
    /// operands never matters. An unknown may yet turn out to decide, so it wins over an error.
    /// </summary>
    private static CelCode Logic(CelCode left, CelCode right, CelKind deciding) => (ref CelContext context) =>
    {
        context.Charge(1);
        var first = Boolean(left(ref context));
        if (first.Kind == deciding) return first;
        var second = Boolean(right(ref context));
        return second.Kind == deciding ? second : Undecided(first, second);
    };

    internal static CelValue Undecided(in CelValue first, in CelValue second)
    {
        if (first.Kind == CelKind.Unknown || second.Kind == CelKind.Unknown) return CelValue.Unknown;
        return first.Kind == CelKind.Error ? first : second;
    }

    internal static CelValue Boolean(in CelValue value) => value.IsStuck || (value.IsBool && !value.IsOptional) ? value : NotBoolean;

    private delegate CelValue StrictCode(in CelValue left, in CelValue right, ref CelContext context);

    private static CelCode Strict(CelCode left, CelCode right, StrictCode apply) => (ref CelContext context) =>
    {
        context.Charge(1);
        var first = left(ref context);
        if (first.Kind == CelKind.Error) return first;
        var second = right(ref context);
        if (second.Kind == CelKind.Error) return second;
        return first.Kind == CelKind.Unknown || second.Kind == CelKind.Unknown ? CelValue.Unknown : apply(first, second, ref context);
    };

    private static void Demand(CelPart part, CelType type, CelNode node, string by)
    {
        if (part.Type.Kind == CelTypeKind.Null || !part.Type.Meets(type)) throw new CelException(node.Offset, $"{by} needs {type}, found {part.Type}{(part.Type.IsOptional ? "; use `orValue`" : "")}");
    }

    private static void Ordered(CelPart part, CelNode node, string symbol)
    {
        if (part.Type.Kind is CelTypeKind.List or CelTypeKind.Map or CelTypeKind.Null or CelTypeKind.Optional) throw new CelException(node.Offset, $"`{symbol}` cannot compare {part.Type}{(part.Type.IsOptional ? "; use `orValue`" : "")}");
    }
}
