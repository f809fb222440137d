/* The how-manieth order of its customer is each order of December?
   The count is an old trick from before window functions. */
SELECT o.id,
       o.customer_id,
       (SELECT COUNT(*)
        FROM orders e
        WHERE e.customer_id = o.customer_id
          AND e.created_at <= o.created_at) AS order_number
FROM orders o
WHERE o.created_at >= '2024-12-01'
