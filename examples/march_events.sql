-- What did people do in March?
SELECT event_type, count(*) AS events
FROM events
WHERE strftime(occurred_at, '%Y-%m') = '2024-03'   -- readable, but computed for every row
GROUP BY event_type
