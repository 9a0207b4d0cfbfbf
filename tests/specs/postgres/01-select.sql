## reading: which columns of which tables, and what flows into the rows
select id, total from orders
--> select | select public.orders(id total) | out public.orders.id, public.orders.total

select id from public.orders where total > 10
--> select | select public.orders(id total) where | out public.orders.id

select o.id from orders o
--> select | select public.orders(id) | out public.orders.id

select orders.id from orders
--> select | select public.orders(id) | out public.orders.id

select public.orders.id from public.orders
--> select | select public.orders(id) | out public.orders.id

select public.orders.id from orders
--> select | select public.orders(id) | out public.orders.id

select o.id from public.orders as o(a, b)
--> refused: no column is called `o.id` as far as the gateway knows

select o.a, o.b, o.total from public.orders as o(a, b)
--> select | select public.orders(customer_id id total) | out public.orders.id, public.orders.customer_id, public.orders.total

select * from products
--> select | select public.products(id name price) | out public.products.id, public.products.name, public.products.price

select p.*, p.name as again from products p
--> select | select public.products(id name price) | out public.products.id, public.products.name, public.products.price, public.products.name

select * from products, items
--> select | select public.products(id name price); select public.items(id order_id product_id quantity) | out public.products.id, public.products.name, public.products.price, public.items.id, public.items.order_id, public.items.product_id, public.items.quantity

select id from products, items
--> refused: column `id` is ambiguous

select products.id, items.id from products, items
--> select | select public.products(id); select public.items(id) | out public.products.id, public.items.id

select count(*) from orders
--> select | select public.orders | out ~

select count(id) from orders
--> select | select public.orders(id) | out ~

select count(distinct customer_id) from orders
--> select | select public.orders(customer_id) | out ~

select sum(total) from orders
--> select | select public.orders(total) | out ~public.orders.total

select max(email) from customers
--> select | select public.customers(email) | out ~public.customers.email

select email::text from customers
--> select | select public.customers(email) | out ~public.customers.email

select email as id from customers
--> select | select public.customers(email) | out public.customers.email

select cast(email as varchar(20)) from customers
--> select | select public.customers(email) | out ~public.customers.email

select substr(email, 1, 3) from customers
--> select | select public.customers(email) | out ~public.customers.email

select upper(email) || name from customers
--> select | select public.customers(email name) | out ~public.customers.email+public.customers.name

select row_to_json(c) from customers c
--> select | select public.customers(card created_at email home id name) | out ~public.customers.id+public.customers.name+public.customers.email+public.customers.card+public.customers.home+public.customers.created_at

select to_jsonb(customers) from customers
--> select | select public.customers(card created_at email home id name) | out ~public.customers.id+public.customers.name+public.customers.email+public.customers.card+public.customers.home+public.customers.created_at

select c from customers c
--> select | select public.customers(card created_at email home id name) | out ~public.customers.id+public.customers.name+public.customers.email+public.customers.card+public.customers.home+public.customers.created_at

select customers from customers
--> select | select public.customers(card created_at email home id name) | out ~public.customers.id+public.customers.name+public.customers.email+public.customers.card+public.customers.home+public.customers.created_at

select array_agg(c) from customers c
--> select | select public.customers(card created_at email home id name) | out ~public.customers.id+public.customers.name+public.customers.email+public.customers.card+public.customers.home+public.customers.created_at

select array_agg(email) from customers
--> select | select public.customers(email) | out ~public.customers.email

select array_agg(name order by email) from customers
--> select | select public.customers(email name) | out ~public.customers.name

select string_agg(name, ',') filter (where email like '%x%') from customers
--> select | select public.customers(email name) | out ~public.customers.name

select json_build_object('mail', email) from customers
--> select | select public.customers(email) | out ~public.customers.email

select (c).email from customers c
--> select | select public.customers(email) | out public.customers.email

select (c).* from customers c
--> select | select public.customers(card created_at email home id name) | out public.customers.id, public.customers.name, public.customers.email, public.customers.card, public.customers.home, public.customers.created_at

select (home).city from customers
--> select | select public.customers(home) | out ~public.customers.home

select (c.home).city from customers c
--> select | select public.customers(home) | out ~public.customers.home

select tags[1], meta->>'a' from orders
--> select | select public.orders(meta tags) | out ~public.orders.tags, ~public.orders.meta

select tags[1:2] from orders
--> select | select public.orders(tags) | out ~public.orders.tags

select row(id, email) from customers
--> select | select public.customers(email id) | out ~public.customers.id+public.customers.email

select array[email, name] from customers
--> select | select public.customers(email name) | out ~public.customers.email+public.customers.name

select case when email is null then 'none' else name end from customers
--> select | select public.customers(email name) | out ~public.customers.email+public.customers.name

select case email when 'a' then 1 else 2 end from customers
--> select | select public.customers(email) | out ~public.customers.email

select coalesce(email, name) from customers
--> select | select public.customers(email name) | out ~public.customers.email+public.customers.name

select nullif(email, name), greatest(email, name), least(id, 1) from customers
--> select | select public.customers(email id name) | out ~public.customers.email+public.customers.name, ~public.customers.email+public.customers.name, ~public.customers.id

select email is null, id is not distinct from 1, (id = 1) is true from customers
--> select | select public.customers(email id) | out ~public.customers.email, ~public.customers.id, ~public.customers.id

select id from customers where email = 'x'
--> select | select public.customers(email id) where | out public.customers.id

select id from customers order by email
--> select | select public.customers(email id) | out public.customers.id

select email as e from customers order by e
--> select | select public.customers(email) | out public.customers.email

select id from customers group by email, id
--> select | select public.customers(email id) | out public.customers.id

select name as email from customers group by email
--> select | select public.customers(email name) | out public.customers.name

select name as n from customers group by n
--> select | select public.customers(name) | out public.customers.name

select count(*) from customers group by rollup (name, id), grouping sets ((email), ())
--> select | select public.customers(email id name) | out ~

select distinct on (email) id from customers
--> select | select public.customers(email id) | out public.customers.id

select id from customers where id in (1, 2, 3)
--> select | select public.customers(id) where | out public.customers.id

select id from customers where id = any ($1)
--> select | select public.customers(id) where | out public.customers.id

select id from customers where name like $1 and email ilike $2
--> select | select public.customers(email id name) where | out public.customers.id

select id from customers where name similar to 'x' or created_at between now() and now() + interval '1 day'
--> select | select public.customers(created_at id name) where | out public.customers.id

select extract(year from created_at), created_at at time zone 'utc', date_trunc('day', created_at) from customers
--> select | select public.customers(created_at) | out ~public.customers.created_at, ~public.customers.created_at, ~public.customers.created_at

select name collate "C" from customers
--> select | select public.customers(name) | out ~public.customers.name

select current_date, current_user, now(), localtimestamp
--> select | implied | out ~, ~, ~, ~

select 1
--> select | implied | out ~

select $1::int + $2
--> select | implied | out ~

select version()
--> select | implied | out ~

select 'a' as b, null, true, 1.5, b'1', x'ff'
--> select | implied | out ~, ~, ~, ~, ~, ~

select id, row_number() over (partition by customer_id order by total) from orders
--> select | select public.orders(customer_id id total) | out public.orders.id, ~

select sum(total) over w from orders window w as (partition by status order by id rows between 1 preceding and current row)
--> select | select public.orders(id status total) | out ~public.orders.total

select percentile_cont(0.5) within group (order by total) from orders
--> select | select public.orders(total) | out ~public.orders.total

select id from only orders
--> select | select public.orders(id) | out public.orders.id

select id from orders tablesample system (10)
--> select | select public.orders(id) | out public.orders.id

select id from orders tablesample bernoulli ($1) repeatable (3)
--> select | select public.orders(id) | out public.orders.id

select ctid, tableoid::regclass, xmin from orders
--> select | select public.orders(ctid tableoid xmin) | out ~, ~, ~

select o.ctid from orders o
--> select | select public.orders(ctid) | out ~

select id from orders limit 5 offset $1
--> select | select public.orders(id) | out public.orders.id

select id from orders limit all
--> select | select public.orders(id) | out public.orders.id

select id from orders fetch first 3 rows only
--> select | select public.orders(id) | out public.orders.id

select id from orders for update
--> select | select public.orders(id); update public.orders | out public.orders.id

select o.id from orders o join customers c on c.id = o.customer_id for update of o
--> select | select public.orders(customer_id id); select public.customers(id); update public.orders | out public.orders.id

select id from orders where id = 1 for share skip locked
--> select | select public.orders(id) where; update public.orders where | out public.orders.id

select s.id from (select id from orders) s for update
--> select | select public.orders(id); update public.orders | out public.orders.id

select "Id", "select" from "Weird Name"
--> select | select public.Weird Name(Id select) | out public.Weird Name.Id, public.Weird Name.select

select ID from "Weird Name"
--> refused: no column in this query is called `id` as far as the gateway knows

select * from hr.employees
--> select | select hr.employees(email id manager_id name salary) | out hr.employees.id, hr.employees.name, hr.employees.salary, hr.employees.manager_id, hr.employees.email

select id, secret from hr.orders
--> select | select hr.orders(id secret) | out hr.orders.id, hr.orders.secret

select orders.id from orders, hr.orders
--> refused: table reference `orders` is ambiguous

select o.id from orders o, hr.orders h
--> select | select public.orders(id); select hr.orders | out public.orders.id

select * from open_orders
--> select | select public.open_orders(customer_id id total) | out public.open_orders.id, public.open_orders.customer_id, public.open_orders.total

select status from daily
--> select | select public.daily(status) | out public.daily.status

select last_value from tickets
--> select | select public.tickets(last_value) | out public.tickets.last_value

select nosuch from orders
--> refused: no column in this query is called `nosuch` as far as the gateway knows

select orders.nosuch from orders
--> refused: no column is called `orders.nosuch` as far as the gateway knows

select x.id from orders
--> refused: no table in this query is called `x` as far as the gateway knows

select id from nosuch
--> refused: no table is called `nosuch` as far as the gateway knows

select id from hr.nosuch
--> refused: no table is called `hr.nosuch` as far as the gateway knows

select id from nosuch.orders
--> refused: no table is called `nosuch.orders` as far as the gateway knows

select id from pg_temp.orders
--> refused: what is in `pg_temp` is not known to the gateway

select id from otherdb.public.orders
--> refused: `RangeVar.catalogname` is not understood by the gateway

select a.b.c.d from orders
--> refused: `a name of more than three words` is not understood by the gateway

select id from orders_pkey
--> refused: `public.orders_pkey` is nothing to read rows from

select id from orders, items, products
--> refused: column `id` is ambiguous

table products
--> select | select public.products(id name price) | out public.products.id, public.products.name, public.products.price

values (1, 'a'), (2, 'b')
--> select | implied | out ~, ~

values ((select email from customers limit 1))
--> select | select public.customers(email) | out public.customers.email

select *
--> refused: `a star without a table` is not understood by the gateway

select
--> select | implied
