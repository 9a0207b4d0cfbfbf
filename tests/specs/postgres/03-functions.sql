## functions, operators, casts
select total_of(1)
--> select | call public.total_of | out !~

select public.total_of(id) from customers
--> select | select public.customers(id); call public.total_of | out !~public.customers.id

select lower('A'), lower(1)
--> select | call public.lower | out !~, !~

select pg_catalog.lower(name) from customers
--> select | select public.customers(name) | out ~public.customers.name

select hr.raise(1)
--> select | call hr.raise | out !~

select hr.raise(1, by => 2)
--> select | call hr.raise | out !~

select raise(1)
--> refused: no function is called `raise` as far as the gateway knows

select nosuch(1)
--> refused: no function is called `nosuch` as far as the gateway knows

select audit(email) from customers
--> select | select public.customers(email); call public.audit | out !~public.customers.email

select settle(1)
--> refused: `public.settle` is a procedure; use CALL

call settle(1)
--> call | call procedure public.settle | out ?

call total_of(1)
--> refused: no procedure is called `total_of` as far as the gateway knows

call public.settle((select id from orders limit 1))
--> call | select public.orders(id); call procedure public.settle | out ?

select * from recent(5)
--> select | call public.recent | out !~, !~, !~, !~, !~, !~, !~

select r.note from recent(5) r
--> select | call public.recent | out !~

select recent from recent(5)
--> select | call public.recent | out !~

select id, total from top(3)
--> select | call public.top | out !~, !~

select t.x from top(3) as t(x, y)
--> select | call public.top | out !~

select nosuch from top(3)
--> refused: no column in this query is called `nosuch` as far as the gateway knows

select * from generate_series(1, 3)
--> select | implied | out ~

select g from generate_series(1, 3) g
--> select | implied | out ~

select g.n, g.i from generate_series(1, 3) with ordinality as g(n, i)
--> select | implied | out ~, ~

select * from unnest(array[1, 2]) u
--> select | implied | out ~

select u from orders, unnest(tags) u
--> select | select public.orders(tags) | out ~public.orders.tags

select k, v from orders, jsonb_each(meta) as e(k, v)
--> select | select public.orders(meta) | out ~public.orders.meta, ~public.orders.meta

select j.a from json_to_record('{}') as j(a int, b text)
--> select | implied | out ~

select j.c from json_to_record('{}') as j(a int, b text)
--> refused: no column is called `j.c` as far as the gateway knows

select * from json_to_record('{}')
--> refused: what columns `json_to_record` has cannot be told

select * from rows from (generate_series(1, 2), unnest(array['a'])) as r(a, b)
--> select | implied | out ~, ~

select * from rows from (json_to_recordset('[]') as (a int), generate_series(1, 2)) as r
--> select | implied | out ~, ~

select random(), clock_timestamp(), gen_random_uuid()
--> select | implied | out ~, ~, ~

select pg_sleep(10)
--> select | call pg_catalog.pg_sleep | out !~

select pg_read_file('/etc/passwd')
--> select | call pg_catalog.pg_read_file | out !~

select * from pg_ls_dir('.')
--> select | call pg_catalog.pg_ls_dir | out !~

select pg_read_binary_file('x'), pg_stat_file('y')
--> select | call pg_catalog.pg_read_binary_file; call pg_catalog.pg_stat_file | out !~, !~

select lo_import('/etc/passwd')
--> select | call pg_catalog.lo_import | out !~

select lo_export(1, '/tmp/x')
--> select | call pg_catalog.lo_export | out !~

select lo_get(1)
--> select | call pg_catalog.lo_get | out !~

select query_to_xml('select * from customers', true, false, '')
--> select | call pg_catalog.query_to_xml | out !~

select table_to_xml('customers', true, false, '')
--> select | call pg_catalog.table_to_xml | out !~

select database_to_xml(true, false, '')
--> select | call pg_catalog.database_to_xml | out !~

select cursor_to_xml('c', 1, true, false, '')
--> select | call pg_catalog.cursor_to_xml | out !~

select ts_stat('select email from customers')
--> select | call pg_catalog.ts_stat | out !~

select ts_rewrite('a'::tsquery, 'select 1')
--> select | call pg_catalog.ts_rewrite | out !~

select pg_terminate_backend(1), pg_cancel_backend(2)
--> select | call pg_catalog.pg_cancel_backend; call pg_catalog.pg_terminate_backend | out !~, !~

select pg_reload_conf()
--> select | call pg_catalog.pg_reload_conf | out !~

select set_config('search_path', 'hr', false)
--> refused: `search_path` stays as it is, because it decides what a text means; write names with their schema

select set_config('application_name', 'x', false)
--> select | implied | out ~

select set_config('role', 'admin', false)
--> select | set_role * | out ~

select set_config('x.y', 'z', true)
--> select | set * | out ~

select set_config(name, 'x', false) from customers
--> refused: `set_config` does not name its setting

select current_setting('server_version')
--> select | implied | out ~

select current_setting('app.secret')
--> select | call pg_catalog.current_setting | out ~

select current_setting(name) from customers
--> select | select public.customers(name); call pg_catalog.current_setting | out ~public.customers.name

select nextval('tickets')
--> select | update public.tickets | out ~

select nextval('public.tickets'::regclass)
--> select | update public.tickets | out ~

select nextval('"orders_id_seq"'), currval('tickets'), lastval()
--> select | update public.orders_id_seq | out ~, ~, ~

select nextval($1)
--> select | call pg_catalog.nextval | out ~

select nextval(name) from customers
--> select | select public.customers(name); call pg_catalog.nextval | out ~public.customers.name

select setval('tickets', 5)
--> select | update public.tickets | out ~

select nextval('nosuch')
--> refused: no table is called `nosuch` as far as the gateway knows

select pg_notify('c', 'x')
--> select | call pg_catalog.pg_notify | out !~

select pg_advisory_lock(1)
--> select | call pg_catalog.pg_advisory_lock | out !~

select pg_try_advisory_lock(1)
--> select | call pg_catalog.pg_try_advisory_lock | out !~

select pg_export_snapshot()
--> select | call pg_catalog.pg_export_snapshot | out !~

select pg_logical_slot_get_changes('s', null, null)
--> select | call pg_catalog.pg_logical_slot_get_changes | out !~

select pg_get_functiondef(1)
--> select | call pg_catalog.pg_get_functiondef | out !~

select pg_get_viewdef('open_orders'::regclass)
--> select | implied | out ~

select pg_table_size('orders'), pg_size_pretty(1::bigint)
--> select | implied | out ~, ~

select pg_stat_get_activity(null)
--> select | call pg_catalog.pg_stat_get_activity | out !~

select pg_stat_get_numscans(1)
--> select | call pg_catalog.pg_stat_get_numscans | out ~

select has_table_privilege('orders', 'select')
--> select | implied | out ~

select txid_current(), pg_current_xact_id()
--> select | implied | out ~, ~

select xpath('/a', '<a/>')
--> select | implied | out ~

select xmlelement(name a, email) from customers
--> refused: `XmlExpr` is not understood by the gateway

select dblink('host=x', 'select 1')
--> refused: no function is called `dblink` as far as the gateway knows

select 'a' === 'b'
--> select | call public.looks_like | out !~

select email operator(public.===) name from customers
--> select | select public.customers(email name); call public.looks_like | out !~public.customers.email+public.customers.name

select id operator(pg_catalog.=) 1 from customers
--> select | select public.customers(id) | out ~public.customers.id

select id operator(hr.=) 1 from customers
--> select | select public.customers(id) | out ~public.customers.id

select handle = 'x' from contacts
--> select | select public.contacts(handle) | out ~public.contacts.handle

select handle::text, email::citext from contacts
--> select | select public.contacts(email handle) | out ~public.contacts.handle, ~public.contacts.email

select max(handle), replace(handle, 'a', 'b') from contacts
--> select | select public.contacts(handle) | out ~public.contacts.handle, ~public.contacts.handle

select citext_eq(handle, 'x') from contacts
--> select | select public.contacts(handle); call public.citext_eq | out !~public.contacts.handle

select name::mail from customers
--> select | select public.customers(name) | out ~public.customers.name

select 1::order_status, 'open'::public.order_status, null::address
--> select | implied | out ~, ~, ~

select 'x'::nosuch
--> refused: no type is called `nosuch` as far as the gateway knows

select 'x'::hr.nosuch
--> refused: no type is called `hr.nosuch` as far as the gateway knows

select '1'::int[], 'a'::varchar(3), '1'::numeric(5, 2), '{}'::int[][]
--> select | implied | out ~, ~, ~, ~

select 'customers'::regclass, 'total_of'::regproc
--> select | implied | out ~, ~

select null::customers
--> select | implied | out ~

select (null::customers).email
--> select | implied | out ~

select jsonb_populate_record(null::customers, '{}')
--> select | implied | out ~

select name(c) from customers c
--> select | select public.customers(card created_at email home id name) | out ~public.customers.id+public.customers.name+public.customers.email+public.customers.card+public.customers.home+public.customers.created_at

select email(c) from customers c
--> refused: no function is called `email` as far as the gateway knows

select concat(variadic tags) from orders
--> select | select public.orders(tags) | out ~public.orders.tags

select make_interval(days => 3)
--> select | implied | out ~

select format('%s', email) from customers
--> select | select public.customers(email) | out ~public.customers.email

select mail_of(1)
--> select | call public.mail_of | out !~

select encode(sha256(email::bytea), 'hex') from customers
--> select | select public.customers(email) | out ~public.customers.email

select length(email), md5(email), position('a' in email), trim(both from email), overlay(email placing 'x' from 1), substring(email from 2) from customers
--> select | select public.customers(email) | out ~public.customers.email, ~public.customers.email, ~public.customers.email, ~public.customers.email, ~public.customers.email, ~public.customers.email

select count(*) filter (where email is not null) from customers
--> select | select public.customers(email) | out ~

select grouping(name) from customers group by name
--> select | select public.customers(name) | out ~

select bool_and(total > 1) from orders
--> select | select public.orders(total) | out ~public.orders.total

select nth_value(email, 2) over () from customers
--> select | select public.customers(email) | out ~public.customers.email

select lag(email) over (order by id) from customers
--> select | select public.customers(email id) | out ~public.customers.email

select rank('x') within group (order by name) from customers
--> select | select public.customers(name) | out ~public.customers.name
