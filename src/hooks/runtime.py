"""What one worker knows: plan, keys, secrets to scrub, open requests. The only reader of os.environ in hooks."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from .client_keys import KeyRing
from .linelog import request_lines, text_line
from .planview import PlanView, read_plan
from .record import RequestBook, RequestRecord

PLAN_VARIABLE = "GATEWAY_PLAN_FILE"
MASTER_VARIABLE = "LITELLM_MASTER_KEY"
METRICS_VARIABLE = "GATEWAY_METRICS_KEY"
SHORTEST_SECRET = 6


@dataclass(frozen=True, slots=True)
class Runtime:
    """One generation's settings as this worker sees them; ``book``, ``sinks`` and ``keys`` are what changes."""

    plan: PlanView
    master_key: str | None = field(repr=False)
    metrics_key: str | None = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)
    book: RequestBook
    sinks: list[Callable[[RequestRecord], None]]
    keys: KeyRing = field(default_factory=KeyRing, repr=False)

    @property
    def config(self) -> str:
        """The configuration's hash, 12 hex digits."""
        return self.plan.config

    @property
    def open_requests(self) -> dict[str, RequestRecord]:
        """The open requests of this worker by id."""
        return self.book.open_requests


_current: Runtime | None = None


def load(environ: Mapping[str, str]) -> Runtime:
    """Read the plan that ``GATEWAY_PLAN_FILE`` names, make it this process's runtime and return it.

    Raises OSError or ValueError when the plan cannot be read: a worker must not serve without it.
    """
    global _current
    plan = read_plan(Path(environ[PLAN_VARIABLE]).read_text(encoding="utf-8"))
    sinks: list[Callable[[RequestRecord], None]] = [write_line]
    _current = Runtime(
        plan=plan,
        master_key=environ.get(MASTER_VARIABLE) or None,
        metrics_key=environ.get(METRICS_VARIABLE) or None,
        secrets=_secrets(plan, environ),
        book=RequestBook(sinks),
        sinks=sinks,
    )
    return _current


def current() -> Runtime:
    """Return this process's runtime; the first caller loads it from the process's own environment."""
    return _current if _current is not None else load(os.environ)


def _secrets(plan: PlanView, environ: Mapping[str, str]) -> tuple[str, ...]:
    names = {*plan.secret_names, MASTER_VARIABLE, METRICS_VARIABLE}
    values = {environ.get(name, "") for name in names}
    # Longest first, so that a key that contains another one is replaced whole.
    return tuple(sorted((v for v in values if len(v) >= SHORTEST_SECRET), key=lambda v: (-len(v), v)))


def write_line(record: RequestRecord) -> None:
    """Write the request line of ``record``: one JSON object, or text if so asked."""
    line = record.to_line()
    as_text = _current is not None and not _current.plan.settings.log_json
    request_lines().write(text_line(line).encode("utf-8", "replace") if as_text else orjson.dumps(line))


def metrics_folder() -> Path:
    """Make and return the folder that this generation's workers share for metrics, and tell prometheus-client of it."""
    folder = Path(os.environ[PLAN_VARIABLE]).parent / "metrics"
    folder.mkdir(mode=0o700, exist_ok=True)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
    return folder
