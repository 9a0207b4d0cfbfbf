namespace Postern.Core.Policy.Cel;

/// <summary>The nodes of a condition, parents first.</summary>
internal static class CelWalk
{
    public static IEnumerable<CelNode> All(CelNode root)
    {
        var waiting = new Stack<CelNode>([root]);
        while (waiting.TryPop(out var node))
        {
            yield return node;
            foreach (var child in Children(node).Reverse()) waiting.Push(child);
        }
    }

    /// <summary>Levels of the tree; without recursion, as it is asked before anything else walks it.</summary>
    public static int Depth(CelNode root)
    {
        var deepest = 0;
        var waiting = new Stack<(CelNode Node, int Depth)>([(root, 1)]);
        while (waiting.TryPop(out var next))
        {
            deepest = Math.Max(deepest, next.Depth);
            foreach (var child in Children(next.Node)) waiting.Push((child, next.Depth + 1));
        }
        return deepest;
    }

    public static IEnumerable<CelNode> Children(CelNode node) => node switch
    {
        CelNode.Select select => [select.Target],
        CelNode.Index index => [index.Target, index.Key],
        CelNode.Unary unary => [unary.Operand],
        CelNode.Binary binary => [binary.Left, binary.Right],
        CelNode.Conditional conditional => [conditional.Condition, conditional.WhenTrue, conditional.WhenFalse],
        CelNode.ListOf list => list.Items,
        CelNode.MapOf map => map.Entries.SelectMany(entry => new[] { entry.Key, entry.Value }),
        CelNode.Macro macro => macro.Filter is null ? [macro.Range, macro.Body] : [macro.Range, macro.Filter, macro.Body],
        CelNode.Call call => call.Receiver is null ? call.Arguments : call.Arguments.Insert(0, call.Receiver),
        _ => [],
    };
}
