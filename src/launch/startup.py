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


def ready_line(url: str, alias: str | None, secret: Secret, as_json: bool, certificate: str | None = None) -> str:
    """Return the line for when the proxy answers: a command to paste that names where the key is, never the key.

    ``alias`` is a chat model; without one the command lists the models. ``certificate`` is the file of an https server.
    """
    path = "/v1/chat/completions" if alias else "/v1/models"
    command = f"curl {_quoted(url + path)} -H \"Authorization: Bearer {_bearer(secret)}\""
    if alias:
        body = json.dumps({"model": alias, "messages": [{"role": "user", "content": "Hello"}]})
        command += f" -H 'Content-Type: application/json' -d {_quoted(body)}"
    if certificate:
        command += f" --cacert {_quoted(certificate)}"
    text = f"ready: {url} answers; try it:"
    if as_json:
        return event_line("ready", text, {"url": url, "command": command}, as_json=True)
    return f"{text}\n  {printable(command)}"


def _bearer(secret: Secret) -> str:
    """Return what a shell replaces by the key: a variable, or a command that reads the key file or the line."""
    name = secret.variable or secret.name
    if secret.file:
        return f"$(tr -d '[:space:]' < {_quoted(secret.file)})"
    path, _, number = secret.where.rpartition(" line ")
    if path and number.isdigit():
        # Quotes, a comment behind the value and the CR of Windows go; a byte order mark may come first.
        return _extracted(f"^[^A-Za-z_#]*\\(export[[:blank:]]*\\)\\{{0,1\\}}{name}[[:blank:]]*=[[:blank:]]*", path)
    path, _, literal = secret.where.rpartition(" general_settings.")
    if path and literal == "master_key":
        return _extracted("^[^#]*master_key:[[:blank:]]*", path, "[:space:]},")
    return f"${name}"


def _extracted(prefix: str, path: str, ends: str = "[:space:]") -> str:
    return f"$(sed -n 's/{prefix}//p' {_quoted(path)} | tr -d '\\042\\047\\015' | sed 's/[{ends}].*//')"


def _quoted(path: str) -> str:
    import shlex
    return shlex.quote(path)
