## Statements by which somebody would get past a rule or a mask.

update pg_settings set setting = 'hr' where name = 'search_path'
--> refused: what a write to `pg_catalog.pg_settings` changes cannot be told; use the statement that is made for it

insert into pg_catalog.pg_settings (name, setting) values ('role', 'postgres')
--> refused: what a write to `pg_catalog.pg_settings` changes cannot be told; use the statement that is made for it

select set_config('application_name', email, false) from public.contacts
--> refused: `set_config` takes its value from somewhere else than the statement

select id from public.contacts where set_config('application_name', email, false) is not null
--> refused: `set_config` takes its value from somewhere else than the statement

select set_config('application_name', 'agent', false)
--> select | implied | out ~

select set_config('application_name', $1::text, false)
--> select | implied | out ~

select id from public.contacts order by id is null fetch first 1 row with ties
--> select | select public.contacts(id) | out public.contacts.id

select id from public.contacts order by id fetch first 1 row only
--> select | select public.contacts(id) | out public.contacts.id

create table public.orders_p partition of public.orders for values in (pg_read_file('/etc/passwd'))
--> create_table | create public.orders_p; alter public.orders; call pg_catalog.pg_read_file

create table public.orders_q partition of public.orders for values from (minvalue) to (total_of(1))
--> create_table | create public.orders_q; alter public.orders; call public.total_of

create table public.orders_r partition of public.orders for values from (1) to (maxvalue)
--> create_table | create public.orders_r; alter public.orders
