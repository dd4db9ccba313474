"""What the launcher tells the serving process: one JSON order, and inside it the document of one configuration."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ..errors import NotStarted

VERSION = 1
T = TypeVar("T")


class Malformed(ValueError):
    """The order or launch document does not have the agreed form."""


@dataclass(frozen=True)
class Document:
    """One configuration as the launcher planned it. ``environ`` may hold secrets, so it stays out of ``repr``."""

    hash: str
    yaml: str = field(repr=False)
    plan: Mapping[str, Any] = field(repr=False)
    environ: Mapping[str, str] = field(repr=False)
    unset: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def aliases(self) -> frozenset[str]:
        """Return the aliases that a booted worker must list; LiteLLM expands wildcards, so those are not among them."""
        names = [entry["alias"] for part in ("models", "chains") for entry in self.plan.get(part, ())]
        return frozenset(name for name in names if "*" not in name)

    @property
    def secret_names(self) -> tuple[str, ...]:
        """Return the variables whose values must not be shown anywhere."""
        return tuple(self.plan.get("secret_names", ()))


@dataclass(frozen=True)
class Order:
    """Everything the serving process needs; durations in seconds."""

    generation: Document
    runtime_dir: str
    host: str = "127.0.0.1"
    port: int = 4000
    scheme: str = "http"
    listener_fd: int | None = None
    workers: int = 1
    grace: float = 30.0
    reload_grace: float = 3600.0
    keepalive: float = 20.0
    boot_timeout: float = 60.0
    send_timeout: float = 300.0
    beat_timeout: float = 60.0
    ssl_certfile: str | None = None
    ssl_keyfile: str | None = None
    log_json: bool = False
    debug: bool = False
    watch: tuple[str, ...] = ()
    renderer: tuple[str, ...] = ()
    ready_line: str = ""

    @property
    def url(self) -> str:
        """Return the URL that clients use."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)
        host = f"[{host}]" if ":" in host else host
        return f"{self.scheme}://{host}:{self.port}"


def read_order(fd: int) -> Order:
    """Read and close ``fd``; raise ``NotStarted`` where it holds no order."""
    with os.fdopen(fd, encoding="utf-8") as file:
        text = file.read()
    try:
        return parse_order(text)
    except Malformed as error:
        repair = "start through `litellm-gateway`"
        raise NotStarted(f"the launch order cannot be read: {error}", repair=repair) from error


def parse_order(text: str) -> Order:
    """Return the order in ``text``; raise ``Malformed``."""
    data = _object(text)
    plain = {name: data[name] for name in Order.__dataclass_fields__ if name in data and name != "generation"}
    for name in ("watch", "renderer"):
        plain[name] = tuple(str(part) for part in plain.get(name, ()))
    if "runtime_dir" not in plain:
        raise Malformed("runtime_dir is missing")
    return Order(generation=_document(_take(data, "generation", dict)), **plain)


def parse_document(text: str) -> Document:
    """Return the launch document in ``text``; raise ``Malformed``."""
    return _document(_object(text))


def _object(text: str) -> dict[str, Any]:
    try:
        data = json.loads(text)
    except ValueError as error:
        raise Malformed(f"not JSON ({error.__class__.__name__})") from None  # the text may hold secrets
    if not isinstance(data, dict) or data.get("version") != VERSION:
        raise Malformed(f"not an object of version {VERSION}")
    return data


def _document(data: dict[str, Any]) -> Document:
    return Document(
        hash=_take(data, "hash", str),
        yaml=_take(data, "yaml", str),
        plan=_take(data, "plan", dict),
        environ={str(name): str(value) for name, value in _take(data, "env", dict).items()},
        unset=tuple(_take(data, "unset", list)),
        notes=tuple(data.get("notes", ())),
    )


def _take(data: Mapping[str, Any], name: str, kind: type[T]) -> T:
    value = data.get(name)
    if not isinstance(value, kind):
        raise Malformed(f"{name} is missing or not {kind.__name__}")
    return value
