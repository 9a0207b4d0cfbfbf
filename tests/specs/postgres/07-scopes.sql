## names that could be taken for others
select (select count(*) from items where order_id = id) from orders
--> select | select public.orders; select public.items(id order_id) where | out ~

select id from orders where exists (select 1 from items where note = 'x')
--> select | select public.orders(id note) where; select public.items where | out public.orders.id

select c.id from customers c, (select id from orders c) o
--> select | select public.customers(id); select public.orders(id) | out public.customers.id

with orders as (with orders as (select id, email from customers) select id from orders) select * from orders
--> select | select public.customers(email id) | out public.customers.id

with products as (select 'x' as name) insert into products (name) select name from products
--> insert | insert public.products(name)

with items as (select id from orders) delete from public.items i using items w where w.id = i.id
--> delete | select public.orders(id); select public.items(id) where; delete public.items where

delete from items using items i2 where items.id = i2.id and i2.quantity > 1
--> delete | select public.items(id quantity) where; delete public.items where

select * from orders o join items i using (id) join products p using (id)
--> select | select public.orders(customer_id id meta note status tags total); select public.items(id order_id product_id quantity); select public.products(id name price) | out public.orders.id|public.items.id|public.products.id, public.orders.customer_id, public.orders.total, public.orders.status, public.orders.note, public.orders.tags, public.orders.meta, public.items.order_id, public.items.product_id, public.items.quantity, public.products.name, public.products.price

select o.id, p.name from orders o left join items i on i.order_id = o.id and o.total > (select avg(price) from products) left join products p on p.id = i.product_id
--> select | select public.orders(id total); select public.items(order_id product_id); select public.products(id name price) | out public.orders.id, public.products.name

select u.x from (select id as x from orders union all select id from items) u where u.x in (select id from customers)
--> select | select public.orders(id); select public.items(id); select public.customers(id) | out public.orders.id|public.items.id

update customers set home.city = 'x' where id = 1
--> update | select public.customers(id) where; update public.customers(home) where

update customers c set name = c2.name from customers c2 where c2.id = c.id and c2.email = 'x' returning c.name, c2.email
--> update | select public.customers(email id name) where; update public.customers(name) where | out public.customers.name, public.customers.email

select x.n from customers c cross join lateral (values (c.name), (c.email)) as x(n)
--> select | select public.customers(email name) | out public.customers.name|public.customers.email

select x.a, y.b from (select id as a from orders) x join lateral (select x.a as b, email from customers where customers.id = x.a) y on y.email <> ''
--> select | select public.orders(id); select public.customers(email id) where | out public.orders.id, public.orders.id

select email from customers where id in (select customer_id from orders where total > (select max(price) from products where products.name = customers.name))
--> select | select public.customers(email id name) where; select public.orders(customer_id total) where; select public.products(name price) where | out public.customers.email

select (select (select email from customers where id = o.customer_id)) from orders o
--> select | select public.orders(customer_id); select public.customers(email id) where | out public.customers.email

select name as id, id as name from customers order by id
--> select | select public.customers(id name) | out public.customers.name, public.customers.id

select count(o.*), count(o), array_agg(o.id) from orders o
--> select | select public.orders(customer_id id meta note status tags total) | out ~, ~, ~public.orders.id

select sum(i.quantity) from orders o join items i on true group by o.id having sum(i.quantity) > (select min(price) from products)
--> select | select public.orders(id); select public.items(quantity); select public.products(price) | out ~public.items.quantity

select o1.id from orders o1 where o1.total = any (array(select total from orders o2 where o2.customer_id = o1.customer_id))
--> select | select public.orders(customer_id id total) where | out public.orders.id

select j.* from (orders o join items i on i.order_id = o.id) as j(a, b, c)
--> select | select public.orders(customer_id id meta note status tags total); select public.items(id order_id product_id quantity) | out public.orders.id, public.orders.customer_id, public.orders.total, public.orders.status, public.orders.note, public.orders.tags, public.orders.meta, public.items.id, public.items.order_id, public.items.product_id, public.items.quantity

select a.id from orders a natural left join open_orders b
--> select | select public.orders(customer_id id total); select public.open_orders(customer_id id total) | out public.orders.id

select t.* from items t(a, b) where t.a = 1
--> select | select public.items(id order_id product_id quantity) where | out public.items.id, public.items.order_id, public.items.product_id, public.items.quantity

with recursive tree as (select id, manager_id, name from hr.employees where manager_id is null union all select e.id, e.manager_id, t.name || e.name from hr.employees e, tree t where e.manager_id = t.id) select name from tree
--> select | select hr.employees(id manager_id name) where | out ~hr.employees.name

with a as (select email from customers), b as (select email from a union select name from customers) select (select email from b limit 1), a.email from a
--> select | select public.customers(email name) | out public.customers.email|public.customers.name, public.customers.email

insert into orders (note) select email from customers returning note
--> insert | select public.orders(note) where; select public.customers(email); insert public.orders(note) | out public.orders.note

insert into orders as o (customer_id) select id from customers on conflict (id) do update set note = (select email from customers where id = excluded.customer_id) where o.total > 1
--> insert | select public.orders(customer_id id total) where; select public.customers(email id); insert public.orders(customer_id); update public.orders(note) where

select case when exists (select 1 from customers where email = orders.note) then total end from orders
--> select | select public.orders(note total); select public.customers(email) where | out ~public.orders.total

select e.email from hr.employees e, customers e2, lateral (select e2.email as z, e.name) q where q.z = e.email
--> select | select hr.employees(email name) where; select public.customers(email) where | out hr.employees.email

select public.orders.id, hr.orders.id from public.orders, hr.orders
--> select | select public.orders(id); select hr.orders(id) | out public.orders.id, hr.orders.id

select max(email) over (partition by name), first_value(name) over w from customers window w as (order by card)
--> select | select public.customers(card email name) | out ~public.customers.email, ~public.customers.name

select s.* from (select customers.*, orders.total from customers join orders on orders.customer_id = customers.id) s
--> select | select public.customers(card created_at email home id name); select public.orders(customer_id total) | out public.customers.id, public.customers.name, public.customers.email, public.customers.card, public.customers.home, public.customers.created_at, public.orders.total

select 1 from customers, lateral unnest(string_to_array(email, '@')) as part where part = 'x'
--> select | select public.customers(email) where | out ~

select part from customers, unnest(string_to_array(email, '@')) as part
--> select | select public.customers(email) | out ~public.customers.email

select (array_agg(email))[1] from customers
--> select | select public.customers(email) | out ~public.customers.email

select c.email from customers c full join contacts k using (email)
--> select | select public.customers(email); select public.contacts(email) | out public.customers.email

select email from customers c full join contacts k using (email)
--> select | select public.customers(email); select public.contacts(email) | out public.customers.email|public.contacts.email

select email from customers join contacts using (email) join hr.employees using (email)
--> select | select public.customers(email); select public.contacts(email); select hr.employees(email) | out public.customers.email|public.contacts.email|hr.employees.email

merge into items using (select o.id, c.email from orders o join customers c on c.id = o.customer_id) s on s.id = items.order_id when matched and s.email = 'x' then update set quantity = s.id
--> merge | select public.items(order_id) where; merge public.items where; select public.orders(customer_id id); select public.customers(email id); update public.items(quantity) where

select from customers where (name, email) = (select name, email from contacts c2, customers limit 1)
--> refused: column `email` is ambiguous

select exists (select email from customers), (select true from customers where email = 'x')
--> select | select public.customers(email) | out ~, ~

select id, (select array_agg(x) from (select email as x from customers where customers.id = orders.customer_id order by card) q) from orders
--> select | select public.orders(customer_id id); select public.customers(card email id) where | out public.orders.id, ~public.customers.email

table hr.orders order by secret limit 1
--> select | select hr.orders(id secret) | out hr.orders.id, hr.orders.secret

select * from (table customers) t where t.email = 'x'
--> select | select public.customers(card created_at email home id name) | out public.customers.id, public.customers.name, public.customers.email, public.customers.card, public.customers.home, public.customers.created_at
