"""Coverage looks away while packages of others are imported: watched, LiteLLM's import takes twice its time.

A folder of its own, to be first on the PYTHONPATH of a process; where no coverage is measured it does nothing.
"""

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

OWN = "litellm_gateway"  # the wheel installs it among the others


class Unmeasured(MetaPathFinder):
    """Finds what is installed, and has it run without the trace function."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Return the spec of an installed module; None for all others, and within an import that is not traced."""
        if sys.gettrace() is None or name.partition(".")[0] == OWN:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is None or spec.loader is None or "site-packages" not in (spec.origin or ""):
            return None
        run = spec.loader.exec_module

        def run_untraced(module: ModuleType) -> None:
            tracer: Any = sys.gettrace()
            sys.settrace(None)
            try:
                run(module)
            finally:
                sys.settrace(tracer)
                called()

        spec.loader.exec_module = run_untraced  # type: ignore[method-assign]
        return spec


def called() -> None:
    """Do nothing: with this call coverage takes its place again, and sees the returns of all that is running."""


if sys.gettrace() is not None:
    sys.meta_path.insert(0, Unmeasured())
