"""`models available`: what a running gateway lists, and how the last recorded request for each model ended."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from ..config.plan import Sources, build_plan, merged_settings
from ..errors import ConfigurationError, GatewayError, NotStarted, Problem
from .context import Invocation
from .sources import read_sources

if TYPE_CHECKING:
    from ..discovery.gateway import Listed
    from ..discovery.target import Target
    from ..store.outcomes import Outcome

CONFIRMED, CONFIGURED = "listed", "configured, not confirmed"
_COLUMNS = ("id", "owner", "context_window", "last", "state")
Row = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """What the gateway said, or why it said nothing."""

    models: "tuple[Listed, ...]" = ()
    failure: NotStarted | None = None


@click.command()
@click.option("--url", metavar="URL", help="The gateway to ask; LITELLM_BASE_URL, else the one declared here.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def available(ctx: click.Context, url: str | None, as_json: bool) -> None:
    """Ask a running gateway which models it serves; nothing is sent to a model.

    The last outcome comes from the ledger, where this command can read it. Exit code 3 where the gateway cannot be
    asked; then the declared aliases are shown, which nobody has confirmed.
    """
    assert isinstance(ctx.obj, Invocation)
    sources = known_sources(read_sources(ctx.obj, ctx.meta["root"]))
    target = checked_target(sources, url)
    _show(sources, target, _ask(target), as_json)


def _show(sources: Sources, target: "Target", answer: Answer, as_json: bool) -> None:
    """Print what the gateway said, or what is declared here and the reason why it said nothing."""
    from ..discovery.target import configured
    declared = {model.id: model for model in configured(build_plan(sources))}
    outcomes = _outcomes(sources)
    state = CONFIRMED if answer.failure is None else CONFIGURED
    models = declared.values() if answer.failure else answer.models
    rows = [_row(model, declared, outcomes, state) for model in models]
    click.echo(_document(target, answer, rows, outcomes) if as_json else _table(rows, outcomes))
    if answer.failure is not None:
        raise answer.failure


def known_sources(sources: Sources) -> Sources:
    """Return ``sources`` with the registry's rows; where these cannot be read, a note says so and they are left out."""
    from .database import with_registry
    try:
        return with_registry(sources, launching=False)
    except GatewayError as error:
        click.echo(f"note: without the registry: {error.problems[0].what}", err=True)
        return sources


def checked_target(sources: Sources, url: str | None = None, further: tuple[Problem, ...] = ()) -> "Target":
    """Return the gateway to ask; raises ConfigurationError with everything that is wrong, ``further`` included."""
    from ..discovery.target import find_target
    settings, problems = merged_settings(sources)
    target, wrong = find_target(settings, sources.env, url)
    if found := (*sources.env.dotenv.problems, *problems, *wrong, *further):
        raise ConfigurationError(found)
    return target


def _ask(target: "Target") -> Answer:
    from ..discovery.gateway import Away, ask_once
    try:
        return Answer(asyncio.run(ask_once(client_of(target, str(target.key.value)))))
    except Away as away:
        return Answer(failure=NotStarted(f"the gateway at {target.url} cannot be asked: {away.reason}",
                                         target.where, away.repair))


def client_of(target: "Target", key: Any) -> Any:
    """Return the client of a gateway; raises ConfigurationError where its certificate or its URL cannot be used."""
    from ..discovery.gateway import make_client
    try:
        return make_client(target.url, key, target.certificate)
    except OSError as error:
        what = f"the certificate {target.certificate} cannot be used: {error.strerror or type(error).__name__}"
        raise ConfigurationError([Problem(what, "GATEWAY_SSL_CERTFILE", "name a readable PEM file")]) from None
    except ValueError:
        raise ConfigurationError([Problem(f"{target.url} names no host that can be asked", target.where,
                                          "write the host as DNS knows it")]) from None


def _outcomes(sources: Sources) -> "Mapping[str, Outcome] | None":
    """Return the outcomes by name, None where there is no ledger to be read."""
    from .database import reading
    try:
        with reading(sources) as store:
            if store is None:
                return None
            from ..store.outcomes import last_outcomes
            return last_outcomes(store)
    except GatewayError as error:
        click.echo(f"note: no outcomes: {error.problems[0].what}", err=True)
        return None


def _row(model: "Listed", declared: "Mapping[str, Listed]", outcomes: "Mapping[str, Outcome] | None",
         state: str) -> Row:
    plan = declared.get(model.id)
    window, source = (plan.context_window, "plan") if plan else (None, None)
    if window is None:
        window, source = model.context_window, "gateway" if model.context_window else None
    last = (outcomes or {}).get(model.id)
    outcome = None if last is None else {"status": last.status, "error_type": last.error_type,
                                         "at": last.at.isoformat(timespec="seconds")}
    return {"id": model.id, "owner": model.owned_by, "created": model.created or None, "context_window": window,
            "context_window_from": source, "last": outcome, "state": state}


def _document(target: "Target", answer: Answer, rows: list[Row], outcomes: Any) -> str:
    failure = answer.failure
    return json.dumps({"url": target.url, "confirmed": failure is None,
                       "reason": failure.problems[0].what if failure else None,
                       "ledger": outcomes is not None, "models": rows}, indent=2)


def _table(rows: list[Row], outcomes: Any) -> str:
    from .nouns import table
    shown = [{**row, "last": _said(row["last"], outcomes is not None)} for row in rows]
    return table(_COLUMNS, shown) if shown else "no models"


def _said(last: Row | None, recorded: bool) -> str:
    if last is None:
        return "none recorded" if recorded else "unknown"
    status = "no answer" if last["status"] is None else str(last["status"])
    return f"{' '.join(filter(None, (status, last['error_type'])))} at {last['at']}"
