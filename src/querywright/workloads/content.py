"""Content platform: articles and tags that many of them share, with twenty questions about them.

A few tags and authors are on most articles; drafts have no date of publication, and many articles no summary.
"""

from __future__ import annotations

from querywright.workloads._domain import ENGINES as ENGINES
from querywright.workloads._domain import PARAMETERS as PARAMETERS
from querywright.workloads._domain import QUERY_NAMES as QUERY_NAMES
from querywright.workloads._domain import Domain, GeneratedTable

GENERATOR = 1

_SECTIONS = "['News', 'Technology', 'Culture', 'Business', 'Science', 'Sports', 'Opinion', 'Travel']"
_VERBS = "['Understanding', 'Inside', 'Why', 'The future of', 'Ten facts about', 'Rethinking', 'A history of', 'Living with']"
_SUBJECTS = (
    "['remote work', 'city cycling', 'open data', 'the housing market', 'deep sea mining', 'street food', 'school reform']"
)
_TAG_STEMS = "['data', 'climate', 'health', 'money', 'music', 'film', 'space', 'school', 'food', 'law', 'energy', 'cities']"

_ARTICLES = GeneratedTable(
    "articles",
    0.25,
    (
        ("id", "INTEGER PRIMARY KEY", "id"),
        ("author_id", "INTEGER NOT NULL", "reference(noise(id, 'author'), CAST({articles} / 30 + 10 AS INTEGER))"),
        (
            "title",
            "VARCHAR NOT NULL",
            f"pick({_VERBS}, noise(id, 'verb')) || ' ' || pick_skewed({_SUBJECTS}, noise(id, 'subject')) "
            "|| CASE WHEN noise(id, 'part') < 0.2 THEN ', part ' || zipf(noise(id, 'number'), 5) ELSE '' END",
        ),
        ("section", "VARCHAR NOT NULL", f"pick_skewed({_SECTIONS}, noise(id, 'section'))"),
        ("status", "VARCHAR NOT NULL", "pick_skewed(['published', 'draft', 'archived'], noise(id, 'status'))"),
        ("summary", "VARCHAR", "CASE WHEN noise(id, 'summarized') < 0.6 THEN 'In short: ' || lower(title) || '.' END"),
        ("word_count", "INTEGER NOT NULL", "CAST(150 + floor(4000 * power(noise(id, 'words'), 2)) AS INTEGER)"),
        ("views", "INTEGER NOT NULL", "CASE WHEN status = 'draft' THEN 0 ELSE zipf(noise(id, 'views'), 100000) END"),
        (
            "published_at",
            "TIMESTAMP",
            "CASE WHEN status <> 'draft' THEN moment((id - noise(id, 'time')) / {articles}) END",
        ),
        ("updated_at", "TIMESTAMP NOT NULL", "moment(1 - noise(id, 'update') * (1 - (id - 1) / {articles}))"),
    ),
)

_TAGS = GeneratedTable(
    "tags",
    0.002,
    (
        ("id", "INTEGER PRIMARY KEY", "id"),
        ("name", "VARCHAR NOT NULL", f"pick({_TAG_STEMS}, (id - 1) % 12 / 12.0) || CASE WHEN id > 12 THEN '-' || id ELSE '' END"),
        ("kind", "VARCHAR NOT NULL", "pick(['topic', 'region', 'format', 'campaign'], noise(id, 'kind'))"),
        (
            "parent_id",
            "INTEGER REFERENCES tags (id)",
            "CASE WHEN id > 12 AND noise(id, 'nested') < 0.8 THEN 1 + CAST((id - 1) % 12 AS INTEGER) END",
        ),
    ),
)

_ARTICLE_TAGS = GeneratedTable(
    "article_tags",
    1.0,
    (
        ("article_id", "INTEGER NOT NULL REFERENCES articles (id)", "article"),
        ("tag_id", "INTEGER NOT NULL REFERENCES tags (id)", "tag"),
        (
            "added_by",
            "INTEGER",
            "CASE WHEN noise(article || '-' || tag, 'automatic') >= 0.3 THEN reference(noise(article, 'editor'), 25) END",
        ),
        (
            "relevance",
            "DOUBLE",
            "CASE WHEN noise(article || '-' || tag, 'scored') < 0.8 THEN round(noise(article || '-' || tag, 'relevance'), 3) END",
        ),
    ),
    source="(SELECT DISTINCT 1 + CAST((id - 1) % {articles} AS INTEGER) AS article, zipf(noise(id, 'tag'), {tags}) AS tag "
    "FROM generate_series(1, {article_tags}) AS series(id)) AS series ORDER BY article, tag",
    constraint="PRIMARY KEY (article_id, tag_id)",
)

_DOMAIN = Domain("content", (_ARTICLES, _TAGS, _ARTICLE_TAGS))
tables, queries, questions, build = _DOMAIN.tables, _DOMAIN.queries, _DOMAIN.questions, _DOMAIN.build
