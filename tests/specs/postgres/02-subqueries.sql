## scopes: subqueries, lateral, joins, CTEs, set operations, correlation
select s.e from (select email as e from customers) s
--> select | select public.customers(email) | out public.customers.email

select s.* from (select * from customers) s
--> select | select public.customers(card created_at email home id name) | out public.customers.id, public.customers.name, public.customers.email, public.customers.card, public.customers.home, public.customers.created_at

select x from (select id, total from orders) as s(x, y)
--> select | select public.orders(id total) | out public.orders.id

select s.e from (select email || 'x' as e from customers) s
--> select | select public.customers(email) | out ~public.customers.email

select id from (select id from orders)
--> invalid: subquery in FROM must have an alias

select (select email from customers where customers.id = o.customer_id) from orders o
--> select | select public.orders(customer_id); select public.customers(email id) where | out public.customers.email

select (select c.email from customers c where c.id = orders.customer_id), id from orders
--> select | select public.orders(customer_id id); select public.customers(email id) where | out public.customers.email, public.orders.id

select exists (select 1 from customers where email = 'x')
--> select | select public.customers(email) where | out ~

select id from orders where customer_id in (select id from customers where email like 'a%')
--> select | select public.orders(customer_id id) where; select public.customers(email id) where | out public.orders.id

select id from orders where (customer_id, id) in (select id, 1 from customers)
--> select | select public.orders(customer_id id) where; select public.customers(id) | out public.orders.id

select id from orders where total > all (select price from products)
--> select | select public.orders(id total) where; select public.products(price) | out public.orders.id

select array(select email from customers)
--> select | select public.customers(email) | out ~public.customers.email

select id from orders where exists (select from items where items.order_id = orders.id)
--> select | select public.orders(id) where; select public.items(order_id) where | out public.orders.id

select (select total)  from orders
--> select | select public.orders(total) | out public.orders.total

select id, (select count(*) from items i where i.order_id = o.id) from orders o
--> select | select public.orders(id); select public.items(order_id) where | out public.orders.id, ~

select o.id, l.email from orders o, lateral (select c.email from customers c where c.id = o.customer_id) l
--> select | select public.orders(customer_id id); select public.customers(email id) where | out public.orders.id, public.customers.email

select o.id, l.email from orders o, (select c.email from customers c where c.id = o.customer_id) l
--> refused: no table in this query is called `o` as far as the gateway knows

select o.id from orders o left join lateral (select 1 as one where o.total > 1) l on true
--> select | select public.orders(id total) | out public.orders.id

select id from orders where id in (select s.id from items i, (select id) s)
--> select | select public.orders(id) where; select public.items | out public.orders.id

select o.id, g from orders o, generate_series(1, o.id) g
--> select | select public.orders(id) | out public.orders.id, ~public.orders.id

select * from orders join items on items.order_id = orders.id
--> select | select public.orders(customer_id id meta note status tags total); select public.items(id order_id product_id quantity) | out public.orders.id, public.orders.customer_id, public.orders.total, public.orders.status, public.orders.note, public.orders.tags, public.orders.meta, public.items.id, public.items.order_id, public.items.product_id, public.items.quantity

select customer_id, order_id from orders join items using (id)
--> select | select public.orders(customer_id id); select public.items(id order_id) | out public.orders.customer_id, public.items.order_id

select id from orders join items using (id)
--> select | select public.orders(id); select public.items(id) | out public.orders.id|public.items.id

select id from orders left join items using (id)
--> select | select public.orders(id); select public.items(id) | out public.orders.id

select id from orders right join items using (id)
--> select | select public.orders(id); select public.items(id) | out public.items.id

select id from orders full join items using (id)
--> select | select public.orders(id); select public.items(id) | out public.orders.id|public.items.id

select * from products join (select id, quantity from items) i using (id)
--> select | select public.products(id name price); select public.items(id quantity) | out public.products.id|public.items.id, public.products.name, public.products.price, public.items.quantity

select * from products natural join items
--> select | select public.products(id name price); select public.items(id order_id product_id quantity) | out public.products.id|public.items.id, public.products.name, public.products.price, public.items.order_id, public.items.product_id, public.items.quantity

select * from orders natural join open_orders
--> select | select public.orders(customer_id id meta note status tags total); select public.open_orders(customer_id id total) | out public.orders.id|public.open_orders.id, public.orders.customer_id|public.open_orders.customer_id, public.orders.total|public.open_orders.total, public.orders.status, public.orders.note, public.orders.tags, public.orders.meta

select j.id, j.price from (products join items using (id)) j
--> select | select public.products(id price); select public.items(id) | out public.products.id|public.items.id, public.products.price

select products.id from (products join items using (id)) as j
--> refused: no table in this query is called `products` as far as the gateway knows

select u.id, items.quantity from products join items using (id) as u
--> select | select public.products(id); select public.items(id quantity) | out public.products.id|public.items.id, public.items.quantity

select id from products join items on true
--> refused: column `id` is ambiguous

select p.id from products p cross join items i
--> select | select public.products(id); select public.items | out public.products.id

select p.id, q.id from products p join products q on p.id = q.id join items i on i.product_id = q.id
--> select | select public.products(id); select public.items(product_id) | out public.products.id, public.products.id

select a.id from products a join items b on a.id = b.product_id and b.quantity > 1 where a.name = 'x'
--> select | select public.products(id name) where; select public.items(product_id quantity) where | out public.products.id

select * from (products p join items i on p.id = i.product_id) join orders o on o.id = i.order_id
--> select | select public.products(id name price); select public.items(id order_id product_id quantity); select public.orders(customer_id id meta note status tags total) | out public.products.id, public.products.name, public.products.price, public.items.id, public.items.order_id, public.items.product_id, public.items.quantity, public.orders.id, public.orders.customer_id, public.orders.total, public.orders.status, public.orders.note, public.orders.tags, public.orders.meta

select o.id from orders o, orders o
--> refused: table reference `o` is ambiguous

with w as (select email from customers) select * from w
--> select | select public.customers(email) | out public.customers.email

with w(m) as (select email from customers) select m from w
--> select | select public.customers(email) | out public.customers.email

with w as materialized (select * from customers) select w.id from w
--> select | select public.customers(card created_at email home id name) | out public.customers.id

with orders as (select id from customers) select id from orders
--> select | select public.customers(id) | out public.customers.id

with orders as (select id from customers) select id from public.orders
--> select | select public.customers(id); select public.orders(id) | out public.orders.id

with a as (select id from orders), b as (select id from a) select * from b
--> select | select public.orders(id) | out public.orders.id

with a as (select id from b), b as (select id from orders) select * from a
--> refused: no table is called `b` as far as the gateway knows

with recursive t(n) as (values (1) union all select n + 1 from t where n < 5) select n from t
--> select | implied | out ~

with recursive up as (select id, manager_id, email from hr.employees where id = 1 union all select e.id, e.manager_id, e.email from hr.employees e join up on up.manager_id = e.id) select id, email from up
--> select | select hr.employees(email id manager_id) | out hr.employees.id, hr.employees.email

with recursive r(a, b) as (select name, email from customers union all select b, a from r) select a from r
--> select | select public.customers(email name) | out public.customers.name|public.customers.email

with recursive orders as (select 1 as id) select id from orders
--> select | implied | out ~

with recursive a as (select id from b), b as (select id from orders) select * from a
--> refused: `b` is used before it is told what it is

with recursive s as (select id from orders union select id from items) search depth first by id set o select * from s
--> refused: `CommonTableExpr.search_clause` is not understood by the gateway

select email from customers union select name from customers
--> select | select public.customers(email name) | out public.customers.email|public.customers.name

select email from customers union all select 'x'
--> select | select public.customers(email) | out public.customers.email

select id, email from customers union select id from orders
--> refused: the arms of a set operation have different numbers of columns

select email from customers intersect select email from contacts
--> select | select public.customers(email); select public.contacts(email) | out public.customers.email|public.contacts.email

select id from orders except select order_id from items order by id limit 3
--> select | select public.orders(id); select public.items(order_id) | out public.orders.id|public.items.order_id

(select email from customers limit 1) union all (select email from hr.employees)
--> select | select public.customers(email); select hr.employees(email) | out public.customers.email|hr.employees.email

select * from (select email from customers union select email from contacts) u
--> select | select public.customers(email); select public.contacts(email) | out public.customers.email|public.contacts.email

select u.e || 'x' from (select email as e from customers union select email from contacts) u
--> select | select public.customers(email); select public.contacts(email) | out ~public.customers.email+public.contacts.email

select id from orders union select id from items for update
--> refused: `SelectStmt.op` is not understood by the gateway

select id from (values (1, 'a'), (2, 'b')) v(id, t)
--> select | implied | out ~

select column1 from (values (1)) v
--> select | implied | out ~

select v.a from (values ((select email from customers limit 1))) v(a)
--> select | select public.customers(email) | out public.customers.email

select a, (select b from (select a as b) s) from (select name as a from customers) t
--> select | select public.customers(name) | out public.customers.name, public.customers.name

select id from orders where total = (select max(o.total) from orders o where o.customer_id = orders.customer_id)
--> select | select public.orders(customer_id id total) where | out public.orders.id

select c.id from customers c where c.email = (select h.email from hr.employees h where h.id = c.id and h.salary > 5)
--> select | select public.customers(email id) where; select hr.employees(email id salary) where | out public.customers.id

select t.id from (orders t join items using (id)) join products using (id)
--> select | select public.orders(id); select public.items(id); select public.products(id) | out public.orders.id

select max(s.t) from (select sum(total) as t from orders group by customer_id) s
--> select | select public.orders(customer_id total) | out ~public.orders.total

with w as (insert into products (name) values ('x') returning id) select id from w
--> select | select public.products(id) where; insert public.products(name) | out public.products.id

with w as (update orders set note = 'x' returning id) select 1
--> select | select public.orders(id); update public.orders(note) | out ~

with w as (delete from items) select id from orders
--> select | delete public.items; select public.orders(id) | out public.orders.id

select (with w as (select email from customers) select email from w limit 1)
--> select | select public.customers(email) | out public.customers.email

select * from (with w as (select email from customers) select email from w) s
--> select | select public.customers(email) | out public.customers.email

select id from orders where id = (select id from orders offset 1 limit 1)
--> select | select public.orders(id) | out public.orders.id

select s.nosuch from (select id from orders) s
--> refused: no column is called `s.nosuch` as far as the gateway knows

select s.id from (select id from orders) s, s
--> refused: no table is called `s` as far as the gateway knows
