"""Analytics: the events of a web site's visitors over time, with twenty questions about them.

Events come in sessions of about eight; some visitors are anonymous, few events bring revenue, and not all have a duration.
"""

from __future__ import annotations

from querywright.workloads._domain import ENGINES as ENGINES
from querywright.workloads._domain import PARAMETERS as PARAMETERS
from querywright.workloads._domain import QUERY_NAMES as QUERY_NAMES
from querywright.workloads._domain import Domain, GeneratedTable

GENERATOR = 1

_TYPES = "['page_view', 'click', 'search', 'add_to_cart', 'purchase', 'login', 'sign_up', 'error']"
_PAGES = "['/', '/products', '/products/detail', '/search', '/cart', '/checkout', '/blog', '/help', '/account', '/pricing']"
_REFERRERS = "['https://google.com/search', 'https://news.example.org/', 'https://t.co/abc', 'https://partner.example.com/deal']"
_COUNTRIES = "['US', 'DE', 'IN', 'GB', 'BR', 'FR', 'JP']"

_EVENTS = GeneratedTable(
    "events",
    1.0,
    (
        ("id", "BIGINT PRIMARY KEY", "id"),
        ("session_id", "VARCHAR NOT NULL", "'s' || session"),
        (
            "user_id",
            "INTEGER",
            "CASE WHEN noise(session, 'anonymous') >= 0.25 "
            "THEN reference(noise(session, 'visitor'), CAST({events} / 40 AS INTEGER)) END",
        ),
        ("event_type", "VARCHAR NOT NULL", f"pick_skewed({_TYPES}, noise(id, 'type'))"),
        ("page", "VARCHAR NOT NULL", f"pick_skewed({_PAGES}, noise(id, 'page'))"),
        (
            "referrer",
            "VARCHAR",
            f"CASE WHEN noise(session, 'linked') < 0.4 THEN pick_skewed({_REFERRERS}, noise(session, 'referrer')) END",
        ),
        ("device", "VARCHAR NOT NULL", "pick_skewed(['mobile', 'desktop', 'tablet'], noise(session, 'device'))"),
        ("browser", "VARCHAR NOT NULL", "pick_skewed(['Chrome', 'Safari', 'Firefox', 'Edge'], noise(session, 'browser'))"),
        (
            "country",
            "VARCHAR",
            f"CASE WHEN noise(session, 'located') < 0.92 THEN pick_skewed({_COUNTRIES}, noise(session, 'country')) END",
        ),
        ("duration_ms", "INTEGER", "CASE WHEN noise(id, 'measured') < 0.9 THEN zipf(noise(id, 'duration'), 60000) END"),
        ("revenue", "DECIMAL(10, 2)", "CASE WHEN event_type = 'purchase' THEN 3 + 300 * power(noise(id, 'revenue'), 4) END"),
        (
            "occurred_at",
            "TIMESTAMP NOT NULL",
            "moment(power((session + noise(session, 'start')) * 8 / ({events} + 16), 0.8)) "
            "+ to_seconds(CAST(id % 8 * 40 + floor(noise(id, 'pause') * 40) AS BIGINT))",
        ),
    ),
    source="(SELECT id, id // 8 AS session FROM generate_series(1, {events}) AS series(id)) AS series ORDER BY id",
)

_DOMAIN = Domain("analytics", (_EVENTS,))
tables, queries, questions, build = _DOMAIN.tables, _DOMAIN.queries, _DOMAIN.questions, _DOMAIN.build
