"""What an operator reads before LiteLLM says anything: version, hash, URL, and one aligned row per alias."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from ..config.environment import Secret
from ..config.lines import event_line, printable
from ..config.plan import LaunchPlan
from ..config.resolve import PlannedModel


@dataclass(frozen=True)
class Row:
    """One alias as the startup log shows it; never a character of a key."""

    alias: str
    upstream: str
    base: str
    key: str
    effort: str
    source: str


@dataclass(frozen=True)
class Start:
    """What the startup log says."""

    version: str
    litellm: str
    hash: str
    url: str
    workers: int
    database: str
    rows: Sequence[Row]
    notes: Sequence[str]


def rows_of(plan: LaunchPlan) -> list[Row]:
    """Return one row per model, then one per chain."""
    rows = [Row(model.alias, model.spec.upstream, model.base or f"{model.spec.provider}'s own",
                _key(model, plan.secrets), model.effort or "-", model.spec.source) for model in plan.models]
    for chain in plan.chains:
        walk = " -> ".join(plan.by_key(key).alias for key in chain.models)
        rows.append(Row(chain.alias, f"chain: {walk}", "-", "-", "-", chain.source))
    return rows


def _key(model: PlannedModel, secrets: Mapping[str, Secret]) -> str:
    if model.key_env is None:
        return "none needed"
    secret = secrets.get(model.key_env)
    return f"{model.key_env} ({'set' if secret and secret.value else 'not set'})"


def table(rows: Sequence[Row]) -> list[str]:
    """Return the rows as aligned lines below a heading."""
    cells = [("alias", "upstream", "base", "key", "effort", "declared in")]
    cells += [tuple(printable(value) for value in asdict(row).values()) for row in rows]  # type: ignore[misc]
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    return ["  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in cells]


def startup_lines(start: Start, as_json: bool) -> list[str]:
    """Return the startup log: lines of text, or one JSON object."""
    if as_json:
        fields = {**asdict(start), "rows": [asdict(row) for row in start.rows]}
        return [event_line("start", f"starting at {start.url}", fields, as_json=True)]
    workers = "1 worker" if start.workers == 1 else f"{start.workers} workers"
    return [f"litellm-gateway {start.version} (LiteLLM {start.litellm}), configuration {start.hash}",
            f"starting at {start.url}, {workers}, database: {start.database}",
            *table(start.rows), *(f"note: {printable(note)}" for note in start.notes)]


def ready_line(url: str, alias: str, secret: Secret, as_json: bool, key_file: str | None = None) -> str:
    """Return the line for when the proxy answers: a command to paste that names where the key is, never the key."""
    body = json.dumps({"model": alias, "messages": [{"role": "user", "content": "Hello"}]})
    command = (f"curl {url}/v1/chat/completions -H \"Authorization: Bearer {_bearer(secret, key_file)}\" "
               f"-H 'Content-Type: application/json' -d '{body}'".replace("\n", " "))
    text = f"ready: {url} answers; try it:"
    if as_json:
        return event_line("ready", text, {"url": url, "command": command}, as_json=True)
    return f"{text}\n  {printable(command)}"


def _bearer(secret: Secret, key_file: str | None) -> str:
    if key_file:
        return f"$(cat {_quoted(key_file)})"
    path, _, _ = secret.where.partition(" line ")
    if path != secret.where:
        pattern = f"s/^ *\\(export  *\\)\\{{0,1\\}}{secret.name} *= *//p"
        return f"$(sed -n '{pattern}' {_quoted(path)} | tr -d '\\042\\047\\r')"
    return f"${secret.name}"


def _quoted(path: str) -> str:
    import shlex
    return shlex.quote(path)
