-- Users to have a look at: they cancelled an order or logged out.
select u.id, u.email
from users u
where exists (select 1 from orders o where o.customer_id = u.id and o.status = 'cancelled')
   or exists (select 1 from events e where e.user_id = u.id and e.event_type = 'logout')
