-- What did people do in March?
SELECT event_type, count(*) AS events, count(DISTINCT user_id) AS users
FROM events
WHERE year(occurred_at) = 2024
  AND date_trunc('month', occurred_at) = DATE '2024-03-01'
GROUP BY event_type
