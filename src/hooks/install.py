"""Puts the edge around LiteLLM's application, once in every worker."""

import logging
import sys
from collections.abc import Mapping
from pathlib import Path

from ..config.database import OFF, VARIABLE
from . import limits_start, metrics, quiet, runtime
from .background import Work, beside
from .guard import App, Before, Guard
from .guard_admit import Edge
from .linelog import request_lines
from .litellm_names import derived_fields
from .scrub import ScrubbedStream, Scrubber, record_factory
from .upstream_models import Catalog


def wrap(app: App, environ: Mapping[str, str]) -> App:
    """Return ``app`` inside the guard, with the plan that ``GATEWAY_PLAN_FILE`` in ``environ`` names.

    Call it in the worker, after the fork and before the server starts. Raises OSError or ValueError when the plan
    cannot be read.
    """
    edge = Edge.of(runtime.load(environ), derived_fields())
    quiet.install()
    hide_secrets(edge.scrubber)
    gate, follower = limits_start.start(edge.now, environ)
    catalog = _catalog(edge, environ)
    works = [one.run for one in (follower, catalog) if one is not None] + _registry(edge, environ.get(VARIABLE))
    return Guard(app, edge, metrics.app, beside(*works), _recording(edge, environ), gate, catalog)


def _catalog(edge: Edge, environ: Mapping[str, str]) -> Catalog | None:
    """Return what knows the models of wildcards, where any are declared."""
    if not edge.names.wildcards:
        return None
    plan = environ.get(runtime.PLAN_VARIABLE)
    return Catalog.of(edge.now.plan, environ, Path(plan).parent.parent if plan else None)


def _recording(edge: Edge, environ: Mapping[str, str]) -> Before | None:
    """Start the ledger and return what it wants to know beforehand."""
    if environ.get(VARIABLE, OFF) == OFF:
        return None
    from . import ledger
    started = ledger.start(edge.now, environ, edge.scrubber)
    metrics.follow(started)
    return None if started is None else started.before


def _registry(edge: Edge, url: str | None) -> list[Work]:
    """Return what keeps the registry fresh; without a database SQLAlchemy is not imported."""
    if not url or url == OFF:
        return []
    from .registry_refresh import Refresher
    return [Refresher(edge.registry, url, edge.now.plan.settings.config_ttl).run]


def hide_secrets(scrubber: Scrubber) -> None:
    """From now on, no log record and nothing printed in this process carries a known secret."""
    # Request lines have names of providers in them, some of which serve as keys: "ollama".
    request_lines().mask = scrubber.answer
    logging.setLogRecordFactory(record_factory(scrubber, logging.getLogRecordFactory()))
    sys.stdout = ScrubbedStream(sys.stdout, scrubber)
    sys.stderr = ScrubbedStream(sys.stderr, scrubber)
