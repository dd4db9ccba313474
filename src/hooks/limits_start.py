"""Starts the limits of a worker; without a database SQLAlchemy is not imported, and limits hold per worker."""

import atexit
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ..config.database import OFF, VARIABLE, parse_database_url, state_folder
from ..config.runtime import CLIENT_KEYS
from . import limits
from .limits import Gate
from .limits_counting import Counting
from .runtime import PLAN_VARIABLE, Runtime

if TYPE_CHECKING:
    from .limits_refresh import Follower

_log = logging.getLogger("gateway.limits")


def start(now: Runtime, environ: Mapping[str, str]) -> tuple[Gate, "Follower | None"]:
    """Return the gate of this worker, and what keeps its rows and keys fresh."""
    url = environ.get(VARIABLE) or OFF
    database = None if url == OFF else parse_database_url(url, state_folder(environ) or Path())
    deny = now.plan.settings.store_down == "deny"
    if database is None:
        gate = Gate(now, Counting(None))
        _warn(gate)
        follower = None
    else:
        from ..store.counters import Counters
        from .limits_refresh import Follower
        gate = Gate(now, Counting(lambda: Counters.open(database), deny))
        plan = environ.get(PLAN_VARIABLE)
        cache = Path(plan).parent.parent / CLIENT_KEYS if plan else None
        follower = Follower(gate, database, now.plan.settings.config_ttl, cache)
        gate.reload = follower.again
        follower.load()
        gate.counting.start()
        # Not before the last request has been closed, which corrects what it reserved.
        atexit.register(gate.counting.close)
    now.sinks.append(gate.observe)
    limits.install(gate)
    return gate, follower


def _warn(gate: Gate) -> None:
    if gate.limits_calls:
        _log.warning("%s=off: limits hold for each worker alone, and begin anew with it", VARIABLE)
