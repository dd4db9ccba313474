"""Reads the registry again in the background of a worker, so that changed rows take effect within the TTL."""

import asyncio
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..config.database import parse_database_url
from ..policy.registry import Snapshot
from ..store.checks import field_problems
from ..store.engine import Store, open_store
from ..store.failures import StoreError
from ..store.reading import worker_document
from ..store.registry import load_registry
from .background import pause
from .registry import LiveRegistry

_COMPLAIN_EVERY_S = 60.0
_log = logging.getLogger("gateway.registry")
# Who wants to know that a reload is due: the serving process puts its word to the parent here.
listeners: list[Callable[[str], None]] = []


class Refresher:
    """Follows one database for one worker. ``ttl`` in seconds."""

    def __init__(self, live: LiveRegistry, url: str, ttl: float) -> None:
        self._live, self._url, self._ttl = live, url, ttl
        self._store: Store | None = None
        self._rows: dict[str, Any] = {}
        self._complained = -_COMPLAIN_EVERY_S

    async def run(self) -> None:
        """Read again and again; a database that fails leaves the rows as they are."""
        try:
            while True:
                await self.refresh()
                await pause(self._ttl)
        finally:
            if self._store is not None:
                self._store.close()

    async def refresh(self) -> None:
        """Read once, in a thread; tell ``listeners`` where models, providers or chains differ from the plan's."""
        try:
            digest = await asyncio.to_thread(self._read)
        except StoreError as error:
            self._complain(error.problems[0].what)
            return
        except (ValueError, TypeError, KeyError) as error:
            self._complain(f"the registry's rows cannot be understood: {type(error).__name__}")
            return
        if digest != self._live.digest:
            for tell in listeners:
                tell(digest)

    def _read(self) -> str:
        """Take the rows over where they changed, and return the digest of those that only a reload can serve."""
        if self._store is None:
            database = parse_database_url(self._url, Path())
            assert database is not None
            self._store = open_store(database)
        registry = load_registry(self._store)
        for problem in field_problems(registry):  # rows may have been written by hand
            raise StoreError(f"{problem.what} ({problem.where})")
        rows = worker_document(registry)
        if rows != self._rows:
            self._live.take(Snapshot.of(rows))
            self._rows = rows
        return str(rows["digest"])

    def _complain(self, what: str) -> None:
        now = time.monotonic()
        if now - self._complained >= _COMPLAIN_EVERY_S:
            self._complained = now
            _log.warning("%s; the registry stays as it was read last", what)
