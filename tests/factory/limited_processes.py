"""The command line in a process of its own where no file may grow beyond a limit, as on a full disk."""

from __future__ import annotations

import os
import subprocess
import sys

_LIMITED = """
import resource, sys
from querywright.serve.cli import main
limit = int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
sys.argv = ["qw", *sys.argv[2:]]
main()
"""


def limited(size: int, *words: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """``qw`` with these words where no file may become larger than ``size``."""
    command = [sys.executable, "-c", _LIMITED, *map(str, (size, *words))]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environment})
