SELECT
    u.region, u.tier, u.plan,
    COUNT(*)           AS events,
    MAX(e.occurred_at) AS latest
FROM events e
    INNER JOIN users u ON u.id = e.user_id   -- only to name the groups
GROUP BY CUBE (u.region, u.tier, u.plan)
