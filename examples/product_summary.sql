-- One subquery per figure and product: easy to write, easy to extend, slow.
select p.name,
       p.category,
       (select count(*)          from orders o where o.product_id = p.id and o.status = 'completed')        as sold,
       (select sum(o.total)      from orders o where o.product_id = p.id and o.status = 'completed')        as revenue,
       (select sum(o.total)      from orders o where o.product_id = p.id and o.created_at >= '2024-01-01')  as recent,
       (select max(o.total)      from orders o where o.product_id = p.id)                                   as largest
from products p
where p.price > 100   -- the cheap ones are accessories
