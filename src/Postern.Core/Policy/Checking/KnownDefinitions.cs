using System.Collections.Immutable;
using Postern.Core.Operations;

namespace Postern.Core.Policy.Checking;

/// <summary>What checks know of definitions: the accepted ones, and for connections without any those that files declare.</summary>
internal sealed class KnownDefinitions(IDefinitionCatalogue accepted, ImmutableArray<IDefinitionCatalogue> declared) : IDefinitionCatalogue
{
    public bool Knows(string connection) => For(connection).Knows(connection);

    public Definition? Find(string connection, string fact, string name) => For(connection).Find(connection, fact, name);

    public bool IsQuarantined(string connection, string fact, string name) => For(connection).IsQuarantined(connection, fact, name);

    public IEnumerable<string> Names(string connection, string fact) => For(connection).Names(connection, fact);

    private IDefinitionCatalogue For(string connection) => accepted.Knows(connection) ? accepted : declared.FirstOrDefault(file => file.Knows(connection), accepted);
}
