using System.Collections.Immutable;
using Postern.Core.Policy.Cel;

namespace Postern.Core.Policy.Checking;

/// <summary>
/// Finds the fields that a condition reads without first making sure that they are there. <c>has(args.x)</c> on either side of
/// <c>&amp;&amp;</c> guards the other, as CEL absorbs the error of one side when the other decides.
/// </summary>
internal sealed class FieldUses
{
    private readonly List<(FieldPath Path, int Offset)> _uses = [];
    private readonly List<string> _locals = [];

    private FieldUses()
    {
    }

    public static List<(FieldPath Path, int Offset)> Unguarded(CelNode root)
    {
        var uses = new FieldUses();
        uses.Walk(root, []);
        return uses._uses;
    }

    private void Walk(CelNode node, ImmutableHashSet<string> present)
    {
        switch (node)
        {
            case CelNode.Binary { Symbol: "&&" } and:
                Walk(and.Left, present.Union(Known(and.Right, isTrue: true)));
                Walk(and.Right, present.Union(Known(and.Left, isTrue: true)));
                return;
            case CelNode.Binary { Symbol: "||" } or:
                Walk(or.Left, present.Union(Known(or.Right, isTrue: false)));
                Walk(or.Right, present.Union(Known(or.Left, isTrue: false)));
                return;
            case CelNode.Conditional conditional:
                Walk(conditional.Condition, present);
                Walk(conditional.WhenTrue, present.Union(Known(conditional.Condition, isTrue: true)));
                Walk(conditional.WhenFalse, present.Union(Known(conditional.Condition, isTrue: false)));
                return;
            case CelNode.Macro macro:
                Walk(macro.Range, present);
                _locals.Add(macro.Variable);
                if (macro.Filter is not null) Walk(macro.Filter, present);
                Walk(macro.Body, macro.Filter is null ? present : present.Union(Known(macro.Filter, isTrue: true)));
                _locals.RemoveAt(_locals.Count - 1);
                return;
            default:
                break;
        }
        if (FieldPath.Of(node) is { Fields.IsEmpty: false } path && !_locals.Contains(path.Variable) && !present.Contains(path.Text)) _uses.Add((path, node.Offset));
        foreach (var child in CelWalk.Children(node)) Walk(child, present);
    }

    /// <summary>The paths that are certainly there when the condition is true (or false).</summary>
    private static ImmutableHashSet<string> Known(CelNode node, bool isTrue) => node switch
    {
        CelNode.Select { IsTest: true } test when isTrue && FieldPath.Of(test.Target) is { } path => WithParents(path.With(test.Field)),
        CelNode.Binary { Symbol: "in", Left: CelNode.Literal { Value.Kind: CelKind.Text } key } member when isTrue && FieldPath.Of(member.Right) is { } path => WithParents(path.With(key.Value.AsText())),
        CelNode.Unary { Symbol: '!' } not => Known(not.Operand, !isTrue),
        CelNode.Binary { Symbol: "&&" or "||" } both when both.Symbol == "&&" == isTrue => Known(both.Left, isTrue).Union(Known(both.Right, isTrue)),
        CelNode.Binary { Symbol: "&&" or "||" } either => Known(either.Left, isTrue).Intersect(Known(either.Right, isTrue)),
        _ => [],
    };

    private static ImmutableHashSet<string> WithParents(FieldPath path)
    {
        var known = ImmutableHashSet.CreateBuilder<string>();
        for (var length = 1; length <= path.Fields.Length; length++) known.Add((path with { Fields = path.Fields[..length] }).Text);
        return known.ToImmutable();
    }
}
