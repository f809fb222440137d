"""The command line: ``querywright``, or ``qw`` for short."""

from __future__ import annotations

import gc
import sys

COLLECTION = (50_000, 20, 100)
"""Thresholds of the garbage collector: query trees are thousands of small objects, which the default scans all the time."""


def main() -> None:
    """Entry point; errors become one message and an exit code, never a traceback."""
    from querywright.errors import ChatRefused, InputError, QuerywrightError
    from querywright.serve.cli.application import application

    gc.set_threshold(*COLLECTION)
    try:
        application()
    except KeyboardInterrupt:
        print("Interrupted. What was completed is saved; repeat the command, with --resume where it has that.", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(0)
    except RecursionError:
        print("qw: The query is nested too deeply.\nWrite inner queries as WITH, long chains as lists.", file=sys.stderr)
        sys.exit(2)
    except QuerywrightError as error:
        print(f"qw: {error}", file=sys.stderr)
        sys.exit(2 if isinstance(error, InputError | ChatRefused) else 1)
