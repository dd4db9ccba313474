"""Reads limits, client keys and usual lengths of answers from the store again, every TTL and when keys were revoked."""

import asyncio
import logging
import os
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

import orjson

from ..config.database import Database
from ..policy.client_keys import ClientKey, of_documents, to_documents
from ..policy.limits import Limit, limits_of
from ..store.client_keys import read_keys, usual_outputs
from ..store.counters import Counters
from ..store.engine import Store, open_store
from ..store.failures import StoreError
from ..store.limits import Limits
from .background import pause
from .limits import Gate

_COMPLAIN_EVERY_S, _PRUNE_EVERY_S = 60.0, 600.0
_log = logging.getLogger("gateway.limits")


class Follower:
    """Follows one database for one worker. ``ttl`` in seconds.

    ``cache`` is where the last good keys are kept for workers that start while the database is away.
    """

    def __init__(self, gate: Gate, database: Database, ttl: float, cache: Path | None = None) -> None:
        self._gate, self._database, self._ttl, self._cache = gate, database, ttl, cache
        self._cached: tuple[ClientKey, ...] | None = None
        self._store: Store | None = None
        self._complained = -_COMPLAIN_EVERY_S
        self._pruned = time.monotonic()
        self._reading = asyncio.Lock()

    def load(self) -> None:
        """Read everything; a store that fails leaves what was read last."""
        try:
            limits, keys, revision = self._rows()
            self._gate.set_limits(limits)
            self._gate.usual = self._usual()
            self._prune()
        except StoreError as error:
            self._complain(error.problems[0].what)
            self._recall()
            return
        except (ValueError, TypeError, KeyError) as error:
            self._complain(f"the rows of limits and keys cannot be understood: {type(error).__name__}")
            return
        self._gate.keys.take(keys)
        self._gate.revision = revision
        self._keep(keys)

    def _keep(self, keys: tuple[ClientKey, ...]) -> None:
        if self._cache is None or keys == self._cached:
            return
        own = self._cache.with_name(f"{self._cache.name}.{os.getpid()}")
        try:
            own.write_bytes(orjson.dumps(to_documents(keys)))
            own.chmod(0o600)
            own.replace(self._cache)
        except OSError as error:
            self._complain(f"client keys cannot be kept for a new worker: {error.strerror}")
        self._cached = keys

    def _recall(self) -> None:
        """Take the keys that another worker kept, where this one has never read any."""
        if self._cache is None or self._cached is not None:
            return
        try:
            self._cached = of_documents(orjson.loads(self._cache.read_bytes()))
        except (OSError, ValueError, TypeError):
            return  # nobody has read any yet, which has been complained of
        self._gate.keys.take(self._cached)

    def _rows(self) -> tuple[tuple[Limit, ...], tuple[ClientKey, ...], int]:
        if self._store is None:
            self._store = open_store(self._database)
        # The revision first: keys that are revoked while they are read are then read again.
        counters = Counters(self._store)
        revision = counters.revision()
        counters.close()
        with self._store.reading() as connection:
            rows = Limits().read(connection)
            return limits_of(row.values() for row in rows), read_keys(connection), revision

    def _usual(self) -> dict[str, int]:
        if not self._gate.sized or self._store is None:
            return {}
        with self._store.reading() as connection:
            return usual_outputs(connection, self._gate.sized, datetime.now(timezone.utc) - timedelta(days=1))

    def _prune(self) -> None:
        if time.monotonic() - self._pruned >= _PRUNE_EVERY_S:
            self._pruned = time.monotonic()
            self._gate.counting.post(lambda counters: counters.prune(time.time()))

    async def again(self) -> None:
        """Read once more, in a thread; many at the same time read once after the other."""
        async with self._reading:
            await asyncio.to_thread(self.load)

    async def run(self) -> None:
        """Read again and again."""
        try:
            while True:
                await pause(self._ttl)
                await self.again()
        finally:
            if self._store is not None:
                self._store.close()

    def _complain(self, what: str) -> None:
        now = time.monotonic()
        if now - self._complained >= _COMPLAIN_EVERY_S:
            self._complained = now
            _log.warning("%s; limits and client keys stay as they were read last", what)
