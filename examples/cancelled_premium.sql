-- Premium users who have cancelled something and never looked at a product page.
SELECT u.id, u.email
FROM users u
WHERE u.tier = 'premium'
  AND (SELECT COUNT(*) FROM orders o
       WHERE o.customer_id = u.id AND o.status = 'cancelled') > 0
  AND (SELECT COUNT(*) FROM events e
       WHERE e.user_id = u.id AND e.event_type = 'view') = 0
