"""The ledger in a worker: takes every finished request, and in audit mode lets none upstream before it is recorded."""

import asyncio
import atexit
import hashlib
import logging
from collections.abc import Mapping
from pathlib import Path

from ..config.database import VARIABLE, Database, parse_database_url, state_folder
from ..store.journal import Journal
from ..store.ledger_prune import Keep
from ..store.ledger_rows import text
from .errors_out import Refusal
from .ledger_entry import CONTENT, HASH, row_of_record
from .ledger_store import LedgerStore
from .ledger_writer import Writer
from .planview import LedgerView
from .record import RequestRecord
from .runtime import PLAN_VARIABLE, Runtime
from .scrub import Scrubber

_MIB = 1 << 20
# Longer than any wait for a database that hangs; then the request is refused.
AUDIT_SECONDS = 15.0
_log = logging.getLogger("gateway.hooks")


class Ledger:
    """``before`` is asked before a request goes upstream, ``observe`` told when it has ended."""

    def __init__(self, writer: Writer, settings: LedgerView, scrubber: Scrubber) -> None:
        self._writer, self._settings, self._scrubber = writer, settings, scrubber

    def observe(self, record: RequestRecord) -> None:
        """Record a request that has ended."""
        self._writer.put(record)

    async def before(self, record: RequestRecord, body: bytes) -> None:
        """Note what the request is known by; in audit mode, raises Refusal (503) where it cannot be recorded."""
        record.extra[HASH] = hashlib.sha256(body).hexdigest()
        if self._settings.content:
            beginning = body[:4 * self._settings.content].decode("utf-8", "replace")
            record.extra[CONTENT] = text(self._scrubber.text(beginning), self._settings.content)
        if self._settings.mode == "audit":
            await self._admit(record)

    async def _admit(self, record: RequestRecord) -> None:
        loop = asyncio.get_running_loop()
        safe: asyncio.Future[bool] = loop.create_future()
        self._writer.put_now(row_of_record(record), lambda told: _tell(loop, safe, told))
        try:
            recorded = await asyncio.wait_for(safe, AUDIT_SECONDS)
        except TimeoutError:
            recorded = False
        if not recorded:
            raise Refusal(503, "The request cannot be recorded, and this gateway serves none that is not.",
                          "ledger_unavailable")

    @property
    def lost(self) -> int:
        """Return how many entries neither database nor file could take."""
        return self._writer.lost

    @property
    def waiting(self) -> int:
        """Return how many bytes wait for the database in this worker's files."""
        return self._writer.waiting

    def close(self) -> None:
        """Put everything where it is safe; for the end of the process."""
        self._writer.close()


def _tell(loop: asyncio.AbstractEventLoop, safe: "asyncio.Future[bool]", told: bool) -> None:
    """Called in another thread, perhaps twice, perhaps after the request or the loop has gone."""
    def settle() -> None:
        if not safe.done():
            safe.set_result(told)
    if not loop.is_closed():
        loop.call_soon_threadsafe(settle)


def start(now: Runtime, environ: Mapping[str, str], scrubber: Scrubber) -> Ledger | None:
    """Start this worker's ledger and let it see every record; None where it is off.

    It ends with the process, after the last request: what it holds then goes to the database or the spill file.
    """
    settings = now.plan.ledger
    url = environ.get(VARIABLE)
    database = parse_database_url(url, Path()) if url else None
    if database is None or settings.mode == "off":
        return None
    folder, limit = spill_folder(database, settings.spill_dir, environ), settings.spill_mb * _MIB
    store = LedgerStore(database, folder, limit, Keep(settings.days, settings.max_mb), settings.mode == "audit")
    writer = Writer(store, Journal(folder, limit))
    writer.start()
    ledger = Ledger(writer, settings, scrubber)
    atexit.register(ledger.close)
    now.sinks.append(ledger.observe)
    return ledger


def spill_folder(database: Database, stated: str | None, environ: Mapping[str, str]) -> Path:
    """Return where entries wait for ``database``: beside a SQLite file, else in the state folder, one per database.

    Without any home they wait in the runtime folder, which need not outlive the gateway.
    """
    if stated is None and database.path is not None:
        return database.path.with_name(database.path.name + ".spill")
    name = hashlib.sha256(database.masked.encode()).hexdigest()[:12]
    folder = Path(stated) if stated else state_folder(environ)
    return (folder or Path(environ[PLAN_VARIABLE]).parent.parent) / f"spill-{name}"
