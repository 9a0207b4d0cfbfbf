using Postern.Core.Policy.Cel;

namespace Postern.Core.Policy.Checking;

/// <summary>Finds numbers that a condition bounds from above only: <c>args.amount &lt;= 500</c> lets -900 pass.</summary>
internal static class Bounds
{
    public static IEnumerable<(string Path, int Offset)> UpperOnly(CelNode root)
    {
        var upper = new Dictionary<string, int>(StringComparer.Ordinal);
        var lower = new HashSet<string>(StringComparer.Ordinal);
        foreach (var node in CelWalk.All(root))
        {
            if (node is not CelNode.Binary binary) continue;
            if (Number(binary.Right) && FieldPath.Of(binary.Left) is { } left) Note(binary.Symbol, left.Text, binary.Left.Offset);
            else if (Number(binary.Left) && FieldPath.Of(binary.Right) is { } right) Note(Turned(binary.Symbol), right.Text, binary.Right.Offset);
        }
        return upper.Where(pair => !lower.Contains(pair.Key)).Select(pair => (pair.Key, pair.Value));

        void Note(string symbol, string path, int offset)
        {
            if (symbol is "<" or "<=") upper.TryAdd(path, offset);
            else if (symbol is ">" or ">=" or "==") lower.Add(path);
        }
    }

    private static bool Number(CelNode node) => node is CelNode.Literal { Value.Kind: CelKind.Number };

    private static string Turned(string symbol) => symbol switch
    {
        "<" => ">",
        "<=" => ">=",
        ">" => "<",
        ">=" => "<=",
        _ => symbol,
    };
}
