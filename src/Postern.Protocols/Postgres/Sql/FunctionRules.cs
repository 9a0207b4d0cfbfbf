using System.Collections.Frozen;

namespace Postern.Protocols.Postgres.Sql;

/// <summary>What a call of a function asks for.</summary>
internal enum FunctionRule
{
    /// <summary>Built in and without side effects: no rule is needed.</summary>
    Implied,

    /// <summary>A rule must permit it under <c>functions</c>.</summary>
    Asked,

    /// <summary>Writes the sequence that its first argument names.</summary>
    Sequence,

    /// <summary>Reads or writes the setting that its first argument names.</summary>
    Setting,
}

/// <summary>
/// Which functions are implied: built in, not volatile and not dangerous, by the catalogue itself; and a closed list of volatile ones
/// that do nothing but tell the time, roll dice or measure.
/// </summary>
internal static class FunctionRules
{
    private static readonly FrozenSet<string> s_harmlessVolatile = FrozenSet.Create(StringComparer.Ordinal,
        "random", "setseed", "clock_timestamp", "timeofday", "gen_random_uuid", "currval", "lastval", "txid_status", "pg_xact_status", "pg_is_in_recovery", "pg_partition_tree",
        "pg_partition_ancestors", "pg_table_size", "pg_relation_size", "pg_total_relation_size", "pg_indexes_size", "pg_database_size", "pg_tablespace_size", "pg_jit_available",
        "pg_collation_actual_version", "pg_database_collation_actual_version", "current_query");

    /// <summary>Given by initdb: neither created nor replaced by anybody who could not replace the server.</summary>
    public static bool IsBuiltIn(CatalogueFunction function) => function.Oid < Catalogue.FirstOwnOid && function.Schema is "pg_catalog" or "information_schema";

    /// <summary>
    /// An extension's own and immutable: by declaration it neither reads nor writes anything but its arguments. Such functions stand
    /// behind operators and casts (<c>citext</c>, <c>hstore</c>), and overload built-in names; named by themselves they need a rule.
    /// </summary>
    public static bool IsHarmlessOfExtension(CatalogueFunction function) => function is { IsOfExtension: true, Volatility: 'i' };

    public static FunctionRule Judge(CatalogueFunction function)
    {
        if (!IsBuiltIn(function)) return FunctionRule.Asked;
        switch (function.Name)
        {
            case "nextval" or "setval":
                return FunctionRule.Sequence;
            case "current_setting" or "set_config":
                return FunctionRule.Setting;
        }
        // The counters of others' work: what is read through the views that show them is asked for there.
        if (DangerousFunctions.Contains(function) || function.Name.StartsWith("pg_stat_", StringComparison.Ordinal) || function.Name.StartsWith("binary_upgrade_", StringComparison.Ordinal)) return FunctionRule.Asked;
        return function.Volatility is 'i' or 's' || s_harmlessVolatile.Contains(function.Name) ? FunctionRule.Implied : FunctionRule.Asked;
    }
}
