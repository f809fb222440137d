SELECT u.region, u.plan,
       COUNT(*) AS shipped, SUM(s.total) AS revenue
FROM users u
JOIN (
    SELECT customer_id, total, created_at
    FROM orders
    WHERE status = 'shipped'
    ORDER BY created_at DESC, total   -- newest first
) s ON s.customer_id = u.id
GROUP BY u.region, u.plan
