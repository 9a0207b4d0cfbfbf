using System.Collections.Immutable;

namespace Postern.Core.Policy.Cel;

internal enum CelMacro
{
    All,
    Exists,
    ExistsOne,
    Map,
    Filter,
}

/// <summary>One node of a parsed condition; <see cref="Offset"/> is where it starts in the source, from 0.</summary>
internal abstract class CelNode(int offset)
{
    public int Offset { get; } = offset;

    internal sealed class Literal(int offset, CelValue value) : CelNode(offset)
    {
        public CelValue Value { get; } = value;
    }

    internal sealed class Name(int offset, string id) : CelNode(offset)
    {
        public string Id { get; } = id;
    }

    /// <summary><c>target.field</c>, <c>target.?field</c>, or <c>has(target.field)</c>.</summary>
    internal sealed class Select(int offset, CelNode target, string field, bool isOptional, bool isTest) : CelNode(offset)
    {
        public CelNode Target { get; } = target;

        public string Field { get; } = field;

        public bool IsOptional { get; } = isOptional;

        public bool IsTest { get; } = isTest;
    }

    internal sealed class Index(int offset, CelNode target, CelNode key, bool isOptional) : CelNode(offset)
    {
        public CelNode Target { get; } = target;

        public CelNode Key { get; } = key;

        public bool IsOptional { get; } = isOptional;
    }

    internal sealed class Call(int offset, string function, CelNode? receiver, ImmutableArray<CelNode> arguments) : CelNode(offset)
    {
        public string Function { get; } = function;

        public CelNode? Receiver { get; } = receiver;

        public ImmutableArray<CelNode> Arguments { get; } = arguments;
    }

    internal sealed class ListOf(int offset, ImmutableArray<CelNode> items) : CelNode(offset)
    {
        public ImmutableArray<CelNode> Items { get; } = items;
    }

    internal sealed class MapOf(int offset, ImmutableArray<KeyValuePair<CelNode, CelNode>> entries) : CelNode(offset)
    {
        public ImmutableArray<KeyValuePair<CelNode, CelNode>> Entries { get; } = entries;
    }

    /// <summary><c>!x</c> or <c>-x</c>.</summary>
    internal sealed class Unary(int offset, char symbol, CelNode operand) : CelNode(offset)
    {
        public char Symbol { get; } = symbol;

        public CelNode Operand { get; } = operand;
    }

    internal sealed class Binary(int offset, string symbol, CelNode left, CelNode right) : CelNode(offset)
    {
        public string Symbol { get; } = symbol;

        public CelNode Left { get; } = left;

        public CelNode Right { get; } = right;
    }

    internal sealed class Conditional(int offset, CelNode condition, CelNode whenTrue, CelNode whenFalse) : CelNode(offset)
    {
        public CelNode Condition { get; } = condition;

        public CelNode WhenTrue { get; } = whenTrue;

        public CelNode WhenFalse { get; } = whenFalse;
    }

    /// <summary><c>range.all(variable, body)</c> and its siblings; <see cref="Filter"/> is the test of a three-part <c>map</c>.</summary>
    internal sealed class Macro(int offset, CelMacro kind, CelNode range, string variable, CelNode? filter, CelNode body) : CelNode(offset)
    {
        public CelMacro Kind { get; } = kind;

        public CelNode Range { get; } = range;

        public string Variable { get; } = variable;

        public CelNode? Filter { get; } = filter;

        public CelNode Body { get; } = body;
    }
}
