"""Which database: the URL of `GATEWAY_DATABASE_URL` checked, made absolute and masked; nothing is opened here."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from ..errors import Problem

if TYPE_CHECKING:
    from .environment import Environment

VARIABLE = "GATEWAY_DATABASE_URL"
DEFAULT_URL = "sqlite:///gateway.db"
OFF = "off"
FOLDER = "litellm-gateway"
_POSTGRES = ("postgresql", "postgres", "postgresql+psycopg")
_WANTED = "must be sqlite:///file.db, postgresql://user:password@host/name, or off"


@dataclass(frozen=True)
class Database:
    """One database. ``url`` may hold a password and stays out of `repr`; ``masked`` may be shown anywhere.

    ``path`` is the absolute SQLite file, None for PostgreSQL. ``stated`` tells an operator's choice from the default.
    """

    kind: Literal["sqlite", "postgresql"]
    url: str = field(repr=False)
    masked: str
    path: Path | None = None
    stated: bool = True


def parse_database_url(text: str, folder: Path, stated: bool = True) -> Database | None:
    """Return the database of ``text``, None for `off`; relative SQLite paths are inside ``folder``.

    Raises ValueError, without repeating the text, where it is no URL that the gateway can use.
    """
    text = text.strip()
    if text.lower() == OFF:
        return None
    scheme, separator, rest = text.partition("://")
    scheme = scheme.lower()
    if separator and scheme == "sqlite":
        path = _sqlite_path(rest, folder)
        url = f"sqlite:///{path.as_posix()}"
        return Database("sqlite", url, url, path, stated)
    if separator and scheme in _POSTGRES:
        return Database("postgresql", f"postgresql://{rest}", _masked(rest), None, stated)
    raise ValueError(_WANTED)


def find_database(env: "Environment", platform: str = sys.platform) -> tuple[Database | None, tuple[Problem, ...]]:
    """Return the database that ``env`` names, the default one where it names none, and what is wrong with the name."""
    secret = env.secret(VARIABLE)
    if secret.problem:
        return None, (secret.problem,)
    try:
        folder = state_folder(env.values, platform)
        return parse_database_url(secret.value or DEFAULT_URL, folder, stated=bool(secret.value)), ()
    except ValueError as error:
        return None, (Problem(f"{VARIABLE} {error}", secret.where, f"{VARIABLE}={DEFAULT_URL}"),)


def _sqlite_path(rest: str, folder: Path) -> Path:
    name = rest.removeprefix("/")
    if not rest.startswith("/") or not name or name == ":memory:" or "?" in name or not name.isprintable():
        raise ValueError("must name a file: sqlite:///gateway.db or sqlite:////var/lib/gateway.db")
    absolute = PurePosixPath(name).is_absolute() or PureWindowsPath(name).is_absolute()
    return Path(name) if absolute else folder / name


def _masked(rest: str) -> str:
    """Return a PostgreSQL URL without password and query, either of which may hold a secret."""
    try:
        parts = urlsplit(f"postgresql://{rest}")
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        raise ValueError(_WANTED) from None
    host = parts.hostname or ""
    if not parts.path.strip("/") or not rest.isprintable() or " " in rest:
        raise ValueError("must name a database: postgresql://user:password@host/name")
    password = ":***" if parts.password else ""
    user = f"{parts.username}{password}@" if parts.username else ""
    shown = f"[{host}]" if ":" in host else host
    return f"postgresql://{user}{shown}{port}{parts.path}"


def state_folder(environ: Mapping[str, str], platform: str = sys.platform) -> Path:
    """Return where the platform keeps a program's state, with our own folder in it; nothing is created."""
    if platform == "win32":
        return Path(environ.get("LOCALAPPDATA") or _home(environ) / "AppData" / "Local") / FOLDER
    if platform == "darwin":
        return _home(environ) / "Library" / "Application Support" / FOLDER
    stated = environ.get("XDG_STATE_HOME", "")
    # The XDG specification says that a relative path is to be ignored.
    return (Path(stated) if os.path.isabs(stated) else _home(environ) / ".local" / "state") / FOLDER


def _home(environ: Mapping[str, str]) -> Path:
    own = environ.get("HOME") or environ.get("USERPROFILE")
    return Path(own) if own else Path.home()
