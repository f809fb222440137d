-- Who has done something again since a day? Counts every event although one would do.
--   qw optimize examples/returning_users.sql --db shop --bind event=signup,since=2024-06-01 --bind event=view,since=2024-12-01
SELECT u.id, u.email
FROM users u
WHERE (SELECT COUNT(*)
       FROM events e
       WHERE e.user_id = u.id
         AND e.event_type = $event
         AND e.occurred_at > CAST($since AS TIMESTAMP)) > 0
