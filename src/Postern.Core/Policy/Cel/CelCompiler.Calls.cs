using System.Text.RegularExpressions;
using Postern.Core.Yaml;

namespace Postern.Core.Policy.Cel;

/// <summary>Functions.</summary>
internal sealed partial class CelCompiler
{
    private static readonly string[] TextTests = ["startsWith", "endsWith", "contains"];
    private static readonly string[] Methods = ["startsWith", "endsWith", "contains", "matches", "size", "orValue", "or", "hasValue", "value", "all", "exists", "exists_one", "map", "filter", .. CelTime.Accessors];
    private static readonly string[] Functions = ["has", "size", "timestamp", "duration", "matches"];

    private CelPart Call(CelNode.Call node)
    {
        if (node.Receiver is CelNode.Name { Id: "optional" } && !IsLocal("optional")) return Optional(node);
        var arguments = node.Receiver is null ? node.Arguments : [node.Receiver, .. node.Arguments];
        var isMethod = node.Receiver is not null;
        var parts = arguments.Select(Part).ToArray();
        switch (node.Function)
        {
            case "size" when parts.Length == 1:
                if (parts[0].Type.Kind is not (CelTypeKind.Any or CelTypeKind.Text or CelTypeKind.List or CelTypeKind.Map)) throw new CelException(node.Offset, $"`size` needs a text, a list or a map, found {parts[0].Type}");
                return new(CelType.Number, One(parts[0].Code, CelSize.Of));
            case "matches" when parts.Length == 2:
                return Matches(arguments, parts);
            case "timestamp" or "duration" when !isMethod && parts.Length == 1:
                return Time(node, parts[0]);
            case "hasValue" or "value" when isMethod && parts.Length == 1:
                return OptionalRead(node, parts[0]);
            case "orValue" or "or" when isMethod && parts.Length == 2:
                return OptionalOr(node, parts[0], parts[1]);
            default:
                break;
        }
        if (isMethod && parts.Length == 2 && Array.IndexOf(TextTests, node.Function) >= 0) return TextTest(node, parts);
        if (isMethod && parts.Length <= 2 && CelTime.Find(node.Function) is { } accessor) return Accessor(node, accessor, arguments, parts);

        var known = isMethod ? Methods : Functions;
        if (Array.IndexOf(known, node.Function) >= 0) throw new CelException(node.Offset, $"`{node.Function}` does not take {parts.Length - (isMethod ? 1 : 0)} arguments here");
        var other = Array.IndexOf(isMethod ? Functions : Methods, node.Function) >= 0;
        throw new CelException(node.Offset, other
            ? $"write `{(isMethod ? $"{node.Function}(x)" : $"x.{node.Function}(…)")}`"
            : $"unknown function `{node.Function}`{NearestWord.Hint(node.Function, known)}");
    }

    private static CelPart TextTest(CelNode.Call node, CelPart[] parts)
    {
        Demand(parts[0], CelType.Text, node.Receiver!, $"`{node.Function}`");
        Demand(parts[1], CelType.Text, node.Arguments[0], $"`{node.Function}`");
        var notText = CelValue.Error($"`{node.Function}` needs texts");
        Func<string, string, bool> test = node.Function switch
        {
            "startsWith" => static (text, part) => text.StartsWith(part, StringComparison.Ordinal),
            "endsWith" => static (text, part) => text.EndsWith(part, StringComparison.Ordinal),
            _ => static (text, part) => text.Contains(part, StringComparison.Ordinal),
        };
        return new(CelType.Bool, Strict(parts[0].Code, parts[1].Code, (in CelValue text, in CelValue part, ref CelContext context) =>
        {
            if (!IsText(text) || !IsText(part)) return notText;
            var whole = text.AsText();
            context.ChargeBytes(whole.Length);
            return CelValue.Of(test(whole, part.AsText()));
        }));
    }

    private static bool IsText(in CelValue value) => value is { Kind: CelKind.Text, IsOptional: false };

    private static CelPart Matches(System.Collections.Immutable.ImmutableArray<CelNode> arguments, CelPart[] parts)
    {
        Demand(parts[0], CelType.Text, arguments[0], "`matches`");
        if (arguments[1] is not CelNode.Literal { Value.Kind: CelKind.Text } pattern) throw new CelException(arguments[1].Offset, "the pattern of `matches` must be written out, so that it is checked when the policy is loaded");
        Regex regex;
        try
        {
            // Linear in the text whatever the pattern: an argument chosen by an agent must not stop the gateway.
            regex = new Regex(pattern.Value.AsText(), RegexOptions.NonBacktracking | RegexOptions.CultureInvariant, Regex.InfiniteMatchTimeout);
        }
        catch (Exception refused) when (refused is ArgumentException or NotSupportedException)
        {
            throw new CelException(arguments[1].Offset, "the pattern of `matches` is not a regular expression that runs in linear time; look-around and back-references do not");
        }
        var notText = CelValue.Error("`matches` needs a text");
        return new(CelType.Bool, One(parts[0].Code, (in CelValue value, ref CelContext context) =>
        {
            if (!IsText(value)) return notText;
            var text = value.AsText();
            context.ChargeBytes(text.Length * 8);
            return context.IsExhausted ? Overspent : CelValue.Of(regex.IsMatch(text));
        }));
    }

    private static CelPart Time(CelNode.Call node, CelPart part)
    {
        var isInstant = node.Function == "timestamp";
        var type = isInstant ? CelType.Timestamp : CelType.Duration;
        if (part.Type.Kind == type.Kind) return part;
        Demand(part, CelType.Text, node.Arguments[0], $"`{node.Function}`");
        if (node.Arguments[0] is CelNode.Literal literal)
        {
            var constant = CelTime.Parse(isInstant, literal.Value.AsText());
            return constant.Kind == CelKind.Error ? throw new CelException(node.Arguments[0].Offset, (string)constant.Reference!) : Constant(constant);
        }
        return new(type, One(part.Code, (in CelValue value, ref CelContext _) => IsText(value) ? CelTime.Parse(isInstant, value.AsText()) : CelValue.Error("expected a text")));
    }

    private static CelPart Accessor(CelNode.Call node, Func<DateTimeOffset, int> read, System.Collections.Immutable.ImmutableArray<CelNode> arguments, CelPart[] parts)
    {
        Demand(parts[0], CelType.Timestamp, node.Receiver!, $"`{node.Function}`");
        var zone = TimeZoneInfo.Utc;
        if (arguments.Length == 2)
        {
            zone = arguments[1] is CelNode.Literal { Value.Kind: CelKind.Text } name ? CelTime.Zone(name.Value.AsText()) : null;
            if (zone is null) throw new CelException(arguments[1].Offset, "expected a written-out time zone: an IANA name such as `Europe/Vienna`, or an offset such as `+02:00`");
        }
        return new(CelType.Number, One(parts[0].Code, (in CelValue value, ref CelContext _) =>
            value is { Kind: CelKind.Timestamp, IsOptional: false }
                ? CelValue.Of(read(TimeZoneInfo.ConvertTime(new DateTimeOffset((long)value.Number, TimeSpan.Zero), zone)))
                : CelValue.Error("expected an instant")));
    }

    private CelPart Optional(CelNode.Call node)
    {
        if (node is { Function: "none", Arguments.Length: 0 }) return Constant(CelValue.None);
        if (node is not { Function: "of", Arguments.Length: 1 }) throw new CelException(node.Offset, "expected `optional.of(x)` or `optional.none()`");
        var part = Part(node.Arguments[0]);
        if (part.Type.IsOptional) throw new CelException(node.Offset, "`optional.of` of an optional; it already is one");
        return new(CelType.OptionalOf(part.Type), One(part.Code, (in CelValue value, ref CelContext _) => value.AsOptional()));
    }

    private static CelPart OptionalRead(CelNode.Call node, CelPart part)
    {
        DemandOptional(node, part);
        return node.Function == "hasValue"
            ? new(CelType.Bool, One(part.Code, (in CelValue value, ref CelContext _) => CelValue.Of(value.Kind != CelKind.None)))
            : new(part.Type.ItemOrAny, One(part.Code, (in CelValue value, ref CelContext _) => value.Kind == CelKind.None ? CelValue.Error("`value` of an optional without one") : value.Unwrapped()));
    }

    private static CelPart OptionalOr(CelNode.Call node, CelPart part, CelPart other)
    {
        DemandOptional(node, part);
        var wantsOptional = node.Function == "or";
        if (other.Type.IsOptional != wantsOptional) throw new CelException(node.Arguments[0].Offset, wantsOptional ? "`or` takes an optional; `orValue` takes a value" : "`orValue` takes a value; `or` takes an optional");
        if (!part.Type.ItemOrAny.Meets(wantsOptional ? other.Type.ItemOrAny : other.Type)) throw new CelException(node.Arguments[0].Offset, $"`{node.Function}` offers {other.Type} in place of {part.Type.ItemOrAny}");
        var (first, second) = (part.Code, other.Code);
        var type = wantsOptional ? CelType.OptionalOf(CelType.Join(part.Type.ItemOrAny, other.Type.ItemOrAny)) : CelType.Join(part.Type.ItemOrAny, other.Type);
        return new(type, (ref CelContext context) =>
        {
            context.Charge(1);
            var value = first(ref context);
            if (value.IsStuck) return value;
            if (value.Kind == CelKind.None) return second(ref context);
            return wantsOptional ? value : value.Unwrapped();
        });
    }

    private static void DemandOptional(CelNode.Call node, CelPart part)
    {
        if (!part.Type.IsOptional) throw new CelException(node.Offset, $"`{node.Function}` needs an optional, such as `args.?name`, found {part.Type}");
    }

    private delegate CelValue OneCode(in CelValue value, ref CelContext context);

    private static CelCode One(CelCode code, OneCode apply) => (ref CelContext context) =>
    {
        context.Charge(1);
        var value = code(ref context);
        return value.IsStuck ? value : apply(value, ref context);
    };
}
