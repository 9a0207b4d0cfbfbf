using System.Collections.Immutable;
using Postern.Core.Operations;
using Postern.Core.Policy.Reading;
using Postern.Core.Yaml;

namespace Postern.Core.Policy.Testing;

/// <summary>The <c>definitions:</c> of a test file; for connections that it does not name, the accepted ones.</summary>
internal sealed class FileDefinitions : IDefinitionCatalogue
{
    private readonly IDefinitionCatalogue _accepted;
    private readonly Dictionary<(string Connection, string Fact), Dictionary<string, Definition>> _own = [];
    private readonly HashSet<string> _named = new(StringComparer.Ordinal);

    private FileDefinitions(IDefinitionCatalogue accepted) => _accepted = accepted;

    /// <summary>Reads <c>connection: { key: [names] }</c> or <c>connection: { key: { name: input schema } }</c>.</summary>
    public static IDefinitionCatalogue Read(LoadContext context, YamlNode? node)
    {
        var environment = context.Environment;
        if (node is null || !context.IsMapping(node, "`definitions`")) return environment.Definitions;
        var definitions = new FileDefinitions(environment.Definitions);
        foreach (var (name, keys) in node.Entries)
        {
            var connection = environment.Connections.FirstOrDefault(candidate => candidate.Name == name.Text);
            if (connection is null) context.Error(name, $"no connection is called `{name.Text}`{NearestWord.Hint(name.Text, environment.Connections.Select(candidate => candidate.Name))}");
            else if (context.IsMapping(keys, "the definitions of a connection")) definitions.Read(context, connection, keys);
        }
        return definitions;
    }

    public bool Knows(string connection) => _named.Contains(connection) || _accepted.Knows(connection);

    public Definition? Find(string connection, string fact, string name) => _named.Contains(connection)
        ? _own.GetValueOrDefault((connection, fact))?.GetValueOrDefault(name)
        : _accepted.Find(connection, fact, name);

    public bool IsQuarantined(string connection, string fact, string name) => !_named.Contains(connection) && _accepted.IsQuarantined(connection, fact, name);

    public IEnumerable<string> Names(string connection, string fact) => _named.Contains(connection)
        ? _own.GetValueOrDefault((connection, fact))?.Keys ?? Enumerable.Empty<string>()
        : _accepted.Names(connection, fact);

    private void Read(LoadContext context, Connection connection, YamlNode keys)
    {
        _named.Add(connection.Name);
        ImmutableArray<SelectorKey> known = [.. context.Environment.Vocabularies.Where(vocabulary => vocabulary.Protocols.Contains(connection.Protocol)).SelectMany(vocabulary => vocabulary.Keys)];
        foreach (var (keyNode, names) in keys.Entries)
        {
            if (known.FirstOrDefault(candidate => candidate.Name == keyNode.Text) is not { } key)
            {
                context.Error(keyNode, $"unknown key `{keyNode.Text}`{NearestWord.Hint(keyNode.Text, known.Select(candidate => candidate.Name))}");
                continue;
            }
            var definitions = _own[(connection.Name, key.Fact)] = new Dictionary<string, Definition>(StringComparer.Ordinal);
            if (names.Kind == YamlKind.Mapping)
            {
                foreach (var (name, schema) in names.Entries) Add(definitions, name.Text, schema.IsNull ? default : YamlJson.ToUtf8(schema));
            }
            else
            {
                foreach (var name in context.Texts(names, $"`{keyNode.Text}`")) Add(definitions, name, default);
            }
        }
    }

    private static void Add(Dictionary<string, Definition> definitions, string name, ReadOnlyMemory<byte> schema) =>
        definitions[name] = new Definition(name, Digest.Of([.. System.Text.Encoding.UTF8.GetBytes(name), 0, .. schema.Span]), schema);
}
