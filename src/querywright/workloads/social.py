"""Social network: posts, some sharing others, and comments with their replies, with twenty questions about them.

A few authors and posts draw most of the comments; comments of deleted accounts have no author.
"""

from __future__ import annotations

from querywright.workloads._domain import ENGINES as ENGINES
from querywright.workloads._domain import PARAMETERS as PARAMETERS
from querywright.workloads._domain import QUERY_NAMES as QUERY_NAMES
from querywright.workloads._domain import Domain, GeneratedTable

GENERATOR = 1

_TOPICS = "['travel', 'food', 'music', 'sports', 'politics', 'science', 'gaming', 'fashion', 'pets', 'finance']"
_OPENINGS = (
    "['Just tried', 'Can''t stop thinking about', 'Has anyone seen', 'Throwback to', 'So happy with', 'Unpopular opinion:']"
)
_SUBJECTS = "['the new place downtown', 'my morning run', 'this playlist', 'the match', 'our trip to Lisbon', 'that documentary']"
_ENDINGS = "['', '!', ' #love', ' #fail', ' - thoughts?', ' ... wow']"
_REPLIES = "['So true', 'Nice one', 'I disagree', 'Where is this?', 'Congrats', 'Source?', 'Follow me for more', 'Click my link']"

_AUTHOR = "reference(noise({id}, '{purpose}'), CAST({{comments}} / 20 AS INTEGER))"

_POSTS = GeneratedTable(
    "posts",
    0.25,
    (
        ("id", "INTEGER PRIMARY KEY", "id"),
        ("author_id", "INTEGER NOT NULL", _AUTHOR.format(id="id", purpose="author")),
        ("topic", "VARCHAR", f"CASE WHEN noise(id, 'off topic') >= 0.15 THEN pick_skewed({_TOPICS}, noise(id, 'topic')) END"),
        (
            "body",
            "VARCHAR NOT NULL",
            f"pick({_OPENINGS}, noise(id, 'opening')) || ' ' || pick({_SUBJECTS}, noise(id, 'subject')) "
            f"|| pick_skewed({_ENDINGS}, noise(id, 'ending'))",
        ),
        ("visibility", "VARCHAR NOT NULL", "pick_skewed(['public', 'friends', 'private'], noise(id, 'visibility'))"),
        (
            "shared_post_id",
            "INTEGER REFERENCES posts (id)",
            "CASE WHEN id > 10 AND noise(id, 'shares') < 0.15 THEN reference(noise(id, 'shared'), id - 1) END",
        ),
        ("likes", "INTEGER NOT NULL", "zipf(noise(id, 'likes'), 5000) - 1"),
        ("created_at", "TIMESTAMP NOT NULL", "moment((id - noise(id, 'time')) / {posts})"),
        (
            "edited_at",
            "TIMESTAMP",
            "CASE WHEN noise(id, 'edited') < 0.1 "
            "THEN created_at + to_minutes(CAST(1 + floor(3000 * noise(id, 'edit')) AS BIGINT)) END",
        ),
    ),
)

_COMMENTS = GeneratedTable(
    "comments",
    1.0,
    (
        ("id", "INTEGER PRIMARY KEY", "id"),
        ("post_id", "INTEGER NOT NULL REFERENCES posts (id)", "post"),
        (
            "parent_id",
            "INTEGER REFERENCES comments (id)",
            "CASE WHEN noise(id, 'replies') < 0.4 THEN lag(id) OVER (PARTITION BY post ORDER BY id) END",
        ),
        (
            "author_id",
            "INTEGER",
            f"CASE WHEN noise(id, 'deleted') >= 0.06 THEN {_AUTHOR.format(id='id', purpose='commenter')} END",
        ),
        (
            "body",
            "VARCHAR NOT NULL",
            f"pick_skewed({_REPLIES}, noise(id, 'reply')) || pick_skewed({_ENDINGS}, noise(id, 'reply ending'))",
        ),
        ("likes", "INTEGER NOT NULL", "zipf(noise(id, 'comment likes'), 300) - 1"),
        ("is_flagged", "INTEGER NOT NULL", "CAST(noise(id, 'flag') < 0.05 AS INTEGER)"),
        (
            "language",
            "VARCHAR",
            "CASE WHEN noise(id, 'detected') < 0.9 THEN pick_skewed(['en', 'es', 'de', 'pt', 'hi'], noise(id, 'language')) END",
        ),
        ("created_at", "TIMESTAMP NOT NULL", "moment(1 - (1 - post / {posts}) * (1 - id / {comments}))"),
    ),
    source="(SELECT id, reference(noise(id, 'post'), {posts}) AS post FROM generate_series(1, {comments}) AS series(id)) "
    "AS series ORDER BY id",
)

_DOMAIN = Domain("social", (_POSTS, _COMMENTS))
tables, queries, questions, build = _DOMAIN.tables, _DOMAIN.queries, _DOMAIN.questions, _DOMAIN.build
