"""A request's walk through its models, as LiteLLM's router makes it.

LiteLLM follows a list of fallbacks given with the request (``fallbacks``, taken as a whole and instead of
``router_settings.fallbacks``), and asks ``async_filter_deployments`` before each of them. Every step of a walk, retries
too, is one entry of that list; it is told apart by a mark in ``_excluded_deployment_ids``, a key of the router's own
that it removes before the call (router.py ``_maybe_run_weighted_failover``, 1.106).
"""

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..policy.chains import Failure, Kind, Step, Walk, decide
from .callback_errors import error_type, failure_of
from .planview import ModelView
from .record import Attempt, RequestRecord

WALK = "walk"
_MARK_KEY = "_excluded_deployment_ids"
_MARK = "gateway-step-"


@dataclass(slots=True)
class Progress:
    """Where a request is in its walk; ``stopped`` is the error that ended the walk before its end."""

    walk: Walk
    step: Step
    stopped: BaseException | None = None
    failure: Failure | None = None
    model: ModelView | None = None
    attempt: Attempt | None = None
    started_ns: int = 0
    broken: Kind | None = None

    def break_off(self, kind: Kind) -> None:
        """Note that the connection failed, which LiteLLM tells of streams as a plain error."""
        self.broken = kind

    def begin(self, step: Step) -> None:
        """Start an attempt; it counts once something goes upstream."""
        self.step, self.attempt, self.failure, self.broken = step, None, None, None

    def called(self, record: RequestRecord, deployment: str, model: str | None, provider: str | None) -> None:
        """Note that the upstream is being asked; bridged calls say so more than once, and count once."""
        if self.attempt is None:
            self.attempt = Attempt(deployment, model, provider)
            self.started_ns = time.perf_counter_ns()
            record.attempts.append(self.attempt)

    def failed(self, error: BaseException) -> Failure:
        """Note why the current attempt failed."""
        self.failure = failure_of(error)
        if self.broken is not None and self.failure.kind == "status":
            self.failure = Failure(self.broken, 408 if self.broken == "timeout" else None)
        if self.attempt is not None and self.attempt.error_type is None:
            self.attempt.error_type = error_type(self.failure)
            self.attempt.status = self.failure.status
            self._end()
        return self.failure

    def answered(self) -> None:
        """Note that the current attempt answered."""
        if self.attempt is not None and self.attempt.error_type is None:
            self.attempt.status = 200
            self._end()

    def _end(self) -> None:
        if self.attempt is not None:
            self.attempt.duration_ms = (time.perf_counter_ns() - self.started_ns) // 1_000_000


def start(record: RequestRecord, walk: Walk, data: dict[str, Any]) -> None:
    """Point the request at the walk's first model and tell LiteLLM the others."""
    record.extra[WALK] = Progress(walk, walk.steps[0])
    record.chain = walk.chain
    data["model"] = walk.steps[0].alias
    data["fallbacks"] = [{"model": step.alias, _MARK_KEY: [f"{_MARK}{index}"]}
                         for index, step in enumerate(walk.steps) if index]


def progress_of(record: RequestRecord | None) -> Progress | None:
    """Return where the request is, None when it never got to choose a model."""
    found = record.extra.get(WALK) if record is not None else None
    return found if isinstance(found, Progress) else None


def _index(kwargs: Mapping[str, Any]) -> int:
    marks = kwargs.get(_MARK_KEY) or ()
    return next((int(mark.removeprefix(_MARK)) for mark in marks if str(mark).startswith(_MARK)), 0)


def enter(progress: Progress, kwargs: Mapping[str, Any]) -> None:
    """Begin the step that LiteLLM is about to take, or raise the error that keeps it from being taken."""
    index = _index(kwargs)
    step = progress.walk.steps[index]
    if index:
        _check(progress, step)
    progress.begin(step)


def _check(progress: Progress, step: Step) -> None:
    if progress.stopped is not None:
        raise progress.stopped
    # LiteLLM awaits the walk inside the except block of the attempt that failed (router.py
    # async_function_with_fallbacks), so the error being handled is that attempt's.
    error = sys.exc_info()[1]
    if error is None:
        return
    verdict = decide(step, progress.step, progress.failed(error), progress.walk.on)
    if verdict == "stop":
        progress.stopped = error
    if verdict != "go":
        raise error
