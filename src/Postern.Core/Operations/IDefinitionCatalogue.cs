namespace Postern.Core.Operations;

/// <summary>Something a target defines by name (a tool, say), as it was accepted.</summary>
/// <param name="Name">The name, in exact code points.</param>
/// <param name="Hash">Over everything that the definition says.</param>
/// <param name="InputSchema">JSON Schema of the arguments as UTF-8 JSON, or empty when there is none.</param>
public sealed record Definition(string Name, Digest Hash, ReadOnlyMemory<byte> InputSchema);

/// <summary>The accepted definitions, by connection.</summary>
public interface IDefinitionCatalogue
{
    /// <summary>True when definitions of this connection are known at all.</summary>
    bool Knows(string connection);

    /// <summary>The accepted definition of a value of this fact, or null.</summary>
    Definition? Find(string connection, string fact, string name);

    /// <summary>True when what the target says of it now, whether it was accepted before or not, waits to be accepted.</summary>
    bool IsQuarantined(string connection, string fact, string name) => false;

    /// <summary>Every accepted name of this fact, for suggestions and warnings.</summary>
    IEnumerable<string> Names(string connection, string fact);
}
