"""E-commerce: customers, some referred by others, and their orders, with twenty questions about them.

A few customers place most orders; some orders are placed by guests or as gifts, few have a coupon or a discount.
"""

from __future__ import annotations

from querywright.workloads._domain import ENGINES as ENGINES
from querywright.workloads._domain import PARAMETERS as PARAMETERS
from querywright.workloads._domain import QUERY_NAMES as QUERY_NAMES
from querywright.workloads._domain import Domain, GeneratedTable

GENERATOR = 1

_FIRST = (
    "['Ana', 'Ben', 'Chen', 'Dana', 'Emma', 'Farid', 'Grace', 'Hugo', 'Iris', 'Jonas', 'Kim', 'Lena', 'Mats', 'Nora', 'Omar']"
)
_LAST = "['Smith', 'Garcia', 'Müller', 'Tanaka', 'Rossi', 'O''Brien', 'Novak', 'Silva', 'Kowalski', 'Dubois', 'Khan', 'Berg']"
_COUNTRIES = "['US', 'Germany', 'UK', 'France', 'India', 'Brazil', 'Japan', 'Spain', 'Canada', 'Poland']"
_CATEGORIES = "['Electronics', 'Clothing', 'Books', 'Home', 'Sports', 'Toys', 'Beauty', 'Garden']"
_ADJECTIVES = "['Classic', 'Compact', 'Deluxe', 'Essential', 'Premium', 'Smart', 'Eco', 'Travel', 'Junior', 'Pro']"
_NOTES = "['Leave at the door', 'Gift wrap please', 'Call before delivery', 'Ring twice', 'Second attempt, urgent']"

_USERS = GeneratedTable(
    "users",
    0.1,
    (
        ("id", "INTEGER PRIMARY KEY", "id"),
        ("name", "VARCHAR NOT NULL", f"pick({_FIRST}, noise(id, 'first')) || ' ' || pick({_LAST}, noise(id, 'last'))"),
        (
            "email",
            "VARCHAR NOT NULL",
            "replace(replace(lower(name), ' ', '.'), '''', '') || id || '@' || "
            "pick_skewed(['gmail.com', 'outlook.com', 'example.org', 'company.co'], noise(id, 'domain'))",
        ),
        (
            "country",
            "VARCHAR",
            f"CASE WHEN noise(id, 'nowhere') >= 0.04 THEN pick_skewed({_COUNTRIES}, noise(id, 'country')) END",
        ),
        ("tier", "VARCHAR NOT NULL", "pick_skewed(['basic', 'plus', 'premium'], noise(id, 'tier'))"),
        (
            "referrer_id",
            "INTEGER REFERENCES users (id)",
            "CASE WHEN id > 10 AND noise(id, 'referred') < 0.3 THEN reference(noise(id, 'referrer'), id - 1) END",
        ),
        ("signed_up_on", "DATE NOT NULL", "CAST(moment(id / {users}) AS DATE)"),
        (
            "last_login_at",
            "TIMESTAMP",
            "CASE WHEN noise(id, 'silent') >= 0.12 THEN moment(1 - power(noise(id, 'login'), 2) * (1 - id / {users})) END",
        ),
    ),
)

_ORDERS = GeneratedTable(
    "orders",
    1.0,
    (
        ("id", "INTEGER PRIMARY KEY", "id"),
        (
            "user_id",
            "INTEGER REFERENCES users (id)",
            "CASE WHEN noise(id, 'guest') >= 0.03 THEN reference(noise(id, 'buyer'), {users}) END",
        ),
        (
            "gift_for_id",
            "INTEGER REFERENCES users (id)",
            "CASE WHEN noise(id, 'gift') < 0.05 THEN reference(noise(id, 'receiver'), {users}) END",
        ),
        (
            "status",
            "VARCHAR NOT NULL",
            "pick_skewed(['completed', 'shipped', 'pending', 'cancelled', 'returned'], noise(id, 'status'))",
        ),
        ("category", "VARCHAR NOT NULL", f"pick_skewed({_CATEGORIES}, noise(id, 'category'))"),
        (
            "product",
            "VARCHAR NOT NULL",
            f"pick_skewed({_ADJECTIVES}, noise(id, 'adjective')) || ' ' || category "
            "|| ' item ' || zipf(noise(id, 'product'), 40)",
        ),
        ("quantity", "INTEGER NOT NULL", "zipf(noise(id, 'quantity'), 6)"),
        ("amount", "DECIMAL(10, 2) NOT NULL", "quantity * (5 + 120 * power(noise(id, 'price'), 3))"),
        ("discount", "DECIMAL(10, 2)", "CASE WHEN noise(id, 'discounted') < 0.3 THEN amount * noise(id, 'discount') * 0.4 END"),
        (
            "coupon_code",
            "VARCHAR",
            "CASE WHEN noise(id, 'coupon') < 0.2 "
            "THEN pick_skewed(['WELCOME10', 'SUMMER', 'VIP25', 'FREESHIP', 'BLACKFRIDAY'], noise(id, 'code')) END",
        ),
        (
            "payment_method",
            "VARCHAR NOT NULL",
            "pick_skewed(['credit card', 'paypal', 'bank transfer', 'gift card'], noise(id, 'payment'))",
        ),
        ("notes", "VARCHAR", f"CASE WHEN noise(id, 'noted') < 0.15 THEN pick({_NOTES}, noise(id, 'note')) END"),
        ("ordered_at", "TIMESTAMP NOT NULL", "moment(power((id - noise(id, 'time')) / {orders}, 0.7))"),
        (
            "shipped_at",
            "TIMESTAMP",
            "CASE WHEN status NOT IN ('pending', 'cancelled') "
            "THEN ordered_at + to_hours(CAST(4 + floor(200 * power(noise(id, 'shipping'), 3)) AS INTEGER)) END",
        ),
    ),
)

_DOMAIN = Domain("ecommerce", (_USERS, _ORDERS))
tables, queries, questions, build = _DOMAIN.tables, _DOMAIN.queries, _DOMAIN.questions, _DOMAIN.build
