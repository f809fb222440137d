-- question: When did each session with a purchase on a German tablet start and end, and how many events had it?
SELECT e.session_id, e.revenue,
       (SELECT MIN(x.occurred_at) FROM events x WHERE x.session_id = e.session_id) AS started_at,
       (SELECT MAX(x.occurred_at) FROM events x WHERE x.session_id = e.session_id) AS ended_at,
       (SELECT COUNT(*) FROM events x WHERE x.session_id = e.session_id) AS events
FROM events e
WHERE e.event_type = 'purchase'
  AND e.device = 'tablet'
  AND e.country = 'DE'
ORDER BY e.id;

-- question: Which errors of Firefox and Edge users off their phones took longer than an average event on the same page?
SELECT e.id, e.page, e.duration_ms, e.occurred_at
FROM events e
WHERE e.event_type = 'error'
  AND e.browser IN ('Firefox', 'Edge')
  AND e.device <> 'mobile'
  AND e.duration_ms > (SELECT AVG(p.duration_ms) FROM events p WHERE p.page = e.page);

-- question: Which known visitors looked at the pricing page but never purchased anything?
SELECT DISTINCT e.user_id
FROM events e
WHERE e.page = '/pricing'
  AND e.user_id IS NOT NULL
  AND e.user_id NOT IN (SELECT p.user_id FROM events p WHERE p.event_type = 'purchase' AND p.user_id IS NOT NULL)
ORDER BY e.user_id;

-- question: What was the last thing each visitor did on a tablet?
SELECT e.user_id, e.event_type, e.page, e.occurred_at
FROM events e
JOIN (SELECT user_id, MAX(occurred_at) AS last_at
      FROM events
      WHERE device = 'tablet'
      GROUP BY user_id) latest
  ON latest.user_id = e.user_id AND latest.last_at = e.occurred_at
WHERE e.device = 'tablet'
ORDER BY e.user_id, e.id;

-- question: How did revenue and purchases add up day by day?
WITH days AS (
    SELECT date(occurred_at) AS day, SUM(revenue) AS revenue, COUNT(*) AS purchases
    FROM events
    WHERE event_type = 'purchase'
    GROUP BY date(occurred_at)
)
SELECT d.day, d.revenue,
       (SELECT SUM(p.revenue) FROM days p WHERE p.day <= d.day) AS revenue_so_far,
       (SELECT SUM(p.purchases) FROM days p WHERE p.day <= d.day) AS purchases_so_far
FROM days d
ORDER BY d.day;

-- question: Which sessions had a large purchase after a click on the checkout page, or a search and a login?
SELECT DISTINCT a.session_id
FROM events a
JOIN events b ON b.session_id = a.session_id
WHERE (a.event_type = 'click' AND a.page = '/checkout' AND b.event_type = 'purchase' AND b.revenue > 50)
   OR (a.event_type = 'search' AND a.page = '/search' AND b.event_type = 'login');

-- question: In which sessions was something put into the cart and purchased later?
SELECT DISTINCT c.session_id, c.user_id, c.device
FROM events c
JOIN events p ON p.session_id = c.session_id AND p.occurred_at > c.occurred_at
WHERE c.event_type = 'add_to_cart'
  AND p.event_type = 'purchase'
ORDER BY c.session_id;

-- question: What traffic did the blog and the help pages get on each day of November 2024?
SELECT date(occurred_at) AS day, COUNT(*) AS events, COUNT(DISTINCT session_id) AS sessions, COUNT(DISTINCT user_id) AS visitors
FROM events
WHERE CAST(occurred_at AS VARCHAR) LIKE '2024-11%'
  AND (page LIKE '%blog%' OR page LIKE '%help%')
GROUP BY date(occurred_at)
ORDER BY day;

-- question: How many visitors reach each step from viewing a page to purchasing?
SELECT 1 AS step, 'viewed' AS name, COUNT(DISTINCT user_id) AS visitors FROM events WHERE event_type = 'page_view'
UNION
SELECT 2, 'searched', COUNT(DISTINCT user_id) FROM events WHERE event_type = 'search'
UNION
SELECT 3, 'added to cart', COUNT(DISTINCT user_id) FROM events WHERE event_type = 'add_to_cart'
UNION
SELECT 4, 'purchased', COUNT(DISTINCT user_id) FROM events WHERE event_type = 'purchase'
ORDER BY step;

-- question: Which tablet sessions from the US purchased something although they ran into an error?
SELECT s.session_id, s.user_id
FROM (SELECT DISTINCT session_id, user_id
      FROM events
      WHERE country = 'US' AND device = 'tablet' AND event_type = 'purchase') s
WHERE (SELECT COUNT(*) FROM events e WHERE e.session_id = s.session_id AND e.event_type = 'error') > 0;

-- question: On which page did the sessions of December 2024 start?
WITH numbered AS (
    SELECT e.*, ROW_NUMBER() OVER (PARTITION BY e.session_id ORDER BY e.occurred_at, e.id) AS position
    FROM events e
)
SELECT page, COUNT(*) AS sessions
FROM numbered
WHERE position = 1
  AND occurred_at >= '2024-12-01'
GROUP BY page
ORDER BY sessions DESC, page;

-- question: On which days were there more events than on an average day of the same device, and more than half the maximum?
WITH daily AS (
    SELECT device, date(occurred_at) AS day, COUNT(*) AS events, SUM(revenue) AS revenue
    FROM events
    GROUP BY device, date(occurred_at)
)
SELECT d.device, d.day, d.events, d.revenue
FROM daily d
WHERE d.events > (SELECT AVG(x.events) FROM daily x WHERE x.device = d.device)
  AND d.events * 2 > (SELECT MAX(x.events) FROM daily x WHERE x.device = d.device)
ORDER BY d.device, d.day;

-- question: Who are the thirty visitors with the highest revenue, and at which place do they stand?
SELECT r.user_id, r.revenue, COUNT(better.user_id) + 1 AS place
FROM (SELECT user_id, SUM(revenue) AS revenue FROM events WHERE user_id IS NOT NULL GROUP BY user_id) r
LEFT JOIN (SELECT user_id, SUM(revenue) AS revenue FROM events WHERE user_id IS NOT NULL GROUP BY user_id) better
       ON better.revenue > r.revenue
WHERE r.revenue IS NOT NULL
GROUP BY r.user_id, r.revenue
ORDER BY place, r.user_id
LIMIT 30;

-- question: How long do events of desktop visitors take by page and browser, where there is enough data?
SELECT t.page, t.browser, t.average_ms
FROM (
    SELECT e.page, e.browser, e.device, AVG(e.duration_ms) AS average_ms, COUNT(e.duration_ms) AS measured
    FROM (SELECT * FROM events ORDER BY occurred_at) e
    GROUP BY e.page, e.browser, e.device
) t
WHERE t.device = 'desktop'
  AND t.measured >= 5
ORDER BY t.page, t.browser;

-- question: How many sessions went from a search to the cart and on to a purchase, by device and country?
SELECT s.device, s.country, COUNT(DISTINCT s.session_id) AS sessions, MAX(p.revenue) AS largest_purchase
FROM events s, events c, events p
WHERE c.session_id = s.session_id
  AND p.session_id = c.session_id
  AND s.event_type = 'search'
  AND c.event_type = 'add_to_cart'
  AND p.event_type = 'purchase'
  AND c.id > s.id
  AND p.id > c.id
GROUP BY s.device, s.country
ORDER BY sessions DESC, s.device, s.country;

-- question: Which visitors of the first half of 2024 came back in the second half, and with how many sessions?
-- engine: duckdb
SELECT e.user_id, COUNT(DISTINCT e.session_id) AS sessions
FROM events e
WHERE year(e.occurred_at) = 2024
  AND month(e.occurred_at) > 6
  AND e.user_id IN (SELECT f.user_id FROM events f WHERE year(f.occurred_at) = 2024 AND month(f.occurred_at) <= 6)
GROUP BY e.user_id
ORDER BY sessions DESC, e.user_id;
-- engine: sqlite
SELECT e.user_id, COUNT(DISTINCT e.session_id) AS sessions
FROM events e
WHERE strftime('%Y', e.occurred_at) = '2024'
  AND CAST(strftime('%m', e.occurred_at) AS INTEGER) > 6
  AND e.user_id IN (SELECT f.user_id FROM events f
                    WHERE strftime('%Y', f.occurred_at) = '2024' AND CAST(strftime('%m', f.occurred_at) AS INTEGER) <= 6)
GROUP BY e.user_id
ORDER BY sessions DESC, e.user_id;

-- question: After each search on a tablet with Edge or Firefox, when did the next event of the session happen?
SELECT e.id, e.session_id, e.page, e.occurred_at,
       (SELECT MIN(n.occurred_at) FROM events n WHERE n.session_id = e.session_id AND n.id > e.id) AS next_at
FROM events e
WHERE e.event_type = 'search'
  AND e.device = 'tablet'
  AND e.browser IN ('Edge', 'Firefox')
ORDER BY e.id;

-- question: What do visitors bring in who came from a search engine or a partner site?
SELECT e.referrer, e.country, COUNT(*) AS events, COUNT(DISTINCT e.session_id) AS sessions, SUM(COALESCE(e.revenue, 0)) AS revenue
FROM events e
WHERE lower(e.referrer) LIKE '%google%'
   OR lower(e.referrer) LIKE '%partner%'
GROUP BY e.referrer, e.country
HAVING e.country IS NOT NULL
ORDER BY revenue DESC, e.referrer, e.country;

-- question: For each country, how many page views, purchases and errors were there, and how many known visitors?
SELECT c.country,
       (SELECT COUNT(*) FROM events e WHERE e.country = c.country AND e.event_type = 'page_view') AS page_views,
       (SELECT COUNT(*) FROM events e WHERE e.country = c.country AND e.event_type = 'purchase') AS purchases,
       (SELECT COUNT(*) FROM events e WHERE e.country = c.country AND e.event_type = 'error') AS errors,
       (SELECT COUNT(DISTINCT e.user_id) FROM events e WHERE e.country = c.country) AS visitors
FROM (SELECT DISTINCT country FROM events WHERE country IS NOT NULL) c
ORDER BY c.country;

-- question: How is revenue spread over devices and browsers in 2024, compared with the best single purchase and the total?
SELECT device, browser,
       SUM(revenue) AS revenue,
       SUM(revenue) * 100.0 / (SELECT SUM(revenue) FROM events WHERE occurred_at >= '2024-01-01') AS percent_of_revenue,
       MAX(revenue) AS best,
       (SELECT MAX(revenue) FROM events WHERE occurred_at >= '2024-01-01') AS best_of_all,
       (SELECT COUNT(*) FROM events WHERE occurred_at >= '2024-01-01' AND event_type = 'purchase') AS all_purchases
FROM events
WHERE occurred_at >= '2024-01-01'
GROUP BY device, browser
HAVING device <> 'desktop'
ORDER BY device, browser;
