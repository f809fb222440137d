SELECT e.id, e.occurred_at, e.event_type,
       u.email          -- may be NULL: the user may be gone
FROM events e
LEFT JOIN users u ON u.id = e.user_id
ORDER BY e.occurred_at DESC, e.id
LIMIT 20
