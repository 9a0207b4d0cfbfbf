## what writes: every part, its columns, and whether rows are restricted
insert into products (name, price) values ('x', 1)
--> insert | insert public.products(name price)

insert into products values (default, 'x')
--> insert | insert public.products(id name)

insert into products default values
--> insert | insert public.products

insert into products (name) select email from customers
--> insert | select public.customers(email); insert public.products(name)

insert into products select * from products
--> insert | select public.products(id name price); insert public.products(id name price)

insert into products (name) values ($1), ($2)
--> insert | insert public.products(name)

insert into products (name) values ((select email from customers limit 1)) returning id, name
--> insert | select public.products(id name) where; select public.customers(email); insert public.products(name) | out public.products.id, public.products.name

insert into products as p (name) values ('x') returning p.*, (select count(*) from orders)
--> insert | select public.products(id name price) where; insert public.products(name); select public.orders | out public.products.id, public.products.name, public.products.price, ~

insert into products (id, name) values (1, 'x') on conflict do nothing
--> insert | insert public.products(id name)

insert into products (id, name) values (1, 'x') on conflict (id) do nothing
--> insert | select public.products(id) where; insert public.products(id name)

insert into products (id, name) values (1, 'x') on conflict (id) do update set name = excluded.name, price = products.price + 1 where products.price > 1 returning *
--> insert | select public.products(id name price) where; insert public.products(id name); update public.products(name price) where | out public.products.id, public.products.name, public.products.price

insert into products (id, name) values (1, 'x') on conflict on constraint products_pkey do update set name = 'y'
--> insert | select public.products where; insert public.products(id name); update public.products(name)

with src as (select name from customers) insert into products (name) select name from src
--> insert | select public.customers(name); insert public.products(name)

insert into products (nosuch) values (1)
--> refused: no column is called `public.products.nosuch` as far as the gateway knows

insert into nosuch values (1)
--> refused: no table is called `nosuch` as far as the gateway knows

insert into open_orders (id) values (1)
--> insert | insert public.open_orders(id)

insert into orders (tags[1], home.city) values ('a', 'b')
--> refused: no column is called `public.orders.home` as far as the gateway knows

insert into orders (tags[1]) values ('a')
--> insert | insert public.orders(tags)

insert into products (name) overriding system value values ('x')
--> insert | insert public.products(name)

insert into products (name) values (hr.raise(1)::text)
--> insert | insert public.products(name); call hr.raise

insert into hr.orders table hr.orders
--> insert | select hr.orders(id secret); insert hr.orders(id secret)

update products set price = 1
--> update | update public.products(price)

update products set price = price * 2 where name = 'x'
--> update | select public.products(name price) where; update public.products(price) where

update products set name = default, price = $1 where id = $2 returning price
--> update | select public.products(id price) where; update public.products(name price) where | out public.products.price

update products p set price = i.quantity from items i where i.product_id = p.id
--> update | select public.products(id) where; update public.products(price) where; select public.items(product_id quantity) where

update products set price = q.s from (select product_id, sum(quantity) as s from items group by product_id) q where q.product_id = products.id
--> update | select public.products(id) where; update public.products(price) where; select public.items(product_id quantity)

update products set (name, price) = ('x', 1)
--> update | update public.products(name price)

update products set (name, price) = (select email, 1 from customers where customers.id = products.id)
--> update | select public.products(id); update public.products(name price); select public.customers(email id) where

update orders set tags[1] = 'x', meta['a'] = '1' where id = 1
--> update | select public.orders(id) where; update public.orders(meta tags) where

update products set nosuch = 1
--> refused: no column is called `public.products.nosuch` as far as the gateway knows

update only products set price = 1 where current of cur
--> update | update public.products(price) where

update products set price = 1 where id in (select product_id from items)
--> update | select public.products(id) where; update public.products(price) where; select public.items(product_id)

update open_orders set total = 1
--> update | update public.open_orders(total)

with a as (update products set price = 1 where id = 1 returning *), b as (delete from items where product_id in (select id from a)) select * from a
--> select | select public.products(id name price) where; update public.products(price) where; select public.items(product_id) where; delete public.items where | out public.products.id, public.products.name, public.products.price

update customers set name = email
--> update | select public.customers(email); update public.customers(name)

update customers set email = 'x' from lateral (select name) l
--> refused: no column in this query is called `name` as far as the gateway knows

delete from items
--> delete | delete public.items

delete from items where id = 1
--> delete | select public.items(id) where; delete public.items where

delete from items where id = $1 returning *
--> delete | select public.items(id order_id product_id quantity) where; delete public.items where | out public.items.id, public.items.order_id, public.items.product_id, public.items.quantity

delete from items returning quantity
--> delete | select public.items(quantity); delete public.items | out public.items.quantity

delete from items i using products p where p.id = i.product_id and p.name = 'x'
--> delete | select public.items(product_id) where; delete public.items where; select public.products(id name) where

delete from items using (select id from orders where total = 0) o where o.id = order_id returning items.id, o.id
--> delete | select public.items(id order_id) where; delete public.items where; select public.orders(id total) where | out public.items.id, public.orders.id

with dead as (select id from orders where total < 0) delete from items where order_id in (select id from dead)
--> delete | select public.orders(id total) where; select public.items(order_id) where; delete public.items where

delete from only items where current of c
--> delete | delete public.items where

delete from hr.nosuch
--> refused: no table is called `hr.nosuch` as far as the gateway knows

merge into products p using items i on p.id = i.product_id when matched then update set price = i.quantity when not matched then insert (name) values ('x')
--> merge | select public.products(id) where; merge public.products where; select public.items(product_id quantity) where; update public.products(price) where; insert public.products(name)

merge into products p using (select id, name from customers) c on p.id = c.id when matched and c.name = 'x' then delete when matched then do nothing when not matched then insert values (c.id, c.name, 1)
--> merge | select public.products(id) where; merge public.products where; select public.customers(id name); delete public.products where; insert public.products(id name price)

merge into products p using items i on p.id = i.product_id when not matched then insert (name) values (p.name)
--> refused: no table in this query is called `p` as far as the gateway knows

with s as (select id from orders) merge into products using s on s.id = products.id when matched then delete
--> merge | select public.orders(id); select public.products(id) where; merge public.products where; delete public.products where

merge into products p using items i on p.id = i.product_id when matched then do nothing
--> merge | select public.products(id) where; merge public.products where; select public.items(product_id) where

truncate items
--> truncate | truncate public.items

truncate table only items, orders restart identity
--> truncate | truncate public.items; truncate public.orders

truncate orders cascade
--> truncate | truncate public.orders; truncate *

truncate nosuch
--> refused: no table is called `nosuch` as far as the gateway knows

select * into backup from customers
--> create_table_as | create public.backup; select public.customers(card created_at email home id name)

select id into temp t from customers
--> refused: what is temporary is not known to the gateway; use a schema of your own

select id into hr.copy from orders union select id from items
--> create_table_as | create hr.copy; select public.orders(id); select public.items(id)

create table copy as select email from customers
--> create_table_as | create public.copy; select public.customers(email)

create table if not exists hr.copy (a) as select email from customers with no data
--> create_table_as | create hr.copy; select public.customers(email)

create temp table t as select id from orders
--> refused: what is temporary is not known to the gateway; use a schema of your own

create table copy as execute p
--> refused: `ExecuteStmt` is not understood by the gateway

create table copy as table customers
--> create_table_as | create public.copy; select public.customers(card created_at email home id name)

create materialized view m as select sum(total) from orders
--> create_materialized_view | create public.m; select public.orders(total)

explain select email from customers where id = 1
--> explain | explain public.customers(email id) | out ~

explain (costs off) delete from items
--> explain | explain public.items | out ~

explain analyze delete from items where id = 1
--> explain | explain public.items(id); select public.items(id) where; delete public.items where | out ~

explain (analyze, buffers) insert into products (name) select email from customers
--> explain | explain public.customers(email); explain public.products(name); select public.customers(email); insert public.products(name) | out ~

explain (analyze false) select id from orders
--> explain | explain public.orders(id); select public.orders(id) | out ~

explain analyze select total_of(1)
--> explain | call public.total_of | out ~

explain select total_of(1)
--> explain | call public.total_of | out ~

explain analyze create table x as select 1 as a
--> explain | explain public.x; create public.x | out ~

explain execute p
--> refused: `ExplainStmt.ExecuteStmt` is not understood by the gateway

explain (verbose, format json) select count(*) from orders
--> explain | explain public.orders | out ~

prepare p as select email from customers where id = $1
--> prepare | select public.customers(email id) where

prepare p (int, text) as update products set price = $1 where name = $2
--> prepare | select public.products(name) where; update public.products(price) where

execute p
--> execute | implied | out ?

execute p (1, (select 2))
--> execute | implied | out ?

execute p (total_of(1))
--> execute | call public.total_of | out ?

deallocate p
--> deallocate | implied

deallocate all
--> deallocate | implied

declare c cursor for select email from customers
--> declare_cursor | select public.customers(email)

declare c binary scroll cursor with hold for select id from orders for update
--> declare_cursor | select public.orders(id); update public.orders

fetch 10 from c
--> fetch | implied | out ?

fetch all in c
--> fetch | implied | out ?

move forward 5 in c
--> move | implied

close c
--> close | implied

close all
--> close | implied

copy customers to stdout
--> copy | select public.customers(card created_at email home id name); copy public.customers

copy customers (id, name) to stdout with (format csv)
--> copy | select public.customers(id name); copy public.customers

copy (select email from customers) to stdout
--> copy | select public.customers(email); copy *

copy products from stdin
--> copy | insert public.products(id name price); copy public.products

copy products (name) from stdin where price > 1
--> copy | insert public.products(name); select public.products(price) where; copy public.products

copy customers to '/tmp/x'
--> copy | select public.customers(card created_at email home id name); copy public.customers; opaque *

copy products from '/tmp/x'
--> copy | insert public.products(id name price); copy public.products; opaque *

copy customers to program 'curl x'
--> copy | select public.customers(card created_at email home id name); copy public.customers; copy_program *

copy products from program 'cat /etc/passwd'
--> copy | insert public.products(id name price); copy public.products; copy_program *

copy (delete from items returning *) to stdout
--> copy | select public.items(id order_id product_id quantity); delete public.items; copy *

lock table orders in exclusive mode
--> lock | lock public.orders

lock orders, items
--> lock | lock public.orders; lock public.items
