"""Pseudo-random numbers that depend on nothing but a row, a purpose and a seed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def create_noise(connection: DuckDBPyConnection, seed: str) -> None:
    """Define the macro ``noise(id, k)``: a row's number for the purpose ``k``, in [0, 1].

    MD5 gives the same numbers in every DuckDB version, which its random() and hash() do not promise.
    """
    connection.execute(
        "CREATE TEMP MACRO noise(id, k) AS md5_number_lower("
        f"concat_ws('-', id, k, '{seed}')) / CAST(18446744073709551616 AS DOUBLE)"
    )
