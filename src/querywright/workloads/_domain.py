"""What the domain schemas share: their tables made row by row from seeded noise, their questions read from a file.

A domain is a module with its tables and, beside it, if it has any, a ``.sql`` file of the same name with questions, each with the
slow query of someone in a hurry. The macros its columns are written with:

- ``noise(id, k)``: a row's number for the purpose ``k``, evenly spread over [0, 1];
- ``zipf(u, n)``: from such a number, a rank from 1 to ``n``, where rank r is drawn about 1/r as often as rank 1;
- ``reference(u, n)``: an id from 1 to ``n`` drawn as skewed as that, without the frequent ids being the small ones;
- ``pick(options, u)`` and ``pick_skewed(options, u)``: one of a list, evenly or by Zipf's law with the first most frequent;
- ``moment(u)``: seconds from the start of 2022 (0) to the end of 2024 (1).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from querywright.sql.schema import Table
from querywright.workloads._questions import Question, read_questions
from querywright.workloads._seeded_noise import create_noise
from querywright.workloads.driver import build_once, instance
from querywright.workloads.protocol import Parameter, Parameters, Progress

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

ENGINES = ("duckdb", "sqlite")
PARAMETERS = {
    "rows": Parameter("100000", "about how many rows the largest table has, from 1000 to 1000000 and beyond", least=1000),
    "seed": Parameter("1", "seed of the data"),
    "keys": Parameter(
        "primary",
        "primary keys only, or indexes on all foreign keys and statistics as well",
        choices=("primary", "indexed"),
        engines=("sqlite",),
    ),
}
QUERY_NAMES = tuple(str(number) for number in range(1, 21))

_MACROS = """
CREATE TEMP MACRO zipf(u, n) AS least(n, CAST(floor(power(n + 1, u)) AS INTEGER));
CREATE TEMP MACRO reference(u, n) AS 1 + CAST((CAST(zipf(u, n) AS BIGINT) * 7919) % n AS INTEGER);
CREATE TEMP MACRO pick(options, u) AS options[least(len(options), 1 + CAST(floor(u * len(options)) AS INTEGER))];
CREATE TEMP MACRO pick_skewed(options, u) AS options[zipf(u, len(options))];
CREATE TEMP MACRO moment(u) AS TIMESTAMP '2022-01-01' + to_seconds(CAST(floor(u * 94694399) AS BIGINT));
"""

_REFERENCE = re.compile(r" REFERENCES \w+ \(\w+\)")


def define_macros(connection: DuckDBPyConnection, seed: str) -> None:
    """Define the macros that columns are written with."""
    create_noise(connection, seed)
    connection.execute(_MACROS)


@dataclass(frozen=True, slots=True)
class GeneratedTable:
    """A table: its rows as a share of the parameter ``rows``, its columns as name, declaration and expression.

    Expressions may use ``id``, counting from 1, columns before their own, and the numbers of rows in braces. ``source`` gives
    rows other than such ids; ``constraint`` is a further line of the table's definition.
    """

    name: str
    share: float
    columns: tuple[tuple[str, str, str], ...]
    source: str = ""
    constraint: str = ""

    @property
    def definition(self) -> str:
        """The CREATE TABLE statement."""
        lines = [f"{name} {declaration}" for name, declaration, _ in self.columns]
        return f"CREATE TABLE {self.name} ({', '.join([*lines, self.constraint] if self.constraint else lines)})"

    def insertion(self, sizes: Mapping[str, int]) -> str:
        """The statement that fills the table."""
        values = ", ".join(f"{expression} AS {name}" for name, _, expression in self.columns)
        source = self.source or f"generate_series(1, {{{self.name}}}) AS series(id)"
        return f"INSERT INTO {self.name} SELECT {values} FROM {source}".format(**sizes)


@dataclass(frozen=True)
class Domain:
    """A domain schema: a workload plug-in all but for its module."""

    name: str
    generated: tuple[GeneratedTable, ...]

    def tables(self, parameters: Parameters) -> tuple[Table, ...]:
        """All columns, keys and foreign keys as the tables define them."""
        from querywright.sql.ddl import schema_of

        return schema_of(";\n".join(table.definition for table in self.generated), "duckdb").tables

    def questions(self) -> Mapping[str, Question]:
        """The questions of the file beside the module, named by numbers; none where there is no such file."""
        path = Path(__file__).with_name(f"{self.name}.sql")
        return read_questions(path) if path.is_file() else {}

    def queries(self, engine: str) -> Mapping[str, str]:
        """A slow query for each question."""
        return {name: question.query(engine) for name, question in self.questions().items()}

    def build(self, path: Path, engine: str, parameters: Parameters, progress: Progress) -> None:
        """Compute the rows in DuckDB; the SQLite edition is a copy of the DuckDB one."""
        if engine == "duckdb":
            self._generate(path, parameters, progress)
            return
        from querywright.workloads._sqlite import copy_to_sqlite

        source = build_once(instance(self.name, {key: parameters[key] for key in ("rows", "seed")}), progress)
        copy_to_sqlite(source, path, self.tables(parameters), parameters["keys"] == "indexed", progress)

    def _generate(self, path: Path, parameters: Parameters, progress: Progress) -> None:
        import duckdb

        rows = float(parameters["rows"])
        sizes = {table.name: max(50, round(rows * table.share)) for table in self.generated}
        with duckdb.connect(str(path)) as connection:
            define_macros(connection, parameters["seed"])
            done = 0
            for table in self.generated:
                progress(f"Generating {table.name}", done / sum(sizes.values()))
                # DuckDB lets no row refer to one that the same statement inserts, so foreign keys are declared, not enforced.
                connection.execute(_REFERENCE.sub("", table.definition))
                connection.execute(table.insertion(sizes))
                done += sizes[table.name]
            connection.execute("CHECKPOINT")
        progress(f"Generated {self.name}", 1.0)
