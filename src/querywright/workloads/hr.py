"""HR system: employees, each with a manager among them, with twenty questions about them.

Most people have about eight reports or none; some have left, some have no rating or bonus, a few have no manager.
"""

from __future__ import annotations

from querywright.workloads._domain import ENGINES as ENGINES
from querywright.workloads._domain import PARAMETERS as PARAMETERS
from querywright.workloads._domain import QUERY_NAMES as QUERY_NAMES
from querywright.workloads._domain import Domain, GeneratedTable

GENERATOR = 1

_FIRST = "['Alice', 'Bob', 'Carla', 'David', 'Elif', 'Frank', 'Gita', 'Hans', 'Ivana', 'Jorge', 'Keiko', 'Liam', 'Mona', 'Nils']"
_LAST = "['Adams', 'Baker', 'Costa', 'Diaz', 'Evans', 'Fischer', 'Gupta', 'Hansen', 'Ito', 'Jensen', 'Kaya', 'Lopez', 'McKay']"
_DEPARTMENTS = (
    "['Engineering', 'Sales', 'Support', 'Operations', 'Marketing', 'Finance', 'Legal', 'People', 'Security', 'Research']"
)
_LOCATIONS = "['New York', 'London', 'Berlin', 'Bangalore', 'Singapore', 'Remote', 'São Paulo', 'Toronto']"

_EMPLOYEES = GeneratedTable(
    "employees",
    1.0,
    (
        ("id", "INTEGER PRIMARY KEY", "id"),
        (
            "manager_id",
            "INTEGER REFERENCES employees (id)",
            "CASE WHEN id > 3 AND noise(id, 'external') >= 0.01 "
            "THEN CAST(1 + floor((id - 1) / (6 + 4 * noise(id, 'manager'))) AS INTEGER) END",
        ),
        ("first_name", "VARCHAR NOT NULL", f"pick({_FIRST}, noise(id, 'first'))"),
        ("last_name", "VARCHAR NOT NULL", f"pick({_LAST}, noise(id, 'last'))"),
        ("email", "VARCHAR NOT NULL", "lower(first_name || '.' || last_name) || id || '@corp.example'"),
        (
            "department",
            "VARCHAR",
            f"CASE WHEN noise(id, 'unassigned') >= 0.02 THEN pick_skewed({_DEPARTMENTS}, noise(id, 'department')) END",
        ),
        ("team_id", "INTEGER NOT NULL", "reference(noise(id, 'team'), CAST({employees} / 25 AS INTEGER))"),
        (
            "job_title",
            "VARCHAR NOT NULL",
            "pick_skewed(['Associate', 'Specialist', 'Senior Specialist', 'Lead', 'Manager', 'Director'], noise(id, 'title'))",
        ),
        ("location", "VARCHAR NOT NULL", f"pick_skewed({_LOCATIONS}, noise(id, 'location'))"),
        ("salary", "DECIMAL(10, 2) NOT NULL", "32000 + floor(90000 * power(noise(id, 'salary'), 2)) + 250000.0 / (id + 3)"),
        ("bonus", "DECIMAL(10, 2)", "CASE WHEN noise(id, 'rewarded') < 0.35 THEN floor(salary * 0.2 * noise(id, 'bonus')) END"),
        ("rating", "INTEGER", "CASE WHEN noise(id, 'rated') < 0.85 THEN 6 - zipf(noise(id, 'rating'), 5) END"),
        (
            "birth_date",
            "DATE",
            "CASE WHEN noise(id, 'birth known') < 0.95 "
            "THEN DATE '1960-01-01' + CAST(floor(15000 * noise(id, 'birth')) AS INTEGER) END",
        ),
        (
            "hired_on",
            "DATE NOT NULL",
            "DATE '2005-01-01' + CAST(floor(7300 * power(id / {employees} * noise(id, 'hired'), 0.5)) AS INTEGER)",
        ),
        (
            "left_on",
            "DATE",
            "CASE WHEN noise(id, 'leaver') < 0.2 THEN least(DATE '2024-12-31', "
            "hired_on + CAST(30 + floor(3000 * noise(id, 'stay')) AS INTEGER)) END",
        ),
    ),
)

_DOMAIN = Domain("hr", (_EMPLOYEES,))
tables, queries, questions, build = _DOMAIN.tables, _DOMAIN.queries, _DOMAIN.questions, _DOMAIN.build
