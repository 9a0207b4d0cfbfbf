namespace Postern.Protocols.Postgres.Sql;

/// <summary>
/// What a text does cannot be told. Thrown anywhere in the reading of a tree, caught once by its reader.
/// The message names what was not understood, never a value of the text.
/// </summary>
internal sealed class UndecidableException(string reason, bool mayHelpToRefresh = false) : Exception(reason)
{
    /// <summary>A name was not found: a newer catalogue may have it.</summary>
    public bool MayHelpToRefresh { get; } = mayHelpToRefresh;

    public static UndecidableException Unknown(string what, string name) => new($"no {what} is called `{name}` as far as the gateway knows", mayHelpToRefresh: true);

    public static UndecidableException Node(string node) => new($"`{node}` is not understood by the gateway");
}
