-- When was each region last active? Every order of a user meets every event of the user,
-- which MAX does not mind, but the engine does.
SELECT
    u.region,
    u.tier,
    MAX(o.created_at)  AS last_order,
    MAX(e.occurred_at) AS last_event
FROM users u
    INNER JOIN orders o ON o.customer_id = u.id
    INNER JOIN events e ON e.user_id     = u.id
GROUP BY u.region, u.tier
