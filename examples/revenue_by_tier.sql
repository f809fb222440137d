SELECT
    u.tier,
    p.category,
    COUNT(*)     AS orders,
    SUM(o.total) AS revenue,
    AVG(o.total) AS average
FROM orders o
    INNER JOIN users u    ON u.id = o.customer_id
    INNER JOIN products p ON p.id = o.product_id
GROUP BY ROLLUP (u.tier, p.category)
