-- DISTINCT was added when the join with products once doubled some rows. It no longer does.
SELECT DISTINCT
       o.id,
       o.total,
       u.email
FROM orders o
JOIN users u ON u.id = o.customer_id
LEFT JOIN products p ON p.id = o.product_id
WHERE o.created_at >= '2024-06-01'
