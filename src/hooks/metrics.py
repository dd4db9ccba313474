"""Prometheus metrics of this gateway, right for any number of workers; nothing happens without prometheus-client.

Every worker of a generation writes into one folder beside the generation's plan, so counters of workers that died stay
and a scrape of any worker tells all. Label values are declared names, never what a client chose.
"""

import logging
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol

from ..policy.params import ARRIVES_AS
from .limits import MET, installed
from .planview import PlanView
from .record import RequestRecord
from .runtime import current, metrics_folder

OTHER = "other"
SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600)
# Parameters that may be label values; any other name that a client invents is `other`.
PARAMETERS = frozenset(ARRIVES_AS) | frozenset("""
    temperature top_p top_k min_p frequency_penalty presence_penalty repetition_penalty logit_bias user verbosity store
    metadata service_tier parallel_tool_calls tools prediction web_search_options dimensions encoding_format voice speed
    size quality style background include previous_response_id truncation safety_identifier prompt_cache_key
    stream_options api_base api_key base_url headers extra_headers fallbacks num_retries timeout organization
""".split())
_log = logging.getLogger("gateway.hooks")


class Metrics:
    """The series; made once per worker, after the folder is known to prometheus-client."""

    def __init__(self, folder: Path, plan: PlanView) -> None:
        from prometheus_client import Counter, Gauge, Histogram, values

        # Chosen from the environment at import (prometheus-client 0.26), and LiteLLM imports it long before a worker
        # knows its folder.
        storage: Any = values
        storage.ValueClass = storage.MultiProcessValue()
        self.folder = folder
        self._names = plan.names()
        # Names under a wildcard are made up by clients: it has one series, under its declared names.
        self._wild = {model.deployment: model for model in plan.models if model.wildcard}
        self.requests = Counter("gateway_requests", "Client requests", ["alias", "model", "status"])
        self.seconds = Histogram("gateway_request_seconds", "Time to the end of the answer", ["alias"], buckets=SECONDS)
        self.first_byte = Histogram("gateway_ttft_seconds", "Time to the first byte", ["alias"], buckets=SECONDS)
        self.tokens = Counter("gateway_tokens", "Tokens as upstreams count them", ["alias", "model", "kind"])
        self.cost = Counter("gateway_cost_micro_dollars", "Cost of priced requests", ["alias", "model"])
        self.unpriced = Counter("gateway_unpriced_requests", "Answered requests of unknown cost", ["alias", "model"])
        self.attempts = Counter("gateway_upstream_attempts", "Calls of upstreams", ["deployment", "outcome"])
        self.dropped = Counter("gateway_dropped_params", "Parameters that went no further", ["alias", "parameter"])
        self.fallbacks = Counter("gateway_fallbacks", "Requests that a later model answered", ["alias", "answered"])
        self.limits = Counter("gateway_limits", "Requests that met a limit of the gateway", ["alias", "limit"])
        self.unchecked = Counter("gateway_limits_unchecked", "Checks of limits that were made without the database")
        self._unchecked = self._lost = 0
        self.lost = Counter("gateway_ledger_lost", "Ledger entries that neither database nor file could take")
        self.waiting = Gauge("gateway_ledger_waiting_bytes", "Ledger entries in files, on their way to the database",
                             multiprocess_mode="livesum")
        info = Gauge("gateway_config_info", "The configuration's hash", ["hash"], multiprocess_mode="max")
        info.labels(plan.config).set(1)
        reloads = Gauge("gateway_reloads", "Reloads since the launch", multiprocess_mode="max")
        reloads.set(_reloads(folder))

    def observe(self, record: RequestRecord) -> None:
        """Count one finished request."""
        alias = self._names.declared(record.alias) or OTHER
        wild = self._wild.get(record.deployment or "")
        model = (record.model if wild is None else wild.model) or OTHER
        self.requests.labels(alias, model, record.status or OTHER).inc()
        if record.ended_ns is not None:
            self.seconds.labels(alias).observe((record.ended_ns - record.started_ns) / 1e9)
        if record.first_byte_ns is not None:
            self.first_byte.labels(alias).observe((record.first_byte_ns - record.started_ns) / 1e9)
        self._usage(record, alias, model)
        for attempt in record.attempts:
            self.attempts.labels(attempt.deployment, attempt.error_type or "ok").inc()
        for name in record.dropped:
            self.dropped.labels(alias, name if name in PARAMETERS else OTHER).inc()
        for name in record.extra.get(MET, ()):
            self.limits.labels(alias, name).inc()
        if record.error_type is None and (record.chain_position or 1) > 1:
            self.fallbacks.labels(alias, (record.answered if wild is None else wild.alias) or OTHER).inc()
        self._count_unchecked()
        self.look_at_the_ledger()

    def look_at_the_ledger(self) -> None:
        """Take over what the ledger has counted, and what waits in its files."""
        if _ledger is None:
            return
        lost = _ledger.lost
        if lost > self._lost:
            self.lost.inc(lost - self._lost)
        self._lost = lost
        self.waiting.set(_ledger.waiting)

    def _count_unchecked(self) -> None:
        gate = installed()
        now = gate.counting.unchecked if gate is not None else 0
        if now > self._unchecked:
            self.unchecked.inc(now - self._unchecked)
        self._unchecked = now

    def _usage(self, record: RequestRecord, alias: str, model: str) -> None:
        kinds = {"prompt": record.prompt_tokens, "completion": record.completion_tokens,
                 "reasoning": record.reasoning_tokens, "cached": record.cached_tokens}
        for kind, tokens in kinds.items():
            if tokens:
                self.tokens.labels(alias, model, kind).inc(tokens)
        if record.cost_micros:
            self.cost.labels(alias, model).inc(record.cost_micros)
        if record.cost_state == "unknown" and record.error_type is None and record.deployment is not None:
            self.unpriced.labels(alias, model).inc()


class Counted(Protocol):
    """What the ledger tells of itself: entries lost, bytes that wait in files."""

    @property
    def lost(self) -> int: ...  # noqa: D102,E704

    @property
    def waiting(self) -> int: ...  # noqa: D102,E704


_metrics: Metrics | None = None
_ledger: Counted | None = None


def follow(ledger: Counted | None) -> None:
    """From now on, tell of this ledger of the worker."""
    global _ledger
    _ledger = ledger


def _reloads(folder: Path) -> int:
    """Return how many generations came before the one whose private folder (``gen-N``) holds ``folder``."""
    number = re.fullmatch(r"gen-(\d+)", folder.parent.name)
    return max(0, int(number[1]) - 1) if number else 0


def start() -> Metrics | None:
    """Make this worker's metrics; None without prometheus-client."""
    global _metrics
    if _metrics is None:
        folder = metrics_folder()
        try:
            _metrics = Metrics(folder, current().plan)
        except ModuleNotFoundError as error:
            _log.info("no metrics: %s is not installed", error.name)
    return _metrics


def observe(record: RequestRecord) -> None:
    """Count one finished request; a sink of the request book."""
    if _metrics is not None:
        _metrics.observe(record)


def render() -> tuple[bytes, str] | None:
    """Return all workers' metrics as text and its content type; None without prometheus-client."""
    metrics = start()
    if metrics is None:
        return None
    from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
    from prometheus_client.multiprocess import MultiProcessCollector

    metrics.look_at_the_ledger()
    registry = CollectorRegistry()
    collector: Any = MultiProcessCollector
    collector(registry, path=str(metrics.folder))
    return generate_latest(registry), CONTENT_TYPE_LATEST


async def app(scope: object, receive: object, send: Callable[[dict[str, Any]], Awaitable[None]]) -> None:
    """Answer /metrics as an ASGI application; who may read it was decided before."""
    text, content_type = render() or (b"prometheus-client is not installed\n", "text/plain; charset=utf-8")
    status = 200 if _metrics is not None else 404
    headers = [(b"content-type", content_type.encode()), (b"content-length", str(len(text)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text, "more_body": False})
