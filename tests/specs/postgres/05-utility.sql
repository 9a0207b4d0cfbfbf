## sessions, transactions, DDL, rights
begin
--> begin | implied

start transaction isolation level serializable read only
--> begin | implied

begin transaction read write
--> begin | implied

commit
--> commit | implied

end
--> commit | implied

rollback
--> rollback | implied

abort
--> rollback | implied

commit and chain
--> commit | implied

savepoint a
--> savepoint | implied

rollback to savepoint a
--> rollback_to | implied

release a
--> release | implied

prepare transaction 'x'
--> refused: `TransactionStmt.gid` is not understood by the gateway

commit prepared 'x'
--> refused: `TransactionStmt.gid` is not understood by the gateway

rollback prepared 'x'
--> refused: `TransactionStmt.gid` is not understood by the gateway

set transaction isolation level repeatable read
--> set | implied

set transaction snapshot 'x'
--> set | set *

set session characteristics as transaction read only
--> set | implied

set constraints all deferred
--> set_constraints | implied

show search_path
--> show | implied | out ~

show all
--> show | implied | out ~, ~, ~

set statement_timeout = '5s'
--> set | implied

set local lock_timeout to 100
--> set | implied

set application_name = 'x'
--> set | implied

set timezone to 'UTC'
--> set | implied

set time zone local
--> reset | implied

set datestyle = 'iso, mdy'
--> set | implied

set datestyle to iso, mdy
--> set | implied

set extra_float_digits = 3
--> set | implied

set client_encoding = 'UTF8'
--> set | implied

set client_encoding to 'latin1'
--> refused: `client_encoding` is `UTF8` through the gateway

set names 'utf-8'
--> set | implied

set names 'sjis'
--> refused: `client_encoding` is `UTF8` through the gateway

set standard_conforming_strings = on
--> set | implied

set standard_conforming_strings = off
--> refused: `standard_conforming_strings` stays as it is, because it decides what a text means; write names with their schema

set search_path = hr
--> refused: `search_path` stays as it is, because it decides what a text means; write names with their schema

set search_path to hr, public
--> refused: `search_path` stays as it is, because it decides what a text means; write names with their schema

set local search_path = ''
--> refused: `search_path` stays as it is, because it decides what a text means; write names with their schema

set schema 'hr'
--> refused: `search_path` stays as it is, because it decides what a text means; write names with their schema

set role admin
--> set | set_role *

set role none
--> set | set_role *

set local role admin
--> set | set_role *

reset role
--> reset | set_role *

set session authorization admin
--> set | set_role *

reset session authorization
--> reset | set_role *

set session_replication_role = replica
--> set | set *

set row_security = off
--> set | set *

set work_mem = '1GB'
--> set | set *

set default_transaction_read_only = off
--> set | implied

set app.user = '1'
--> invalid: syntax error at or near "user"

set plan_cache_mode = force_generic_plan
--> set | set *

reset all
--> reset | implied

reset search_path
--> reset | implied

reset statement_timeout
--> reset | implied

set statement_timeout to default
--> reset | implied

set search_path to default
--> reset | implied

set search_path from current
--> refused: `VariableSetStmt.VAR_SET_CURRENT` is not understood by the gateway

discard all
--> discard | implied

discard plans
--> discard | implied

discard temp
--> discard | implied

listen x
--> listen | notify *

unlisten *
--> unlisten | implied

notify x, 'y'
--> notify | notify *

load 'x'
--> load | opaque *

checkpoint
--> checkpoint | opaque *

do $$ begin delete from orders; end $$
--> do | opaque *

do language plpgsql 'begin end'
--> do | opaque *

create table t (id int primary key, name text default 'x', total numeric check (total > 0))
--> create_table | create public.t

create table hr.t (id serial, made timestamptz default now(), by text default current_user)
--> create_table | create hr.t

create table t (id int default hr.raise(1))
--> create_table | create public.t; call hr.raise

create table t (id int references orders (id), c int, foreign key (c) references customers (id))
--> create_table | create public.t; alter public.orders; alter public.customers

create table t (like customers including all)
--> create_table | create public.t; select public.customers

create table t () inherits (orders)
--> create_table | create public.t; alter public.orders

create temp table t (id int)
--> refused: what is temporary is not known to the gateway; use a schema of your own

create unlogged table if not exists t (id int)
--> create_table | create public.t

create table t (id int, doubled int generated always as (id * 2) stored)
--> create_table | create public.t

create table t (id int) partition by range (id)
--> create_table | create public.t

create table p partition of orders for values from (1) to (2)
--> create_table | create public.p; alter public.orders

create table t (id nosuch)
--> refused: no type is called `nosuch` as far as the gateway knows

create view v as select email from customers
--> create_view | create public.v; select public.customers(email)

create or replace view hr.v (a) as select id from orders
--> create_view | create hr.v; select public.orders(id)

create temp view v as select 1
--> refused: what is temporary is not known to the gateway; use a schema of your own

create index on orders (total)
--> create_index | alter public.orders; select public.orders(total) where

create unique index i on orders using btree (lower(note)) where status = 'open'
--> create_index | alter public.orders; select public.orders(note status) where; call public.lower

create index i on orders (nosuch)
--> refused: no column is called `nosuch` as far as the gateway knows

create sequence s
--> create_sequence | create public.s

create schema x
--> create_schema | create x.*

create schema x create table y (id int)
--> refused: `CreateSchemaStmt.schemaElts` is not understood by the gateway

create type mood as enum ('a')
--> create_type | create public.mood

create type pair as (a int, b text)
--> create_type | create public.pair

create domain d as int check (value > 0)
--> create | create *; opaque *

create function f() returns int language sql as 'select 1'
--> create | create *; opaque *

create or replace procedure p() language sql as 'select 1'
--> create | create *; opaque *

create trigger t before insert on orders for each row execute function f()
--> create | create *; opaque *

create rule r as on insert to orders do nothing
--> create | create *; opaque *

create policy p on orders
--> create | create *; opaque *

create role x superuser
--> create | create *; opaque *

create user x password 'y'
--> create | create *; opaque *

create database x
--> create | create *; opaque *

create extension dblink
--> create | create *; opaque *

create server s foreign data wrapper w
--> create | create *; opaque *

create publication p for all tables
--> create | create *; opaque *

create subscription s connection 'x' publication p
--> create | create *; opaque *

create event trigger e on ddl_command_start execute function f()
--> create | create *; opaque *

create aggregate a (int) (sfunc = f, stype = int)
--> create | create *; opaque *

create operator ==> (leftarg = int, rightarg = int, function = f)
--> create | create *; opaque *

create cast (int as text) with function f(int)
--> create | create *; opaque *

create language x
--> create | create *; opaque *

create foreign table t (id int) server s
--> create | create *; opaque *

import foreign schema x from server s into public
--> create | create *; opaque *

create statistics s on id, total from orders
--> create | create *; opaque *

create text search configuration c (parser = "default")
--> create | create *; opaque *

create access method a type table handler h
--> create | create *; opaque *

create tablespace t location '/x'
--> create | create *; opaque *

create transform for int language sql (from sql with function f(internal))
--> create | create *; opaque *

alter table orders add column x int
--> alter_table | alter public.orders

alter table orders add column x int default hr.raise(1), drop column note
--> alter_table | alter public.orders; call hr.raise

alter table orders alter column note type int using length(note)
--> alter_table | alter public.orders; select public.orders(note) where

alter table orders alter column note set default 'x', alter column note drop not null
--> alter_table | alter public.orders

alter table orders add constraint c check (total > 0)
--> alter_table | alter public.orders; select public.orders(total) where

alter table items add foreign key (product_id) references products (id)
--> alter_table | alter public.items; alter public.products

alter table orders drop constraint c cascade
--> alter_table | alter public.orders; alter *

alter table orders owner to x
--> alter_table | alter public.orders; opaque *

alter table orders disable trigger all
--> alter_table | alter public.orders; opaque *

alter table orders disable row level security
--> alter_table | alter public.orders; opaque *

alter table orders attach partition items for values in (1)
--> alter_table | alter public.orders; opaque *

alter table orders set schema hr
--> alter | alter *; opaque *

alter table orders rename to hidden
--> rename | alter public.orders; create public.hidden

alter table orders rename column note to x
--> rename | alter public.orders

alter table nosuch add column x int
--> refused: no table is called `nosuch` as far as the gateway knows

alter view open_orders rename to x
--> rename | alter public.open_orders; create public.x

alter sequence tickets restart
--> alter_sequence | alter public.tickets

alter index orders_pkey rename to x
--> rename | alter public.orders_pkey; create public.x

alter type order_status add value 'x'
--> alter | alter *; opaque *

alter function total_of(int) owner to x
--> alter | alter *; opaque *

alter role x password 'y'
--> alter | alter *; opaque *

alter role x set search_path = hr
--> alter | alter *; opaque *

alter database x set search_path = hr
--> alter | alter *; opaque *

alter system set archive_command = 'x'
--> alter | alter *; opaque *

alter default privileges grant select on tables to public
--> grant | grant *

alter extension x update
--> alter | alter *; opaque *

alter publication p add table orders
--> alter | alter *; opaque *

drop table orders
--> drop | drop public.orders

drop table if exists nosuch, hr.orders
--> drop | drop public.nosuch; drop hr.orders

drop table orders cascade
--> drop | drop *; drop public.orders

drop table nosuch
--> refused: no table is called `nosuch` as far as the gateway knows

drop view open_orders
--> drop | drop public.open_orders

drop materialized view daily
--> drop | drop public.daily

drop index orders_pkey
--> drop | drop public.orders_pkey

drop sequence tickets
--> drop | drop public.tickets

drop schema hr cascade
--> drop | drop *; drop hr.*

drop function total_of(int)
--> drop | drop *; opaque *

drop type mood
--> drop | drop *; opaque *

drop trigger t on orders
--> drop | drop *; opaque *

drop policy p on orders
--> drop | drop *; opaque *

drop role x
--> drop | drop *; opaque *

drop database x
--> drop | drop *; opaque *

drop owned by x
--> drop | drop *; opaque *

drop extension citext
--> drop | drop *; opaque *

reassign owned by a to b
--> alter | alter *; opaque *

comment on table orders is 'x'
--> comment | alter *; opaque *

security label on table orders is 'x'
--> alter | alter *; opaque *

grant select on orders to public
--> grant | grant *

revoke all on orders from public
--> grant | grant *

grant admin to x
--> grant | grant *

vacuum orders
--> maintain | maintain public.orders

vacuum
--> maintain | maintain *

analyze
--> maintain | maintain *

analyze orders (total)
--> maintain | maintain public.orders

cluster
--> maintain | maintain *

cluster orders using orders_pkey
--> maintain | maintain public.orders

reindex table orders
--> maintain | maintain public.orders

reindex database x
--> maintain | maintain *

reindex index orders_pkey
--> maintain | maintain *

refresh materialized view daily
--> maintain | maintain public.daily

create table "a.b" (id int)
--> refused: the name `a.b` has a dot or a star in it, so no rule can tell it from others

create table "public.x".t (id int)
--> refused: the name `public.x` has a dot or a star in it, so no rule can tell it from others

alter table orders rename to "x.y"
--> refused: the name `x.y` has a dot or a star in it, so no rule can tell it from others

create schema "a.b"
--> refused: the name `a.b` has a dot or a star in it, so no rule can tell it from others

create table pg_temp.t (id int)
--> refused: what is temporary is not known to the gateway; use a schema of your own

create type pg_temp.mood as enum ('a')
--> refused: what is temporary is not known to the gateway; use a schema of your own
