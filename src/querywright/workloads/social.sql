-- question: How much discussion did each public gaming post of 2024 start: comments, commenters, and the latest comment?
SELECT p.id, p.body, p.likes,
       (SELECT COUNT(*) FROM comments c WHERE c.post_id = p.id) AS comments,
       (SELECT COUNT(DISTINCT c.author_id) FROM comments c WHERE c.post_id = p.id) AS commenters,
       (SELECT MAX(c.created_at) FROM comments c WHERE c.post_id = p.id) AS latest_comment
FROM posts p
WHERE p.topic = 'gaming'
  AND p.visibility = 'public'
  AND p.created_at >= '2024-01-01'
ORDER BY p.id;

-- question: Which edited private posts are liked more than an average post on their topic?
SELECT p.id, p.author_id, p.topic, p.likes
FROM posts p
WHERE p.edited_at IS NOT NULL
  AND p.visibility = 'private'
  AND p.likes > (SELECT AVG(q.likes) FROM posts q WHERE q.topic = p.topic);

-- question: Who posts in public but has never commented on anything in Hindi?
SELECT DISTINCT p.author_id
FROM posts p
WHERE p.visibility = 'public'
  AND p.author_id NOT IN (SELECT DISTINCT c.author_id FROM comments c WHERE c.language = 'hi' AND c.author_id IS NOT NULL)
ORDER BY p.author_id;

-- question: What did the latest commenter say under each post about pets in 2024?
SELECT p.id AS post_id, p.body AS post, c.body AS latest_comment, c.created_at
FROM posts p
JOIN comments c ON c.id = (SELECT c2.id FROM comments c2
                           WHERE c2.post_id = p.id
                           ORDER BY c2.created_at DESC, c2.id DESC
                           LIMIT 1)
WHERE p.topic = 'pets'
  AND p.created_at BETWEEN '2024-01-01' AND '2024-12-31';

-- question: How many posts and likes had the network collected by the end of each month?
SELECT m.month,
       (SELECT COUNT(*) FROM posts p WHERE substr(CAST(p.created_at AS VARCHAR), 1, 7) <= m.month) AS posts_so_far,
       (SELECT SUM(p.likes) FROM posts p WHERE substr(CAST(p.created_at AS VARCHAR), 1, 7) <= m.month) AS likes_so_far
FROM (SELECT DISTINCT substr(CAST(created_at AS VARCHAR), 1, 7) AS month FROM posts) m
ORDER BY m.month;

-- question: In which threads did the author of the most liked post take part, by posting or by commenting?
SELECT DISTINCT p.id, p.topic, p.body, p.created_at
FROM posts p
LEFT JOIN comments c ON c.post_id = p.id
WHERE p.author_id = (SELECT author_id FROM posts ORDER BY likes DESC, id LIMIT 1)
   OR c.author_id = (SELECT author_id FROM posts ORDER BY likes DESC, id LIMIT 1);

-- question: Whose public posts attracted flagged comments in English or Spanish?
SELECT DISTINCT p.author_id, p.topic
FROM posts p
JOIN comments c ON c.post_id = p.id
WHERE p.visibility = 'public'
  AND c.is_flagged = 1
  AND c.language IN ('en', 'es')
ORDER BY p.author_id, p.topic;

-- question: At which hours of the day in November 2024 do people congratulate each other?
-- engine: duckdb
SELECT hour(c.created_at) AS hour, COUNT(*) AS congratulations, AVG(c.likes) AS average_likes
FROM comments c
WHERE lower(c.body) LIKE '%congrats%'
  AND strftime(c.created_at, '%Y-%m') = '2024-11'
GROUP BY hour(c.created_at)
ORDER BY hour(c.created_at);
-- engine: sqlite
SELECT CAST(strftime('%H', c.created_at) AS INTEGER) AS hour, COUNT(*) AS congratulations, AVG(c.likes) AS average_likes
FROM comments c
WHERE lower(c.body) LIKE '%congrats%'
  AND strftime('%Y-%m', c.created_at) = '2024-11'
GROUP BY strftime('%H', c.created_at)
ORDER BY strftime('%H', c.created_at);

-- question: What happened in the last week of 2024: posts, comments and edits in one feed?
SELECT 'post' AS kind, p.id, p.author_id, p.created_at AS happened_at, p.body
FROM posts p
WHERE date(p.created_at) >= '2024-12-25'
UNION
SELECT 'comment' AS kind, c.id, c.author_id, c.created_at AS happened_at, c.body
FROM comments c
WHERE date(c.created_at) >= '2024-12-25'
UNION
SELECT 'edit' AS kind, p.id, p.author_id, p.edited_at AS happened_at, p.body
FROM posts p
WHERE date(p.edited_at) >= '2024-12-25'
ORDER BY happened_at, kind, id;

-- question: Under which public fashion posts is there a comment with more than fifty likes?
SELECT p.id, p.author_id, p.body
FROM posts p
WHERE p.topic = 'fashion'
  AND p.visibility = 'public'
  AND (SELECT COUNT(*) FROM comments c WHERE c.post_id = p.id AND c.likes > 50) > 0;

-- question: Which are the three most liked comments under each politics post since June 2024?
WITH ranked AS (
    SELECT c.*, p.topic, p.created_at AS posted_at,
           RANK() OVER (PARTITION BY c.post_id ORDER BY c.likes DESC) AS place
    FROM comments c
    JOIN posts p ON p.id = c.post_id
)
SELECT post_id, id, body, likes, place
FROM ranked
WHERE place <= 3
  AND topic = 'politics'
  AND posted_at >= '2024-06-01'
ORDER BY post_id, place, id;

-- question: How lively are travel, food and music: posts, comments, and comments per post?
SELECT p.topic,
       COUNT(DISTINCT p.id) AS posts,
       COUNT(c.id) AS comments,
       COUNT(c.id) * 1.0 / COUNT(DISTINCT p.id) AS comments_per_post,
       SUM(CASE WHEN c.is_flagged = 1 THEN 1 ELSE 0 END) AS flagged
FROM posts p
LEFT JOIN comments c ON c.post_id = p.id
GROUP BY p.topic
HAVING p.topic IN ('travel', 'food', 'music');

-- question: Who are the 25 busiest Spanish commenters, and at which place do they stand by number of comments?
SELECT a.author_id, a.comments,
       (SELECT COUNT(*) + 1
        FROM (SELECT author_id, COUNT(*) AS comments FROM comments WHERE language = 'es' AND author_id IS NOT NULL GROUP BY author_id) b
        WHERE b.comments > a.comments) AS place
FROM (SELECT author_id, COUNT(*) AS comments FROM comments WHERE language = 'es' AND author_id IS NOT NULL GROUP BY author_id) a
ORDER BY a.comments DESC, a.author_id
LIMIT 25;

-- question: What is the average number of likes of public posts by topic and length, leaving out rare combinations?
SELECT outcome.topic, outcome.length, outcome.average_likes
FROM (
    SELECT measured.topic, measured.length, AVG(measured.likes) AS average_likes, COUNT(*) AS posts
    FROM (
        SELECT recent.*, CASE WHEN length(recent.body) > 40 THEN 'long' ELSE 'short' END AS length
        FROM (SELECT * FROM posts ORDER BY created_at DESC) recent
    ) measured
    WHERE measured.visibility = 'public'
    GROUP BY measured.topic, measured.length
) outcome
WHERE outcome.posts >= 3
ORDER BY outcome.topic, outcome.length;

-- question: Which authors answered comments on their own posts, and how often?
SELECT p.author_id, COUNT(DISTINCT r.id) AS answers, COUNT(DISTINCT p.id) AS posts
FROM posts p
JOIN comments c ON c.post_id = p.id
JOIN comments r ON r.parent_id = c.id AND r.post_id = p.id
WHERE r.author_id = p.author_id
GROUP BY p.author_id
ORDER BY answers DESC, p.author_id;

-- question: Which pairs of people commented on each other's public posts in 2024?
SELECT DISTINCT forth.author AS one, forth.commenter AS other
FROM (SELECT p.author_id AS author, c.author_id AS commenter
      FROM posts p JOIN comments c ON c.post_id = p.id
      WHERE p.visibility = 'public' AND c.created_at >= '2024-01-01') forth
JOIN (SELECT p.author_id AS author, c.author_id AS commenter
      FROM posts p JOIN comments c ON c.post_id = p.id
      WHERE p.visibility = 'public' AND c.created_at >= '2024-01-01') back
  ON back.author = forth.commenter AND back.commenter = forth.author
WHERE forth.author < forth.commenter
ORDER BY one, other;

-- question: How many comments and how many shares did each post on food or science get?
SELECT p.id, p.body, p.likes, COUNT(DISTINCT c.id) AS comments, COUNT(DISTINCT s.id) AS shares
FROM posts p
LEFT JOIN comments c ON c.post_id = p.id
LEFT JOIN posts s ON s.shared_post_id = p.id
WHERE p.topic IN ('food', 'science')
GROUP BY p.id, p.body, p.likes
HAVING COUNT(DISTINCT s.id) > 0
ORDER BY shares DESC, p.id;

-- question: Which flagged Portuguese comments are liked more than the average comment under the same post?
SELECT c.id, c.post_id, c.body, c.likes
FROM comments c
WHERE c.is_flagged = 1
  AND c.language = 'pt'
  AND c.likes >= (SELECT AVG(o.likes) FROM comments o WHERE o.post_id = c.post_id)
ORDER BY c.likes DESC, c.id;

-- question: How do comments differ by language: how many, how liked, and how often flagged?
SELECT 'English' AS language, COUNT(*) AS comments, AVG(likes) AS likes, SUM(is_flagged) AS flagged FROM comments WHERE language = 'en'
UNION
SELECT 'Spanish', COUNT(*), AVG(likes), SUM(is_flagged) FROM comments WHERE language = 'es'
UNION
SELECT 'German', COUNT(*), AVG(likes), SUM(is_flagged) FROM comments WHERE language = 'de'
UNION
SELECT 'unknown', COUNT(*), AVG(likes), SUM(is_flagged) FROM comments WHERE language IS NULL;

-- question: What stands on the third page of the most liked posts, with the number of comments each?
SELECT p.id, p.author_id, p.body, p.likes, COALESCE(n.comments, 0) AS comments, original.body AS shared_from
FROM posts p
LEFT JOIN (SELECT post_id, COUNT(*) AS comments FROM comments GROUP BY post_id) n ON n.post_id = p.id
LEFT JOIN posts original ON original.id = p.shared_post_id
ORDER BY p.likes DESC, p.id
LIMIT 20 OFFSET 40;
