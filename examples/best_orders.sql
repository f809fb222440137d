-- Orders of a status that are well above what the same customer usually spends.
-- qw optimize examples/best_orders.sql --db shop --bind status=shipped,factor=1.5 --bind status=pending,factor=1.2
SELECT o.id, o.customer_id, o.total
FROM orders o
WHERE o.status = $status
  AND o.total > $factor * (SELECT avg(s.total)
                           FROM orders s
                           WHERE s.customer_id = o.customer_id)
