-- Orders of a status that are well above what the same product usually brings.
SELECT o.id, o.product_id, o.total
FROM orders o
WHERE o.status = $status
  AND o.total > $factor * (SELECT avg(s.total)
                           FROM orders s
                           WHERE s.product_id = o.product_id)
