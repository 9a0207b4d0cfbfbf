using System.Collections.Immutable;

namespace Postern.Protocols.Postgres.Sql;

/// <summary>What flows into a value: the lineage of an expression or of a column of a row source.</summary>
internal sealed class Flow
{
    private static readonly ImmutableArray<ColumnOrigin> s_none = [];

    /// <summary>Nothing of any table.</summary>
    public static readonly Flow Constant = new(OutputKind.Expression, s_none, isThroughFunction: false);

    private Flow(OutputKind kind, ImmutableArray<ColumnOrigin> origins, bool isThroughFunction)
    {
        Kind = kind;
        Origins = origins;
        IsThroughFunction = isThroughFunction;
    }

    public OutputKind Kind { get; }

    public ImmutableArray<ColumnOrigin> Origins { get; }

    public bool IsThroughFunction { get; }

    /// <summary>The unchanged value of one column.</summary>
    public static Flow Of(ColumnOrigin origin) => new(OutputKind.Column, [origin], isThroughFunction: false);

    /// <summary>A column of a view: its own name, and what is beneath it.</summary>
    public static Flow Through(ColumnOrigin own, Flow beneath) => beneath.Origins.IsEmpty && !beneath.IsThroughFunction
        ? Of(own)
        : new Flow(beneath.Kind == OutputKind.Expression ? OutputKind.Expression : OutputKind.OneOf, Union([own], beneath.Origins), beneath.IsThroughFunction);

    /// <summary>What a function that is not built in may return.</summary>
    public static Flow ThroughFunction(IEnumerable<Flow> arguments)
    {
        var made = Made(arguments);
        return new Flow(OutputKind.Expression, made.Origins, isThroughFunction: true);
    }

    /// <summary>A value made from others.</summary>
    public static Flow Made(params IEnumerable<Flow> from)
    {
        var origins = s_none;
        var isThroughFunction = false;
        foreach (var flow in from)
        {
            origins = Union(origins, flow.Origins);
            isThroughFunction |= flow.IsThroughFunction;
        }
        return origins.IsEmpty && !isThroughFunction ? Constant : new Flow(OutputKind.Expression, origins, isThroughFunction);
    }

    /// <summary>One of two values, unchanged: a column of a set operation, a merged column of a join.</summary>
    public static Flow Either(Flow left, Flow right)
    {
        if (ReferenceEquals(left, right) || left.Same(right)) return left;
        // A constant beside a column changes nothing about the column's values.
        var isUnchanged = IsUnchanged(left) && IsUnchanged(right);
        return new Flow(isUnchanged ? OutputKind.OneOf : OutputKind.Expression, Union(left.Origins, right.Origins), left.IsThroughFunction || right.IsThroughFunction);
    }

    /// <summary>The same value in a place of which RowDescription tells nothing.</summary>
    public Flow Moved() => Kind == OutputKind.Column ? new Flow(OutputKind.OneOf, Origins, IsThroughFunction) : this;

    public bool Same(Flow other) => Kind == other.Kind && IsThroughFunction == other.IsThroughFunction && Origins.AsSpan().SequenceEqual(other.Origins.AsSpan());

    public OutputColumn ToOutput() => new() { Kind = Kind, Origins = Origins, IsThroughFunction = IsThroughFunction };

    private static bool IsUnchanged(Flow flow) => flow.Kind != OutputKind.Expression || (flow.Origins.IsEmpty && !flow.IsThroughFunction);

    private static ImmutableArray<ColumnOrigin> Union(ImmutableArray<ColumnOrigin> left, ImmutableArray<ColumnOrigin> right)
    {
        if (left.IsEmpty) return right;
        ImmutableArray<ColumnOrigin>.Builder? union = null;
        foreach (var origin in right)
        {
            if (left.Contains(origin) || union?.Contains(origin) == true) continue;
            if (union is null)
            {
                union = ImmutableArray.CreateBuilder<ColumnOrigin>();
                union.AddRange(left);
            }
            union.Add(origin);
        }
        return union?.ToImmutable() ?? left;
    }
}
