-- Orders to credit to premium users: their own, and the guest orders
-- of the day on which they signed up.
SELECT u.region,
       count(*)                     AS orders,
       count(DISTINCT o.product_id) AS products   -- how broad is the demand?
FROM users u
JOIN orders o
  ON o.customer_id = u.id
  OR o.created_at  = u.created_at
WHERE u.tier = 'premium'
  AND o.status = 'pending'
  AND o.created_at >= '2024-11-01'
GROUP BY u.region
ORDER BY orders DESC
