"""Finds plug-ins by scanning a package: the file name is the plug-in's name, and there is no list to edit.

Other distributions add plug-ins through an entry point group named like the package, such as ``querywright.transforms``.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from importlib.metadata import entry_points
from types import ModuleType


@cache
def plugins(package: str) -> dict[str, ModuleType]:
    """Modules of ``package`` that declare themselves plug-ins, by name, in alphabetical order.

    A module is a plug-in unless its name starts with an underscore or it is named ``protocol`` or ``driver``, the two
    names each plug-in package uses for what its plug-ins share.
    """
    parent = importlib.import_module(package)
    names = [module.name for module in pkgutil.iter_modules(parent.__path__)]
    found = {
        name: importlib.import_module(f"{package}.{name}")
        for name in names
        if not name.startswith("_") and name not in {"protocol", "driver", "session"}
    }
    for point in entry_points(group=package):
        found[point.name] = point.load()
    return dict(sorted(found.items()))
