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
    folder = state_folder(env.values, platform)
    try:
        if folder is None:
            return _without_home(secret.value or OFF), ()
        return parse_database_url(secret.value or DEFAULT_URL, folder, stated=bool(secret.value)), ()
    except ValueError as error:
        return None, (Problem(f"{VARIABLE} {error}", secret.where, f"{VARIABLE}={DEFAULT_URL}", "GW506"),)


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


def _without_home(text: str) -> Database | None:
    """Return the database where nobody's folder is known: one that says where it is, or none."""
    database = parse_database_url(text, Path())
    if database is not None and database.path is not None and not database.path.is_absolute():
        raise ValueError("must name an absolute file, sqlite:////var/lib/gateway.db: no home folder is known here")
    return database


def state_folder(environ: Mapping[str, str], platform: str = sys.platform) -> Path | None:
    """Return where the platform keeps a program's state, with our own folder in it; nothing is created.

    None where the environment names no home folder, as for some services.
    """
    home = environ.get("USERPROFILE" if platform == "win32" else "HOME", "")
    stated = environ.get({"win32": "LOCALAPPDATA", "darwin": ""}.get(platform, "XDG_STATE_HOME"), "")
    # The XDG specification says that a relative path is to be ignored.
    if stated and (platform == "win32" or os.path.isabs(stated)):
        return Path(stated) / FOLDER
    if not home:
        return None
    below = {"win32": ("AppData", "Local"), "darwin": ("Library", "Application Support")}
    return Path(home, *below.get(platform, (".local", "state")), FOLDER)
