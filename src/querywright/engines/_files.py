"""The database file that a location names: there, readable, and of the right format; and the private folder for spills."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from querywright.engines.protocol import Limits
from querywright.errors import DatabaseError

MEMORY = ":memory:"


def existing_file(address: str, format_name: str, signature: bytes, offset: int = 0) -> Path:
    """The absolute path of a database file that holds ``signature`` at byte ``offset``.

    Raises `DatabaseError` where it is missing, a folder, unreadable, empty or of another format.
    """
    path = Path(address)
    try:
        with path.open("rb") as file:
            header = file.read(offset + len(signature))
    except FileNotFoundError as error:
        raise DatabaseError(f"{path}: there is no such file.", "Check the path given to --db.") from error
    except IsADirectoryError as error:
        raise DatabaseError(f"{path} is a folder, not a {format_name} file.", "Name the file inside it.") from error
    except PermissionError as error:
        raise DatabaseError(f"{path}: permission denied.", f"Make the file readable: chmod u+r '{path}'") from error
    except OSError as error:
        raise DatabaseError(f"{path} cannot be read: {error.strerror}.") from error
    if not header:
        raise DatabaseError(f"{path} is empty, not a {format_name} database.", "Check the path given to --db.")
    if header[offset:] != signature:
        raise DatabaseError(f"{path} is not a {format_name} database.", "Check that --db names the right file and format.")
    return path.resolve()


class SpillFolder:
    """Where an engine may write: the folder named by the limits, or a private one that `close` removes."""

    def __init__(self, limits: Limits) -> None:
        self._private = limits.spill_folder is None
        self.path = Path(limits.spill_folder or tempfile.mkdtemp(prefix="querywright-"))
        self.path.mkdir(parents=True, exist_ok=True)

    def close(self) -> None:
        """Remove the folder if it is private."""
        if self._private:
            shutil.rmtree(self.path, ignore_errors=True)
