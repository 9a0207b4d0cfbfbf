using System.Buffers;
using Postern.Core.Yaml;

namespace Postern.Core.Policy.Reading;

/// <summary>Reads ids: <c>[a-z0-9-]+</c>.</summary>
internal static class Ids
{
    private const int MaxLength = 64;

    private static readonly SearchValues<char> Characters = SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789-");

    public static string? Read(LoadContext context, YamlNode node, string what)
    {
        if (node.Find("id") is not { } at)
        {
            context.Error(node, $"a {what} must have an `id`");
            return null;
        }
        var id = at.Kind == YamlKind.Scalar ? at.Text : "";
        if (id.Length is > 0 and <= MaxLength && id.AsSpan().IndexOfAnyExcept(Characters) < 0) return id;
        context.Error(at, $"an `id` is 1 to {MaxLength} of the characters a-z, 0-9 and -; found {LoadContext.Shown(at)}");
        return null;
    }
}
