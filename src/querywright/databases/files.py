"""Folders, globs and single files of Parquet or CSV as the tables of an in-memory DuckDB database."""

from __future__ import annotations

import glob
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from querywright.databases.names import literal
from querywright.engines.protocol import Location
from querywright.errors import DatabaseError
from querywright.sql.names import quoted

READERS = {
    ".parquet": "read_parquet",
    ".csv": "read_csv",
    ".tsv": "read_csv",
    ".csv.gz": "read_csv",
    ".tsv.gz": "read_csv",
    ".csv.zst": "read_csv",
}
_PARQUET_MAGIC = b"PAR1"


def is_data_file(path: Path) -> bool:
    """Whether the file's name ends like one of the formats that can be read as a table."""
    return _suffix(path) is not None


def locate_files(specification: str) -> Location:
    """An in-memory DuckDB with one view for each table among the files that ``specification`` names.

    A file is a table named by its stem, with underscores for dots; a folder inside the given folder is one table made of all
    files below it.
    Raises `DatabaseError` for no files, unreadable files, mixed formats, and two tables of one name.
    """
    if glob.has_magic(specification) and not Path(specification).exists():
        tables = _tables_of([Path(match) for match in sorted(_matches(specification))])
    elif Path(specification).is_dir():
        tables = _tables_of(sorted(_entries(Path(specification))))
    else:
        tables = _tables_of([Path(specification)])
    if not tables:
        raise DatabaseError(
            f"{specification} holds no Parquet or CSV files.",
            f"Files must end in {', '.join(READERS)}; a folder inside it counts as one table.",
        )
    views = tuple(_view(name, files) for name, files in sorted(tables.items()))
    readable = tuple(sorted({str(file) for files in tables.values() for file in files}))
    return Location(engine="duckdb", setup=views, readable=readable)


def _matches(pattern: str) -> list[str]:
    return glob.glob(pattern, recursive=True)  # noqa: PTH207 - Path.glob takes no absolute patterns


def _entries(folder: Path) -> Iterator[Path]:
    try:
        return iter([entry for entry in folder.iterdir() if not entry.name.startswith((".", "_"))])
    except PermissionError as error:
        raise DatabaseError(f"The folder {folder} cannot be read.", "Give yourself read permission on it.") from error


def _tables_of(entries: Sequence[Path]) -> Mapping[str, list[Path]]:
    sources: dict[str, list[Path]] = defaultdict(list)
    tables = {}
    for entry in entries:
        files = sorted(_files_below(entry)) if entry.is_dir() else [entry] if is_data_file(entry) else []
        if files:
            stem = entry.name if entry.is_dir() else entry.name.removesuffix(_suffix(entry) or "")
            name = stem.replace(".", "_")
            sources[name.lower()].append(entry)
            tables[name] = [_checked(file) for file in files]
    for name, clashing in sources.items():
        if len(clashing) > 1:
            raise DatabaseError(
                f"Two sources give a table {name}: {clashing[0]} and {clashing[1]}.",
                "Rename one of them, or name the files you want with a glob such as 'data/*.parquet'.",
            )
    return tables


def _files_below(folder: Path) -> Iterator[Path]:
    for entry in _entries(folder):
        if entry.is_dir():
            yield from _files_below(entry)
        elif is_data_file(entry):
            yield entry


def _checked(file: Path) -> Path:
    if not os.access(file, os.R_OK):
        raise DatabaseError(f"{file} cannot be read.", "Give yourself read permission on it.")
    size = file.stat().st_size
    if size == 0:
        raise DatabaseError(f"{file} is empty.", "Remove it or write it again.")
    if _suffix(file) == ".parquet":
        with file.open("rb") as stream:
            head = stream.read(len(_PARQUET_MAGIC))
            stream.seek(max(0, size - len(_PARQUET_MAGIC)))
            tail = stream.read()
        if not head == tail == _PARQUET_MAGIC:
            raise DatabaseError(f"{file} is not a complete Parquet file.", "Write it again or remove it.")
    return file.resolve()


def _suffix(path: Path) -> str | None:
    name = path.name.lower()
    return next((path.name[-len(suffix) :] for suffix in READERS if name.endswith(suffix)), None)


def _view(name: str, files: Sequence[Path]) -> str:
    readers = {READERS[(_suffix(file) or "").lower()] for file in files}
    if len(readers) > 1:
        raise DatabaseError(f"The folder of table {name} mixes Parquet and CSV files.", "Keep one format in a folder.")
    paths = ", ".join(literal(str(file)) for file in files)
    return f"CREATE VIEW {quoted(name)} AS SELECT * FROM {readers.pop()}([{paths}])"
