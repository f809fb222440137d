-- question: How many articles has each region tag, how often are they viewed on average, and when was the latest published?
SELECT t.id, t.name,
       (SELECT COUNT(*) FROM article_tags x WHERE x.tag_id = t.id) AS articles,
       (SELECT AVG(a.views) FROM article_tags x JOIN articles a ON a.id = x.article_id WHERE x.tag_id = t.id) AS average_views,
       (SELECT MAX(a.published_at) FROM article_tags x JOIN articles a ON a.id = x.article_id WHERE x.tag_id = t.id) AS latest
FROM tags t
WHERE t.kind = 'region'
ORDER BY t.id;

-- question: Which long archived articles are viewed more than twice as often as an average article of their section?
SELECT a.id, a.title, a.section, a.views
FROM articles a
WHERE a.status = 'archived'
  AND a.word_count > 2500
  AND a.views > 2 * (SELECT AVG(s.views) FROM articles s WHERE s.section = a.section)
ORDER BY a.views DESC, a.id;

-- question: Which published technology articles carry no tag that belongs under data or climate?
SELECT a.id, a.title, a.published_at
FROM articles a
WHERE a.section = 'Technology'
  AND a.status = 'published'
  AND a.id NOT IN (SELECT x.article_id
                   FROM article_tags x
                   JOIN tags t ON t.id = x.tag_id
                   JOIN tags p ON p.id = t.parent_id OR p.id = t.id
                   WHERE p.name IN ('data', 'climate'));

-- question: Which travel article was the last one published by its author in that section?
SELECT a.author_id, a.id, a.title, a.published_at
FROM articles a
WHERE a.section = 'Travel'
  AND a.published_at = (SELECT MAX(b.published_at) FROM articles b
                        WHERE b.author_id = a.author_id AND b.section = 'Travel')
ORDER BY a.author_id, a.id;

-- question: How many articles and words had been published by the end of each month?
WITH monthly AS (
    SELECT substr(CAST(published_at AS VARCHAR), 1, 7) AS month, COUNT(*) AS articles, SUM(word_count) AS words
    FROM articles
    WHERE published_at IS NOT NULL
    GROUP BY substr(CAST(published_at AS VARCHAR), 1, 7)
)
SELECT a.month, a.articles, SUM(b.articles) AS articles_so_far, SUM(b.words) AS words_so_far
FROM monthly a, monthly b
WHERE b.month <= a.month
GROUP BY a.month, a.articles
ORDER BY a.month;

-- question: Which articles belong to the science section or are tagged with space?
SELECT DISTINCT a.id, a.title, a.section
FROM articles a
LEFT JOIN article_tags x ON x.article_id = a.id
LEFT JOIN tags t ON t.id = x.tag_id
WHERE a.section = 'Science'
   OR t.name = 'space'
ORDER BY a.id;

-- question: Which authors have published an article with a campaign tag that was viewed more than a thousand times?
SELECT DISTINCT a.author_id, a.section
FROM articles a
JOIN article_tags x ON x.article_id = a.id
JOIN tags t ON t.id = x.tag_id
WHERE t.kind = 'campaign'
  AND a.status = 'published'
  AND a.views > 1000
ORDER BY a.author_id, a.section;

-- question: Which articles about the future without a usable summary were published in 2023?
-- engine: duckdb
SELECT a.id, upper(a.section) AS section, a.title, CAST(a.published_at AS DATE) AS published_on
FROM articles a
WHERE lower(a.title) LIKE '%the future of%'
  AND COALESCE(a.summary, '') = ''
  AND year(a.published_at) = 2023
ORDER BY a.id;
-- engine: sqlite
SELECT a.id, upper(a.section) AS section, a.title, date(a.published_at) AS published_on
FROM articles a
WHERE lower(a.title) LIKE '%the future of%'
  AND COALESCE(a.summary, '') = ''
  AND strftime('%Y', a.published_at) = '2023'
ORDER BY a.id;

-- question: Which articles need an editor: stale drafts, archived bestsellers, and published ones without a summary?
SELECT a.id, a.title, 'stale draft' AS reason
FROM articles a WHERE a.status = 'draft' AND a.updated_at < '2024-01-01'
UNION
SELECT a.id, a.title, 'archived bestseller' AS reason
FROM articles a WHERE a.status = 'archived' AND a.views > 5000
UNION
SELECT a.id, a.title, 'no summary' AS reason
FROM articles a JOIN article_tags x ON x.article_id = a.id WHERE a.status = 'published' AND a.summary IS NULL;

-- question: Which topic tags have been added automatically with a high relevance to an article of the news section?
SELECT t.id, t.name
FROM tags t
WHERE t.kind = 'topic'
  AND (SELECT COUNT(*)
       FROM article_tags x
       JOIN articles a ON a.id = x.article_id
       WHERE x.tag_id = t.id AND x.added_by IS NULL AND x.relevance > 0.5 AND a.section = 'News') > 0
ORDER BY t.name;

-- question: Which are the three most viewed articles under each format tag?
SELECT name, title, views, place
FROM (
    SELECT t.name, t.kind, a.title, a.views, a.id,
           ROW_NUMBER() OVER (PARTITION BY t.id ORDER BY a.views DESC, a.id) AS place
    FROM articles a
    JOIN article_tags x ON x.article_id = a.id
    JOIN tags t ON t.id = x.tag_id
) ranked
WHERE place <= 3
  AND kind = 'format'
ORDER BY name, place;

-- question: Which tags are used together on at least five articles?
SELECT t1.name AS one, t2.name AS other, COUNT(DISTINCT x1.article_id) AS articles
FROM article_tags x1
JOIN article_tags x2 ON x2.article_id = x1.article_id
JOIN tags t1 ON t1.id = x1.tag_id
JOIN tags t2 ON t2.id = x2.tag_id
JOIN articles a ON a.id = x1.article_id
WHERE t1.id < t2.id
GROUP BY t1.name, t2.name
HAVING COUNT(DISTINCT x1.article_id) >= 5
ORDER BY articles DESC, one, other;

-- question: At which place does each author stand by total views, and how many articles are behind it?
WITH authors AS (
    SELECT author_id, SUM(views) AS views, COUNT(*) AS articles
    FROM articles
    GROUP BY author_id
)
SELECT a.author_id, a.views, a.articles,
       (SELECT COUNT(*) FROM authors b WHERE b.views > a.views) + 1 AS place,
       a.views * 100.0 / (SELECT SUM(views) FROM authors) AS percent_of_views
FROM authors a
ORDER BY place, a.author_id;

-- question: How many tags does an average published article have in each section with long articles?
SELECT final.section, final.average_tags, final.average_words
FROM (
    SELECT counted.section, AVG(counted.tags) AS average_tags, AVG(counted.word_count) AS average_words
    FROM (
        SELECT a.id, a.section, a.status, a.word_count, COUNT(x.tag_id) AS tags
        FROM articles a
        LEFT JOIN article_tags x ON x.article_id = a.id
        GROUP BY a.id, a.section, a.status, a.word_count
        ORDER BY a.section
    ) counted
    WHERE counted.status = 'published'
    GROUP BY counted.section
) final
WHERE final.average_words > 1000
ORDER BY final.section;

-- question: How many articles and views does each top-level tag collect over the tags below it?
SELECT p.name, COUNT(DISTINCT a.id) AS articles, SUM(a.views) AS views, MAX(a.published_at) AS latest
FROM tags p
JOIN tags t ON t.parent_id = p.id
JOIN article_tags x ON x.tag_id = t.id
JOIN articles a ON a.id = x.article_id
LEFT JOIN articles same_author ON same_author.id = a.id AND same_author.author_id = a.author_id
WHERE a.status IN ('published', 'archived')
GROUP BY p.name
ORDER BY views DESC, p.name;

-- question: Which articles are tagged with data, climate and health all at once?
SELECT a.id, a.title, a.views
FROM articles a
WHERE EXISTS (SELECT 1 FROM article_tags x JOIN tags t ON t.id = x.tag_id WHERE x.article_id = a.id AND t.name = 'data')
  AND EXISTS (SELECT 1 FROM article_tags x JOIN tags t ON t.id = x.tag_id WHERE x.article_id = a.id AND t.name = 'climate')
  AND EXISTS (SELECT 1 FROM article_tags x JOIN tags t ON t.id = x.tag_id WHERE x.article_id = a.id AND t.name = 'health')
ORDER BY a.views DESC, a.id;

-- question: How many well-read articles are there per tag kind and section?
SELECT t.kind, a.section, COUNT(*) AS uses, COUNT(DISTINCT a.id) AS articles, AVG(x.relevance) AS relevance
FROM tags t
LEFT JOIN article_tags x ON x.tag_id = t.id
LEFT JOIN articles a ON a.id = x.article_id
LEFT JOIN tags parent ON parent.id = t.parent_id
GROUP BY t.kind, a.section, a.status
HAVING a.status = 'published' AND a.section <> 'Opinion'
ORDER BY t.kind, a.section;

-- question: For every sports article, what had the same author published before it?
SELECT a.id, a.author_id, a.title,
       (SELECT b.title FROM articles b
        WHERE b.author_id = a.author_id AND b.published_at < a.published_at
        ORDER BY b.published_at DESC, b.id DESC
        LIMIT 1) AS previous_title,
       (SELECT COUNT(*) FROM articles b
        WHERE b.author_id = a.author_id AND b.published_at < a.published_at) AS published_before
FROM articles a
WHERE a.section = 'Sports'
  AND a.published_at IS NOT NULL
ORDER BY a.id;

-- question: For each section, how many articles are published, drafted and archived, and who is its busiest author?
SELECT s.section, p.articles AS published, d.articles AS drafted, r.articles AS archived,
       (SELECT a.author_id FROM articles a WHERE a.section = s.section
        GROUP BY a.author_id ORDER BY COUNT(*) DESC, a.author_id LIMIT 1) AS busiest_author
FROM (SELECT DISTINCT section FROM articles) s
LEFT JOIN (SELECT section, COUNT(*) AS articles FROM articles WHERE status = 'published' GROUP BY section) p ON p.section = s.section
LEFT JOIN (SELECT section, COUNT(*) AS articles FROM articles WHERE status = 'draft' GROUP BY section) d ON d.section = s.section
LEFT JOIN (SELECT section, COUNT(*) AS articles FROM articles WHERE status = 'archived' GROUP BY section) r ON r.section = s.section
ORDER BY s.section;

-- question: Which articles are most like each other within a section, by the number of tags they share?
SELECT a.id AS article, b.id AS other, COUNT(*) AS shared_tags
FROM articles a
JOIN article_tags x ON x.article_id = a.id
JOIN article_tags y ON y.tag_id = x.tag_id AND y.article_id <> x.article_id
JOIN articles b ON b.id = y.article_id
WHERE a.section = b.section
  AND a.views > 50000
  AND b.views > 50000
GROUP BY a.id, b.id
HAVING COUNT(*) >= 2
ORDER BY shared_tags DESC, article, other
LIMIT 100;
