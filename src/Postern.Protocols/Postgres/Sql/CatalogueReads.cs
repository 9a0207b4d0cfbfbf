using System.Collections.Frozen;

namespace Postern.Protocols.Postgres.Sql;

/// <summary>
/// The closed list of system tables that clients read to find their way (psql's <c>\d</c>, drivers loading types): names and shapes,
/// no data of anybody. Every other one (statistics, activity, passwords, settings) is a table like others and needs a rule, and so
/// does each column that is named here.
/// </summary>
internal static class CatalogueReads
{
    private static readonly FrozenDictionary<string, string[]> s_tables = new Dictionary<string, string[]>
    {
        // The value that a new column has in old rows is data.
        ["pg_attribute"] = ["attmissingval"],
        // Code may hold secrets.
        ["pg_proc"] = ["prosrc", "probin", "prosqlbody"],
        ["pg_foreign_table"] = ["ftoptions"],
        ["pg_foreign_server"] = ["srvoptions"],
        ["pg_foreign_data_wrapper"] = ["fdwoptions"],
        ["pg_roles"] = ["rolconfig", "rolpassword"],
        ["pg_aggregate"] = [], ["pg_am"] = [], ["pg_amop"] = [], ["pg_amproc"] = [], ["pg_attrdef"] = [], ["pg_auth_members"] = [], ["pg_available_extensions"] = [], ["pg_cast"] = [], ["pg_class"] = [],
        ["pg_collation"] = [], ["pg_constraint"] = [], ["pg_conversion"] = [], ["pg_database"] = [], ["pg_default_acl"] = [], ["pg_depend"] = [], ["pg_description"] = [], ["pg_enum"] = [],
        ["pg_event_trigger"] = [], ["pg_extension"] = [], ["pg_index"] = [], ["pg_indexes"] = [], ["pg_inherits"] = [], ["pg_init_privs"] = [], ["pg_language"] = [], ["pg_matviews"] = [],
        ["pg_namespace"] = [], ["pg_opclass"] = [], ["pg_operator"] = [], ["pg_opfamily"] = [], ["pg_partitioned_table"] = [], ["pg_policy"] = [], ["pg_publication"] = [],
        ["pg_publication_namespace"] = [], ["pg_publication_rel"] = [], ["pg_publication_tables"] = [], ["pg_range"] = [], ["pg_rewrite"] = [], ["pg_sequence"] = [], ["pg_shdescription"] = [],
        ["pg_statistic_ext"] = [], ["pg_tables"] = [], ["pg_tablespace"] = [], ["pg_timezone_abbrevs"] = [], ["pg_timezone_names"] = [], ["pg_transform"] = [], ["pg_trigger"] = [],
        ["pg_ts_config"] = [], ["pg_ts_config_map"] = [], ["pg_ts_dict"] = [], ["pg_ts_parser"] = [], ["pg_ts_template"] = [], ["pg_type"] = [], ["pg_views"] = [],
    }.ToFrozenDictionary(pair => "pg_catalog." + pair.Key, pair => pair.Value);

    private static readonly FrozenSet<string> s_standardViews = FrozenSet.Create(StringComparer.Ordinal,
        "schemata", "tables", "columns", "views", "table_constraints", "key_column_usage", "referential_constraints", "constraint_column_usage", "constraint_table_usage", "check_constraints",
        "sequences", "domains", "domain_constraints", "element_types", "character_sets", "collations", "column_domain_usage", "column_udt_usage", "view_column_usage", "view_table_usage",
        "user_defined_types", "attributes", "information_schema_catalog_name");

    public static bool IsImplied(string table, SortedSet<string> columns)
    {
        const string Standard = "information_schema.";
        if (table.StartsWith(Standard, StringComparison.Ordinal)) return s_standardViews.Contains(table[Standard.Length..]);
        if (!s_tables.TryGetValue(table, out var kept)) return false;
        foreach (var column in kept)
        {
            if (columns.Contains(column)) return false;
        }
        return true;
    }
}
