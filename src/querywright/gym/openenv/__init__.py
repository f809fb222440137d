"""The gym as an OpenEnv environment: models, environment, rubric, client, server and validation.

OpenEnv loads Gradio for a web page of its own, which takes seconds, and does without where Gradio is missing. That page shares
one episode among all visitors, so this environment serves another, and Gradio is hidden while OpenEnv is first loaded.
"""

from __future__ import annotations

import sys


def _load_without_gradio() -> None:
    if "gradio" in sys.modules or "openenv.core" in sys.modules:
        return
    sys.modules["gradio"] = None  # type: ignore[assignment]  # how Python is told that a module is not there
    try:
        import openenv.core  # noqa: F401
    finally:
        del sys.modules["gradio"]


_load_without_gradio()
