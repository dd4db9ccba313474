"""The one import of LiteLLM's proxy, in the parent, before any worker is forked."""

import functools
import gc
import importlib
import importlib.abc
import importlib.util
import os
import sys
import threading
import typing
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from ..config.database import OFF, VARIABLE
from . import environment, quick_routes

PROXY_SERVER = "litellm.proxy.proxy_server"
# Tried and failing again on every request (LiteLLM 1.106, 8-9 % of a request's samples): module -> what it lacks.
_FAILING_IMPORTS = {"litellm.integrations.otel.logger": "opentelemetry.sdk", "prisma": "prisma"}
# Imported for a route that is closed here, and never looked at otherwise; it brings numpy: 0.07 s, 12 MB.
_LATE = ("soundfile",)
# Everything a worker needs at its first request anyway, loaded once here.
_HTTP = "uvicorn.protocols.http.httptools_impl"
_PRELOADED = (_HTTP, "uvicorn.lifespan.on", "uvloop", "httpx", "..hooks.install", ".server")
_WITH_DATABASE = ("..hooks.registry_refresh", "..hooks.ledger")
_AUTH = "litellm.proxy.auth.auth_utils"


@dataclass(frozen=True)
class Proxy:
    """LiteLLM's imported proxy, and what its import did with the environment."""

    module: Any
    read_names: frozenset[str] = frozenset()
    set_names: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def app(self) -> Any:
        """Return the ASGI application."""
        return self.module.app

    @property
    def master_key(self) -> str | None:
        """Return the key that LiteLLM booted with; None before the boot."""
        key: str | None = self.module.master_key
        return key


def load(environ: Mapping[str, str]) -> Proxy:
    """Import LiteLLM under ``environ``, without garbage collection, and give the old environment back.

    The collector finds nothing to free during an import, and walking the growing heap costs 0.4 of the CPU time
    (LiteLLM 1.106 on Python 3.11: 5.1 s with, 3.1 s without). Frozen objects are never written by a collection, so
    that forked workers share their pages.
    """
    gc.disable()
    before = environment.start_environment()
    during = {**environ, "OPENBLAS_NUM_THREADS": "1"}  # else numpy starts a thread, and forking is unsafe
    environment.replace(during)
    try:
        quick_routes.prepare()
        with environment.recorded() as names, imported_late(*_LATE), compiled_once(typing):
            module = importlib.import_module(PROXY_SERVER)
        for name in (*_PRELOADED, *(_WITH_DATABASE if environ.get(VARIABLE, OFF) != OFF else ())):
            importlib.import_module(name, __package__)
        proxy = Proxy(module, frozenset(names), environment.changed_since(during))
    finally:
        environment.replace(before)
    fail_fast(_FAILING_IMPORTS)
    # It warns at every boot about budgets in LiteLLM's own database, which a gateway never has (auth_utils.py, 1.106).
    auth: Any = importlib.import_module(_AUTH)
    auth._custom_auth_common_checks_warning_emitted = True
    gc.freeze()
    gc.enable()
    return proxy


def fail_fast(imports: Mapping[str, str]) -> None:
    """Let imports that cannot succeed fail at once, by None in ``sys.modules``: module -> the package it lacks."""
    for module, needed in imports.items():
        if module not in sys.modules and not _installed(needed):
            sys.modules[module] = None  # type: ignore[assignment]  # the documented way to forbid an import


@contextmanager
def compiled_once(module: Any) -> Iterator[None]:
    """Within this block ``module`` compiles equal texts once: `typing` meets 7,300 quoted annotations of 1,900 kinds.

    Code never changes, so that it can be shared; 0.09 s.
    """
    module.compile = functools.cache(compile)
    try:
        yield
    finally:
        del module.compile  # the builtin again


@contextmanager
def imported_late(*modules: str) -> Iterator[None]:
    """Within this block the first import of each module succeeds at once; it loads when something of it is used."""
    finder = _Late(set(modules))
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


class _Late(importlib.abc.MetaPathFinder):
    def __init__(self, names: set[str]) -> None:
        self._names = names

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name not in self._names:
            return None
        self._names.discard(name)  # or the search below would end here again
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            spec.loader = importlib.util.LazyLoader(spec.loader)
        return spec


def threads() -> int:
    """Return how many threads this process runs, native ones too where the system tells."""
    try:
        return len(os.listdir("/proc/self/task"))
    except FileNotFoundError:
        return threading.active_count()


def _installed(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:  # its parent package is missing
        return False
