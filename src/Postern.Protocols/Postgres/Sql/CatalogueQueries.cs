using System.Collections.Immutable;

namespace Postern.Protocols.Postgres.Sql;

/// <summary>
/// What the gateway asks a database to learn its names, as the identity <c>postern</c>. To be run in this order in one
/// <c>REPEATABLE READ READ ONLY</c> transaction by the simple query protocol (results as text), each result handed to <see cref="CatalogueBuilder"/>.
/// </summary>
internal static class CatalogueQueries
{
    /// <summary>The action under which they are judged and recorded.</summary>
    public const string Action = "postgres.catalogue.read";

    /// <summary>Index of a query = index of its rows in the builder.</summary>
    public static ImmutableArray<string> All { get; } =
    [
        // 0: the path as it is in force; implicit schemas included, temporary ones left out
        "select s from pg_catalog.unnest(pg_catalog.current_schemas(true)) with ordinality as p(s, n) where s !~ '^pg_(temp|toast)' order by n",
        // 1: schemas
        "select nspname from pg_catalog.pg_namespace where nspname !~ '^pg_(temp|toast)'",
        // 2: relations
        "select c.oid, n.nspname, c.relname, c.relkind from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace where c.relkind in ('r','v','m','p','f','S','c','i','I') and n.nspname !~ '^pg_(temp|toast)'",
        // 3: columns
        "select a.attrelid, a.attname, a.attnum, a.atttypid from pg_catalog.pg_attribute a join pg_catalog.pg_class c on c.oid = a.attrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace where a.attnum > 0 and not a.attisdropped and c.relkind in ('r','v','m','p','f','S','c') and n.nspname !~ '^pg_(temp|toast)' order by a.attrelid, a.attnum",
        // 4: functions
        "select p.oid, n.nspname, p.proname, p.prokind, p.provolatile, exists (select from pg_catalog.pg_depend d where d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass and d.objid = p.oid and d.deptype = 'e'), p.prorettype, p.proretset, p.pronargs - p.pronargdefaults - (p.provariadic <> 0)::int, case when p.provariadic <> 0 then 1000000 else p.pronargs end, coalesce((select pg_catalog.string_agg(coalesce(p.proargnames[i], ''), ',' order by i) from pg_catalog.generate_subscripts(p.proargmodes, 1) i where p.proargmodes[i] in ('o','b','t')), '') from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace where n.nspname !~ '^pg_(temp|toast)'",
        // 5: types
        "select t.oid, n.nspname, t.typname, t.typtype, t.typrelid from pg_catalog.pg_type t join pg_catalog.pg_namespace n on n.oid = t.typnamespace where n.nspname !~ '^pg_(temp|toast)'",
        // 6: operators that are not built in
        "select n.nspname, o.oprname, o.oprcode::pg_catalog.oid from pg_catalog.pg_operator o join pg_catalog.pg_namespace n on n.oid = o.oprnamespace join pg_catalog.pg_proc p on p.oid = o.oprcode where p.oid >= 16384 or n.nspname <> 'pg_catalog'",
        // 7: casts that are not built in
        "select castsource, casttarget, castfunc from pg_catalog.pg_cast where castfunc >= 16384",
        // 8: what views are defined as; the system's own show no values of tables, or are named by policy
        "select c.oid, pg_catalog.pg_get_viewdef(c.oid) from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace where c.relkind in ('v','m') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'",
        // 9: partitions and tables that inherit, and from which
        "select i.inhrelid, i.inhparent from pg_catalog.pg_inherits i join pg_catalog.pg_class c on c.oid = i.inhrelid where c.relkind in ('r','p','f')",
    ];
}
