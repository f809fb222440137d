-- question: What has each active premium customer in Germany ordered: how many orders, how much money, and when last?
SELECT u.id, u.name, u.email,
       (SELECT COUNT(*) FROM orders o WHERE o.user_id = u.id) AS order_count,
       (SELECT SUM(o.amount) FROM orders o WHERE o.user_id = u.id AND o.status = 'completed') AS spent,
       (SELECT MAX(o.ordered_at) FROM orders o WHERE o.user_id = u.id) AS last_order
FROM users u
WHERE u.tier = 'premium'
  AND u.country = 'Germany'
  AND u.last_login_at >= '2024-01-01'
ORDER BY u.name, u.id;

-- question: Which returned orders with a summer coupon cost more than the average order of their category?
SELECT o.id, o.product, o.category, o.amount, o.ordered_at
FROM orders o
WHERE o.status = 'returned'
  AND o.coupon_code = 'SUMMER'
  AND o.amount > (SELECT AVG(o2.amount) FROM orders o2 WHERE o2.category = o.category)
ORDER BY o.amount DESC, o.id;

-- question: Which customers who signed up in 2023 have never had an order that was not cancelled?
-- engine: duckdb
SELECT u.id, u.name, u.email, u.signed_up_on
FROM users u
WHERE year(u.signed_up_on) = 2023
  AND u.id NOT IN (SELECT o.user_id FROM orders o WHERE o.status <> 'cancelled' AND o.user_id IS NOT NULL);
-- engine: sqlite
SELECT u.id, u.name, u.email, u.signed_up_on
FROM users u
WHERE strftime('%Y', u.signed_up_on) = '2023'
  AND u.id NOT IN (SELECT o.user_id FROM orders o WHERE o.status <> 'cancelled' AND o.user_id IS NOT NULL);

-- question: What was the most recent order of each customer in Japan and Canada?
SELECT u.name, o.id AS order_id, o.product, o.amount, o.ordered_at
FROM users u
JOIN orders o ON o.user_id = u.id
LEFT JOIN orders newer ON newer.user_id = o.user_id AND newer.ordered_at > o.ordered_at
WHERE newer.id IS NULL
  AND u.country IN ('Japan', 'Canada');

-- question: How did the revenue of completed orders add up day by day?
WITH daily AS (
    SELECT date(ordered_at) AS day, COUNT(*) AS orders, SUM(amount) AS revenue
    FROM orders
    WHERE status = 'completed'
    GROUP BY date(ordered_at)
)
SELECT d1.day, d1.orders, d1.revenue, SUM(d2.revenue) AS revenue_so_far
FROM daily d1
JOIN daily d2 ON d2.day <= d1.day
GROUP BY d1.day, d1.orders, d1.revenue
ORDER BY d1.day;

-- question: Which orders were placed by or meant as a gift for a plus or premium customer in Spain or Canada?
SELECT u.name, u.email, o.id AS order_id, o.product, o.amount, o.status
FROM users u
JOIN orders o ON o.user_id = u.id OR o.gift_for_id = u.id
WHERE u.tier <> 'basic'
  AND u.country IN ('Spain', 'Canada');

-- question: Which customers have bought three or more of something electronic at once?
SELECT DISTINCT u.id, u.name, u.email, u.country
FROM users u
INNER JOIN orders o ON u.id = o.user_id
WHERE o.category = 'Electronics'
  AND o.quantity >= 3
ORDER BY u.name, u.id;

-- question: How many orders were completed in each month of 2024, and what did they bring after discounts?
-- engine: duckdb
SELECT strftime(ordered_at, '%Y-%m') AS month, COUNT(*) AS orders, SUM(amount - COALESCE(discount, 0)) AS net_revenue
FROM orders
WHERE year(ordered_at) = 2024
  AND lower(status) = 'completed'
GROUP BY strftime(ordered_at, '%Y-%m')
ORDER BY month;
-- engine: sqlite
SELECT strftime('%Y-%m', ordered_at) AS month, COUNT(*) AS orders, SUM(amount - COALESCE(discount, 0)) AS net_revenue
FROM orders
WHERE strftime('%Y', ordered_at) = '2024'
  AND lower(status) = 'completed'
GROUP BY strftime('%Y-%m', ordered_at)
ORDER BY month;

-- question: Whom should the newsletter reach: big spenders, people who came back after a referral, and new sign-ups?
SELECT u.id, u.email, 'big spender' AS reason
FROM users u
JOIN orders o ON o.user_id = u.id
GROUP BY u.id, u.email
HAVING SUM(o.amount) > 1000
UNION
SELECT u.id, u.email, 'referred' AS reason
FROM users u
WHERE u.referrer_id IS NOT NULL AND u.id IN (SELECT user_id FROM orders)
UNION
SELECT u.id, u.email, 'new' AS reason
FROM users u
WHERE u.signed_up_on >= '2024-10-01';

-- question: Which plus customers in France and Spain sent back something that cost more than 20?
SELECT u.id, u.name, u.email
FROM users u
WHERE u.tier = 'plus'
  AND u.country IN ('France', 'Spain')
  AND (SELECT COUNT(*) FROM orders o
       WHERE o.user_id = u.id AND o.status = 'returned' AND o.amount > 20) > 0;

-- question: What are the three latest orders of each premium customer in India and Brazil?
SELECT latest.name, latest.product, latest.amount, latest.ordered_at
FROM (
    SELECT u.name, u.country, u.tier, o.*,
           ROW_NUMBER() OVER (PARTITION BY o.user_id ORDER BY o.ordered_at DESC, o.id DESC) AS position
    FROM orders o
    JOIN users u ON u.id = o.user_id
) latest
WHERE latest.position <= 3
  AND latest.tier = 'premium'
  AND latest.country IN ('India', 'Brazil');

-- question: What share of the completed revenue does each category bring, and how does its average order compare?
SELECT o.category,
       COUNT(*) AS orders,
       SUM(o.amount) AS revenue,
       SUM(o.amount) * 100.0 / (SELECT SUM(amount) FROM orders WHERE status = 'completed') AS percent_of_revenue,
       AVG(o.amount) - (SELECT AVG(amount) FROM orders WHERE status = 'completed') AS above_average,
       MAX(o.amount) * 1.0 / (SELECT MAX(amount) FROM orders WHERE status = 'completed') AS largest_of_all
FROM orders o
LEFT JOIN users u ON u.id = o.user_id
WHERE o.status = 'completed'
GROUP BY o.category
HAVING o.category NOT IN ('Garden', 'Beauty')
ORDER BY revenue DESC;

-- question: Who are the twenty customers who spent most, and at which place do they stand?
WITH spending AS (
    SELECT user_id, SUM(amount) AS total, COUNT(*) AS orders
    FROM orders
    WHERE status IN ('completed', 'shipped') AND user_id IS NOT NULL
    GROUP BY user_id
)
SELECT (SELECT COUNT(*) FROM spending s2 WHERE s2.total > s.total) + 1 AS place, u.name, s.total, s.orders
FROM spending s
JOIN users u ON u.id = s.user_id
WHERE s.total > (SELECT AVG(total) FROM spending)
ORDER BY s.total DESC, u.id
LIMIT 20;

-- question: How much did premium customers spend on completed orders, by country?
SELECT by_country.country, by_country.revenue, by_country.customers
FROM (
    SELECT sales.country, SUM(sales.amount) AS revenue, COUNT(DISTINCT sales.user_id) AS customers
    FROM (
        SELECT u.country, u.tier, o.*
        FROM orders o
        LEFT JOIN users u ON u.id = o.user_id
        ORDER BY o.ordered_at DESC
    ) sales
    WHERE sales.tier = 'premium' AND sales.status = 'completed'
    GROUP BY sales.country
    ORDER BY revenue
) by_country
WHERE by_country.country IS NOT NULL
ORDER BY by_country.revenue DESC;

-- question: Which customers referred at least two buyers, and how much did those spend with a credit card?
SELECT r.id, r.name, r.country, COUNT(DISTINCT c.id) AS referred_buyers, SUM(o.amount) AS their_spending
FROM users r, users c, orders o, users buyer
WHERE c.referrer_id = r.id
  AND o.user_id = c.id
  AND buyer.id = o.user_id
  AND o.payment_method = 'credit card'
GROUP BY r.id, r.name, r.country
HAVING COUNT(DISTINCT c.id) >= 2
ORDER BY their_spending DESC, r.id;

-- question: Which customers bought both garden and beauty products from us, but never a toy?
SELECT u.id, u.name
FROM users u
WHERE u.id IN (SELECT o.user_id FROM orders o WHERE o.category = 'Garden')
  AND u.id IN (SELECT o.user_id FROM orders o WHERE o.category = 'Beauty')
  AND NOT EXISTS (SELECT * FROM orders o WHERE o.user_id = u.id AND o.category = 'Toys');

-- question: Which customers bought from the same category again within a week?
-- engine: duckdb
SELECT DISTINCT u.id, u.name, o1.category
FROM orders o1
JOIN orders o2 ON o2.user_id = o1.user_id
              AND o2.category = o1.category
              AND o2.ordered_at > o1.ordered_at
              AND o2.ordered_at <= o1.ordered_at + INTERVAL 7 DAY
JOIN users u ON u.id = o1.user_id
WHERE o1.category IN ('Home', 'Sports');
-- engine: sqlite
SELECT DISTINCT u.id, u.name, o1.category
FROM orders o1
JOIN orders o2 ON o2.user_id = o1.user_id
              AND o2.category = o1.category
              AND o2.ordered_at > o1.ordered_at
              AND julianday(o2.ordered_at) <= julianday(o1.ordered_at) + 7
JOIN users u ON u.id = o1.user_id
WHERE o1.category IN ('Home', 'Sports');

-- question: How does each month's revenue compare with the month before?
WITH monthly AS (
    SELECT substr(CAST(ordered_at AS VARCHAR), 1, 7) AS month, SUM(amount) AS revenue, COUNT(DISTINCT user_id) AS customers
    FROM orders
    WHERE status <> 'cancelled'
    GROUP BY substr(CAST(ordered_at AS VARCHAR), 1, 7)
)
SELECT m.month, m.revenue, m.customers, p.revenue AS revenue_before, m.revenue - p.revenue AS difference
FROM monthly m
LEFT JOIN monthly p ON p.month = (SELECT MAX(e.month) FROM monthly e WHERE e.month < m.month)
ORDER BY m.month;

-- question: For each category, how many orders were completed, cancelled and returned, and what was paid on average?
SELECT c.category,
       (SELECT COUNT(*) FROM orders o WHERE o.category = c.category AND o.status = 'completed') AS completed,
       (SELECT COUNT(*) FROM orders o WHERE o.category = c.category AND o.status = 'cancelled') AS cancelled,
       (SELECT COUNT(*) FROM orders o WHERE o.category = c.category AND o.status = 'returned') AS returned,
       (SELECT AVG(o.amount) FROM orders o WHERE o.category = c.category AND o.status = 'completed') AS average_paid
FROM (SELECT DISTINCT category FROM orders) c
ORDER BY c.category;

-- question: What is on the eleventh page of the list of orders by size, with who bought and who referred them?
SELECT o.*, u.name AS customer, u.email, r.name AS referred_by
FROM orders o
LEFT JOIN users u ON u.id = o.user_id
LEFT JOIN users r ON r.id = u.referrer_id
ORDER BY o.amount DESC, o.id
LIMIT 50 OFFSET 500;
