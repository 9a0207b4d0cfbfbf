namespace Postern.Core.Policy.Cel;

internal enum CelTypeKind
{
    /// <summary>Only known when the condition runs.</summary>
    Any,
    Bool,
    Number,
    Text,
    Null,
    Timestamp,
    Duration,
    List,
    Map,
    Optional,
}

/// <summary>A type as far as it is known when the policy is loaded.</summary>
internal sealed record CelType(CelTypeKind Kind, CelType? Item = null)
{
    public static readonly CelType Any = new(CelTypeKind.Any);
    public static readonly CelType Bool = new(CelTypeKind.Bool);
    public static readonly CelType Number = new(CelTypeKind.Number);
    public static readonly CelType Text = new(CelTypeKind.Text);
    public static readonly CelType Null = new(CelTypeKind.Null);
    public static readonly CelType Timestamp = new(CelTypeKind.Timestamp);
    public static readonly CelType Duration = new(CelTypeKind.Duration);
    public static readonly CelType Map = new(CelTypeKind.Map, Any);
    public static readonly CelType TextList = ListOf(Text);

    public static CelType ListOf(CelType item) => new(CelTypeKind.List, item);

    public static CelType MapOf(CelType value) => new(CelTypeKind.Map, value);

    public static CelType OptionalOf(CelType value) => new(CelTypeKind.Optional, value);

    public bool IsAny => Kind == CelTypeKind.Any;

    public bool IsOptional => Kind == CelTypeKind.Optional;

    public CelType ItemOrAny => Item ?? Any;

    /// <summary>True when a value of one could be a value of the other.</summary>
    public bool Meets(CelType other) =>
        IsAny || other.IsAny || Kind == CelTypeKind.Null || other.Kind == CelTypeKind.Null
        || (Kind == other.Kind && (Item is null || other.Item is null || Item.Meets(other.Item)));

    /// <summary>The type of a value that may be either.</summary>
    public static CelType Join(CelType left, CelType right) => left == right ? left : left.Kind == right.Kind && left.Item is not null && right.Item is not null ? left with { Item = Join(left.Item, right.Item) } : Any;

    public override string ToString() => Kind switch
    {
        CelTypeKind.Any => "a value",
        CelTypeKind.Bool => "a boolean",
        CelTypeKind.Number => "a number",
        CelTypeKind.Text => "a text",
        CelTypeKind.Null => "null",
        CelTypeKind.Timestamp => "an instant",
        CelTypeKind.Duration => "a duration",
        CelTypeKind.List => "a list",
        CelTypeKind.Map => "a map",
        _ => "an optional",
    };
}
