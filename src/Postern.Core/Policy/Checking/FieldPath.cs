using System.Collections.Immutable;
using Postern.Core.Policy.Cel;

namespace Postern.Core.Policy.Checking;

/// <summary>A chain of fields from a variable, as <c>args.to.name</c>; only what fails when a field is absent.</summary>
internal sealed record FieldPath(string Variable, ImmutableArray<string> Fields)
{
    public string Text => Fields.IsEmpty ? Variable : $"{Variable}.{string.Join('.', Fields)}";

    /// <summary>The path that the node reads, or null when it is anything else.</summary>
    public static FieldPath? Of(CelNode node) => node switch
    {
        CelNode.Name name => new FieldPath(name.Id, []),
        CelNode.Select { IsOptional: false, IsTest: false } select when Of(select.Target) is { } path => path.With(select.Field),
        CelNode.Index { IsOptional: false, Key: CelNode.Literal { Value.Kind: CelKind.Text } key } index when Of(index.Target) is { } path => path.With(key.Value.AsText()),
        _ => null,
    };

    public FieldPath With(string field) => this with { Fields = Fields.Add(field) };
}
