using System.Collections.Immutable;

namespace Postern.Protocols.Postgres.Sql;

/// <summary>Every word that a statement fact may hold.</summary>
internal static class StatementWords
{
    public const string Select = "select";
    public const string Insert = "insert";
    public const string Update = "update";
    public const string Delete = "delete";
    public const string Merge = "merge";
    public const string Truncate = "truncate";
    public const string Create = "create";
    public const string Alter = "alter";
    public const string Drop = "drop";
    public const string Copy = "copy";
    public const string Lock = "lock";
    public const string Maintain = "maintain";
    public const string Explain = "explain";
    public const string Set = "set";
    public const string Show = "show";
    public const string Begin = "begin";
    public const string Call = "call";
    public const string Grant = "grant";
    public const string Notify = "notify";
    public const string Opaque = "opaque";
    public const string CopyProgram = "copy_program";
    public const string SetRole = "set_role";

    /// <summary>No pattern reaches these: they must be written out.</summary>
    public static ImmutableArray<string> NamedOnly { get; } = [Opaque, CopyProgram, SetRole, Set, Grant, Notify];

    public static ImmutableArray<string> All { get; } =
    [
        Select, Insert, Update, Delete, Merge, Truncate, Create, Alter, Drop, Copy, Lock, Maintain, Explain, Call, .. NamedOnly,
    ];
}
