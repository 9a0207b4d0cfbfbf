## texts: several statements, comments, quotes; the system's own tables
select 1; select 2
--> select | implied | out ~
--> select | implied | out ~

;;


select 1;
--> select | implied | out ~

select id from orders; delete from items where id = 1; select email from customers
--> select | select public.orders(id) | out public.orders.id
--> delete | select public.items(id) where; delete public.items where
--> select | select public.customers(email) | out public.customers.email

begin; update orders set note = 'x' where id = 1; commit
--> begin | implied
--> update | select public.orders(id) where; update public.orders(note) where
--> commit | implied

select 1 /* ; delete from orders */
--> select | implied | out ~

select 1 /* a /* nested */ ; delete from orders */ ; select 2
--> select | implied | out ~
--> select | implied | out ~

select 1 -- ; delete from orders
; select 2
--> select | implied | out ~
--> select | implied | out ~

select ';', '; delete from orders; --'
--> select | implied | out ~, ~

select E'\'; delete from orders; --'
--> select | implied | out ~

select '\'; delete from items; --'
--> select | implied | out ~
--> delete | delete public.items

select $$; delete from orders$$, $x$ $$ ; $x$
--> select | implied | out ~, ~

select U&'d\0061t', U&"\0069d" from orders
--> select | select public.orders(id) | out ~, public.orders.id

select "id" from "orders"
--> select | select public.orders(id) | out public.orders.id

select "ORDERS".id from orders
--> refused: no table in this query is called `ORDERS` as far as the gateway knows

SELECT ID FROM ORDERS
--> select | select public.orders(id) | out public.orders.id

select/**/id/**/from/**/orders
--> select | select public.orders(id) | out public.orders.id

select id
from
orders
--> select | select public.orders(id) | out public.orders.id

select id from orders where note = 'x
--> invalid: unterminated quoted string at or near "'x"

select id from orders where
--> invalid: syntax error at end of input

selec 1
--> invalid: syntax error at or near "selec"

select 1 2
--> invalid: syntax error at or near "2"

create table t (id int); insert into t values (1)
--> refused: a statement after `create_table` in the same text cannot be judged; send them one by one

select 1; drop table orders
--> select | implied | out ~
--> drop | drop public.orders

alter table orders rename to x; select id from orders
--> refused: a statement after `rename` in the same text cannot be judged; send them one by one

drop table orders; drop table items
--> refused: a statement after `drop` in the same text cannot be judged; send them one by one

do $$ begin end $$; select 1
--> refused: a statement after `do` in the same text cannot be judged; send them one by one

call settle(1); select id from orders
--> refused: a statement after `call` in the same text cannot be judged; send them one by one

set statement_timeout = 5; select 1
--> set | implied
--> select | implied | out ~

set search_path = hr; select id from orders
--> refused: `search_path` stays as it is, because it decides what a text means; write names with their schema

reset all; select id from orders
--> refused: a statement after `reset` in the same text cannot be judged; send them one by one

discard all; select 1
--> refused: a statement after `discard` in the same text cannot be judged; send them one by one

reset statement_timeout; select 1
--> reset | implied
--> select | implied | out ~

prepare p as select 1; execute p
--> prepare | implied
--> execute | implied | out ?

select oid, typname from pg_type
--> select | implied | out pg_catalog.pg_type.oid, pg_catalog.pg_type.typname

select n.nspname, c.relname from pg_catalog.pg_class c left join pg_namespace n on n.oid = c.relnamespace where c.relkind in ('r', 'v') and pg_table_is_visible(c.oid)
--> select | implied | out pg_catalog.pg_namespace.nspname, pg_catalog.pg_class.relname

select attname, format_type(atttypid, atttypmod), pg_get_expr(d.adbin, d.adrelid) from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid
--> select | implied | out pg_catalog.pg_attribute.attname, ~pg_catalog.pg_attribute.atttypid+pg_catalog.pg_attribute.atttypmod, ~pg_catalog.pg_attrdef.adbin+pg_catalog.pg_attrdef.adrelid

select proname from pg_proc
--> select | implied | out pg_catalog.pg_proc.proname

select proname, prosrc from pg_proc
--> select | select pg_catalog.pg_proc(proname prosrc) | out pg_catalog.pg_proc.proname, pg_catalog.pg_proc.prosrc

select * from pg_proc
--> select | select pg_catalog.pg_proc(oid proacl proallargtypes proargdefaults proargmodes proargnames proargtypes probin proconfig procost proisstrict prokind prolang proleakproof proname pronamespace pronargdefaults pronargs proowner proparallel proretset prorettype prorows prosecdef prosqlbody prosrc prosupport protrftypes provariadic provolatile) | out pg_catalog.pg_proc.oid, pg_catalog.pg_proc.proname, pg_catalog.pg_proc.pronamespace, pg_catalog.pg_proc.proowner, pg_catalog.pg_proc.prolang, pg_catalog.pg_proc.procost, pg_catalog.pg_proc.prorows, pg_catalog.pg_proc.provariadic, pg_catalog.pg_proc.prosupport, pg_catalog.pg_proc.prokind, pg_catalog.pg_proc.prosecdef, pg_catalog.pg_proc.proleakproof, pg_catalog.pg_proc.proisstrict, pg_catalog.pg_proc.proretset, pg_catalog.pg_proc.provolatile, pg_catalog.pg_proc.proparallel, pg_catalog.pg_proc.pronargs, pg_catalog.pg_proc.pronargdefaults, pg_catalog.pg_proc.prorettype, pg_catalog.pg_proc.proargtypes, pg_catalog.pg_proc.proallargtypes, pg_catalog.pg_proc.proargmodes, pg_catalog.pg_proc.proargnames, pg_catalog.pg_proc.proargdefaults, pg_catalog.pg_proc.protrftypes, pg_catalog.pg_proc.prosrc, pg_catalog.pg_proc.probin, pg_catalog.pg_proc.prosqlbody, pg_catalog.pg_proc.proconfig, pg_catalog.pg_proc.proacl

select * from pg_attribute
--> select | select pg_catalog.pg_attribute(attacl attalign attbyval attcacheoff attcollation attcompression attfdwoptions attgenerated atthasdef atthasmissing attidentity attinhcount attisdropped attislocal attlen attmissingval attname attndims attnotnull attnum attoptions attrelid attstattarget attstorage atttypid atttypmod) | out pg_catalog.pg_attribute.attrelid, pg_catalog.pg_attribute.attname, pg_catalog.pg_attribute.atttypid, pg_catalog.pg_attribute.attstattarget, pg_catalog.pg_attribute.attlen, pg_catalog.pg_attribute.attnum, pg_catalog.pg_attribute.attndims, pg_catalog.pg_attribute.attcacheoff, pg_catalog.pg_attribute.atttypmod, pg_catalog.pg_attribute.attbyval, pg_catalog.pg_attribute.attalign, pg_catalog.pg_attribute.attstorage, pg_catalog.pg_attribute.attcompression, pg_catalog.pg_attribute.attnotnull, pg_catalog.pg_attribute.atthasdef, pg_catalog.pg_attribute.atthasmissing, pg_catalog.pg_attribute.attidentity, pg_catalog.pg_attribute.attgenerated, pg_catalog.pg_attribute.attisdropped, pg_catalog.pg_attribute.attislocal, pg_catalog.pg_attribute.attinhcount, pg_catalog.pg_attribute.attcollation, pg_catalog.pg_attribute.attacl, pg_catalog.pg_attribute.attoptions, pg_catalog.pg_attribute.attfdwoptions, pg_catalog.pg_attribute.attmissingval

select attmissingval from pg_attribute
--> select | select pg_catalog.pg_attribute(attmissingval) | out pg_catalog.pg_attribute.attmissingval

select * from pg_stats
--> select | select pg_catalog.pg_stats(attname avg_width correlation elem_count_histogram histogram_bounds inherited most_common_elem_freqs most_common_elems most_common_freqs most_common_vals n_distinct null_frac schemaname tablename) | out pg_catalog.pg_stats.schemaname, pg_catalog.pg_stats.tablename, pg_catalog.pg_stats.attname, pg_catalog.pg_stats.inherited, pg_catalog.pg_stats.null_frac, pg_catalog.pg_stats.avg_width, pg_catalog.pg_stats.n_distinct, pg_catalog.pg_stats.most_common_vals, pg_catalog.pg_stats.most_common_freqs, pg_catalog.pg_stats.histogram_bounds, pg_catalog.pg_stats.correlation, pg_catalog.pg_stats.most_common_elems, pg_catalog.pg_stats.most_common_elem_freqs, pg_catalog.pg_stats.elem_count_histogram

select most_common_vals from pg_stats where tablename = 'customers'
--> select | select pg_catalog.pg_stats(most_common_vals tablename) where | out pg_catalog.pg_stats.most_common_vals

select stavalues1 from pg_statistic
--> select | select pg_catalog.pg_statistic(stavalues1) | out pg_catalog.pg_statistic.stavalues1

select query from pg_stat_activity
--> select | select pg_catalog.pg_stat_activity(query) | out pg_catalog.pg_stat_activity.query

select * from pg_stat_statements
--> refused: no table is called `pg_stat_statements` as far as the gateway knows

select rolname from pg_roles
--> select | implied | out pg_catalog.pg_roles.rolname

select rolname, rolpassword from pg_authid
--> select | select pg_catalog.pg_authid(rolname rolpassword) | out pg_catalog.pg_authid.rolname, pg_catalog.pg_authid.rolpassword

select * from pg_shadow
--> select | select pg_catalog.pg_shadow(passwd usebypassrls useconfig usecreatedb usename userepl usesuper usesysid valuntil) | out pg_catalog.pg_shadow.usename, pg_catalog.pg_shadow.usesysid, pg_catalog.pg_shadow.usecreatedb, pg_catalog.pg_shadow.usesuper, pg_catalog.pg_shadow.userepl, pg_catalog.pg_shadow.usebypassrls, pg_catalog.pg_shadow.passwd, pg_catalog.pg_shadow.valuntil, pg_catalog.pg_shadow.useconfig

select usename from pg_user
--> select | select pg_catalog.pg_user(usename) | out pg_catalog.pg_user.usename

select * from pg_settings
--> select | select pg_catalog.pg_settings(boot_val category context enumvals extra_desc max_val min_val name pending_restart reset_val setting short_desc source sourcefile sourceline unit vartype) | out pg_catalog.pg_settings.name, pg_catalog.pg_settings.setting, pg_catalog.pg_settings.unit, pg_catalog.pg_settings.category, pg_catalog.pg_settings.short_desc, pg_catalog.pg_settings.extra_desc, pg_catalog.pg_settings.context, pg_catalog.pg_settings.vartype, pg_catalog.pg_settings.source, pg_catalog.pg_settings.min_val, pg_catalog.pg_settings.max_val, pg_catalog.pg_settings.enumvals, pg_catalog.pg_settings.boot_val, pg_catalog.pg_settings.reset_val, pg_catalog.pg_settings.sourcefile, pg_catalog.pg_settings.sourceline, pg_catalog.pg_settings.pending_restart

select * from pg_file_settings
--> select | select pg_catalog.pg_file_settings(applied error name seqno setting sourcefile sourceline) | out pg_catalog.pg_file_settings.sourcefile, pg_catalog.pg_file_settings.sourceline, pg_catalog.pg_file_settings.seqno, pg_catalog.pg_file_settings.name, pg_catalog.pg_file_settings.setting, pg_catalog.pg_file_settings.applied, pg_catalog.pg_file_settings.error

select * from pg_hba_file_rules
--> select | select pg_catalog.pg_hba_file_rules(address auth_method database error line_number netmask options type user_name) | out pg_catalog.pg_hba_file_rules.line_number, pg_catalog.pg_hba_file_rules.type, pg_catalog.pg_hba_file_rules.database, pg_catalog.pg_hba_file_rules.user_name, pg_catalog.pg_hba_file_rules.address, pg_catalog.pg_hba_file_rules.netmask, pg_catalog.pg_hba_file_rules.auth_method, pg_catalog.pg_hba_file_rules.options, pg_catalog.pg_hba_file_rules.error

select * from pg_locks
--> select | select pg_catalog.pg_locks(classid database fastpath granted locktype mode objid objsubid page pid relation transactionid tuple virtualtransaction virtualxid waitstart) | out pg_catalog.pg_locks.locktype, pg_catalog.pg_locks.database, pg_catalog.pg_locks.relation, pg_catalog.pg_locks.page, pg_catalog.pg_locks.tuple, pg_catalog.pg_locks.virtualxid, pg_catalog.pg_locks.transactionid, pg_catalog.pg_locks.classid, pg_catalog.pg_locks.objid, pg_catalog.pg_locks.objsubid, pg_catalog.pg_locks.virtualtransaction, pg_catalog.pg_locks.pid, pg_catalog.pg_locks.mode, pg_catalog.pg_locks.granted, pg_catalog.pg_locks.fastpath, pg_catalog.pg_locks.waitstart

select * from pg_prepared_statements
--> select | select pg_catalog.pg_prepared_statements(custom_plans from_sql generic_plans name parameter_types prepare_time statement) | out pg_catalog.pg_prepared_statements.name, pg_catalog.pg_prepared_statements.statement, pg_catalog.pg_prepared_statements.prepare_time, pg_catalog.pg_prepared_statements.parameter_types, pg_catalog.pg_prepared_statements.from_sql, pg_catalog.pg_prepared_statements.generic_plans, pg_catalog.pg_prepared_statements.custom_plans

select * from pg_cursors
--> select | select pg_catalog.pg_cursors(creation_time is_binary is_holdable is_scrollable name statement) | out pg_catalog.pg_cursors.name, pg_catalog.pg_cursors.statement, pg_catalog.pg_cursors.is_holdable, pg_catalog.pg_cursors.is_binary, pg_catalog.pg_cursors.is_scrollable, pg_catalog.pg_cursors.creation_time

select * from pg_largeobject
--> select | select pg_catalog.pg_largeobject(data loid pageno) | out pg_catalog.pg_largeobject.loid, pg_catalog.pg_largeobject.pageno, pg_catalog.pg_largeobject.data

select * from pg_user_mappings
--> select | select pg_catalog.pg_user_mappings(srvid srvname umid umoptions umuser usename) | out pg_catalog.pg_user_mappings.umid, pg_catalog.pg_user_mappings.srvid, pg_catalog.pg_user_mappings.srvname, pg_catalog.pg_user_mappings.umuser, pg_catalog.pg_user_mappings.usename, pg_catalog.pg_user_mappings.umoptions

select * from pg_foreign_server
--> select | select pg_catalog.pg_foreign_server(oid srvacl srvfdw srvname srvoptions srvowner srvtype srvversion) | out pg_catalog.pg_foreign_server.oid, pg_catalog.pg_foreign_server.srvname, pg_catalog.pg_foreign_server.srvowner, pg_catalog.pg_foreign_server.srvfdw, pg_catalog.pg_foreign_server.srvtype, pg_catalog.pg_foreign_server.srvversion, pg_catalog.pg_foreign_server.srvacl, pg_catalog.pg_foreign_server.srvoptions

select srvname from pg_foreign_server
--> select | implied | out pg_catalog.pg_foreign_server.srvname

select * from pg_sequences
--> select | select pg_catalog.pg_sequences(cache_size cycle data_type increment_by last_value max_value min_value schemaname sequencename sequenceowner start_value) | out pg_catalog.pg_sequences.schemaname, pg_catalog.pg_sequences.sequencename, pg_catalog.pg_sequences.sequenceowner, pg_catalog.pg_sequences.data_type, pg_catalog.pg_sequences.start_value, pg_catalog.pg_sequences.min_value, pg_catalog.pg_sequences.max_value, pg_catalog.pg_sequences.increment_by, pg_catalog.pg_sequences.cycle, pg_catalog.pg_sequences.cache_size, pg_catalog.pg_sequences.last_value

select conname, pg_get_constraintdef(oid) from pg_constraint
--> select | implied | out pg_catalog.pg_constraint.conname, ~pg_catalog.pg_constraint.oid

select datname from pg_database
--> select | implied | out pg_catalog.pg_database.datname

select extname from pg_extension
--> select | implied | out pg_catalog.pg_extension.extname

select enumlabel from pg_enum
--> select | implied | out pg_catalog.pg_enum.enumlabel

select table_name, column_name from information_schema.columns
--> select | implied | out information_schema.columns.table_name, information_schema.columns.column_name

select * from information_schema.tables
--> select | implied | out information_schema.tables.table_catalog, information_schema.tables.table_schema, information_schema.tables.table_name, information_schema.tables.table_type, information_schema.tables.self_referencing_column_name, information_schema.tables.reference_generation, information_schema.tables.user_defined_type_catalog, information_schema.tables.user_defined_type_schema, information_schema.tables.user_defined_type_name, information_schema.tables.is_insertable_into, information_schema.tables.is_typed, information_schema.tables.commit_action

select routine_definition from information_schema.routines
--> select | select information_schema.routines(routine_definition) | out information_schema.routines.routine_definition

select action_statement from information_schema.triggers
--> select | select information_schema.triggers(action_statement) | out information_schema.triggers.action_statement

select relname, reltuples from pg_class
--> select | implied | out pg_catalog.pg_class.relname, pg_catalog.pg_class.reltuples

select * from pg_statistic_ext_data
--> select | select pg_catalog.pg_statistic_ext_data(stxddependencies stxdexpr stxdinherit stxdmcv stxdndistinct stxoid) | out pg_catalog.pg_statistic_ext_data.stxoid, pg_catalog.pg_statistic_ext_data.stxdinherit, pg_catalog.pg_statistic_ext_data.stxdndistinct, pg_catalog.pg_statistic_ext_data.stxddependencies, pg_catalog.pg_statistic_ext_data.stxdmcv, pg_catalog.pg_statistic_ext_data.stxdexpr

update pg_class set relname = 'x'
--> refused: what a write to `pg_catalog.pg_class` changes cannot be told; use the statement that is made for it

delete from pg_authid
--> refused: what a write to `pg_catalog.pg_authid` changes cannot be told; use the statement that is made for it

insert into pg_enum values (1)
--> refused: what a write to `pg_catalog.pg_enum` changes cannot be told; use the statement that is made for it

select ns.nspname, t.oid, t.typname, t.typtype, t.typnotnull, t.elemtypoid from (select typ.oid, typ.typnamespace, typ.typname, typ.typtype, typ.typrelid, typ.typnotnull, typ.relkind, elemtyp.oid as elemtypoid, elemtyp.typname as elemtypname, elemcls.relkind as elemrelkind, case when elemproc.proname = 'array_recv' then 'a' else elemtyp.typtype end as elemtyptype from (select typ.oid, typnamespace, typname, typrelid, typnotnull, relkind, typelem as elemoid, case when proc.proname = 'array_recv' then 'a' else typ.typtype end as typtype, case when proc.proname = 'array_recv' then typ.typelem when typ.typtype = 'r' then rngsubtype when typ.typtype = 'm' then (select rngtypid from pg_range where rngmultitypid = typ.oid) when typ.typtype = 'd' then typ.typbasetype end as elemtypoid from pg_type as typ left join pg_class as cls on (cls.oid = typ.typrelid) left join pg_proc as proc on proc.oid = typ.typreceive left join pg_range on (pg_range.rngtypid = typ.oid)) as typ left join pg_type as elemtyp on elemtyp.oid = elemtypoid left join pg_class as elemcls on (elemcls.oid = elemtyp.typrelid) left join pg_proc as elemproc on elemproc.oid = elemtyp.typreceive) as t join pg_namespace as ns on (ns.oid = typnamespace)
--> select | implied | out pg_catalog.pg_namespace.nspname, pg_catalog.pg_type.oid, pg_catalog.pg_type.typname, ~pg_catalog.pg_proc.proname+pg_catalog.pg_type.typtype, pg_catalog.pg_type.typnotnull, pg_catalog.pg_type.oid

select c.oid, n.nspname, c.relname from pg_catalog.pg_class c left join pg_catalog.pg_namespace n on n.oid = c.relnamespace where c.relname operator(pg_catalog.~) '^(orders)$' collate pg_catalog.default and pg_catalog.pg_table_is_visible(c.oid) order by 2, 3
--> select | implied | out pg_catalog.pg_class.oid, pg_catalog.pg_namespace.nspname, pg_catalog.pg_class.relname
