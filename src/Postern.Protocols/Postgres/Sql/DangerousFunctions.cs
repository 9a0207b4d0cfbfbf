using System.Collections.Immutable;

namespace Postern.Protocols.Postgres.Sql;

/// <summary>
/// Built-in functions that reach beyond what their arguments show: files, other sessions, other servers, SQL in a text. No pattern
/// reaches them; a rule must write them out.
/// </summary>
internal static class DangerousFunctions
{
    public static ImmutableArray<string> FullNames { get; } = [];
}
