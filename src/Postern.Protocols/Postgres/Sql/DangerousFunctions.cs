using System.Collections.Frozen;
using System.Collections.Immutable;

namespace Postern.Protocols.Postgres.Sql;

/// <summary>
/// Built-in functions that reach beyond what their arguments show: files, other sessions, other servers, whole tables by name, SQL in
/// a text, the server itself. No pattern and no <c>everything: true</c> reaches them; a rule must write each out.
/// </summary>
internal static class DangerousFunctions
{
    private static readonly FrozenSet<string> s_names = FrozenSet.Create(StringComparer.Ordinal,
        // SQL in a text, and whole tables by name
        "query_to_xml", "query_to_xmlschema", "query_to_xml_and_xmlschema", "cursor_to_xml", "cursor_to_xmlschema", "table_to_xml", "table_to_xmlschema", "table_to_xml_and_xmlschema",
        "schema_to_xml", "schema_to_xmlschema", "schema_to_xml_and_xmlschema", "database_to_xml", "database_to_xmlschema", "database_to_xml_and_xmlschema", "ts_stat", "ts_rewrite",
        // files of the server
        "pg_read_file", "pg_read_file_old", "pg_read_binary_file", "pg_stat_file", "pg_ls_dir", "pg_ls_logdir", "pg_ls_waldir", "pg_ls_tmpdir", "pg_ls_archive_statusdir", "pg_ls_logicalmapdir",
        "pg_ls_logicalsnapdir", "pg_ls_replslotdir", "pg_file_write", "pg_file_read", "pg_file_rename", "pg_file_unlink", "pg_file_sync", "pg_logdir_ls", "pg_current_logfile", "pg_hba_file_rules",
        "pg_ident_file_mappings", "pg_show_all_file_settings", "pg_rotate_logfile", "pg_rotate_logfile_old", "pg_relation_filepath", "pg_tablespace_location",
        // large objects
        "lo_import", "lo_export", "lo_get", "lo_put", "lo_open", "lo_close", "lo_creat", "lo_create", "lo_from_bytea", "lo_lseek", "lo_lseek64", "lo_tell", "lo_tell64", "lo_truncate",
        "lo_truncate64", "lo_unlink", "loread", "lowrite",
        // other sessions, and channels to them
        "pg_terminate_backend", "pg_cancel_backend", "pg_stat_get_activity", "pg_stat_get_backend_activity", "pg_stat_get_wal_senders", "pg_stat_get_backend_client_addr", "pg_lock_status",
        "pg_notify", "pg_listening_channels", "pg_advisory_lock", "pg_advisory_lock_shared", "pg_advisory_unlock", "pg_advisory_unlock_all", "pg_advisory_unlock_shared", "pg_advisory_xact_lock",
        "pg_advisory_xact_lock_shared", "pg_try_advisory_lock", "pg_try_advisory_lock_shared", "pg_try_advisory_xact_lock", "pg_try_advisory_xact_lock_shared", "pg_export_snapshot",
        "pg_log_backend_memory_contexts",
        // the server and its replication
        "pg_reload_conf", "pg_promote", "pg_switch_wal", "pg_create_restore_point", "pg_backup_start", "pg_backup_stop", "pg_wal_replay_pause", "pg_wal_replay_resume", "pg_logical_emit_message",
        "pg_create_logical_replication_slot", "pg_create_physical_replication_slot", "pg_copy_logical_replication_slot", "pg_copy_physical_replication_slot", "pg_drop_replication_slot",
        "pg_replication_slot_advance", "pg_logical_slot_get_changes", "pg_logical_slot_get_binary_changes", "pg_logical_slot_peek_changes", "pg_logical_slot_peek_binary_changes",
        "pg_replication_origin_create", "pg_replication_origin_drop", "pg_replication_origin_advance", "pg_replication_origin_session_setup", "pg_replication_origin_session_reset",
        "pg_replication_origin_xact_setup", "pg_replication_origin_xact_reset", "pg_import_system_collations", "pg_get_replication_slots", "pg_show_all_settings", "pg_config",
        // code of functions, values of statistics
        "pg_get_functiondef", "pg_get_function_sqlbody", "pg_mcv_list_items",
        // time of others
        "pg_sleep", "pg_sleep_for", "pg_sleep_until");

    public static ImmutableArray<string> FullNames { get; } = [.. s_names.Select(name => "pg_catalog." + name).Order(StringComparer.Ordinal)];

    public static bool Contains(CatalogueFunction function) => FunctionRules.IsBuiltIn(function) && s_names.Contains(function.Name);
}
