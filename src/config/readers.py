"""Readers of single values: text becomes a number, a URL, a list, or BadValue says what would be accepted."""

import difflib
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from .database import parse_database_url
from .zones import known_zone

TRUE, FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off")
_ORIGIN = re.compile(r"\*|[a-z][a-z0-9+.-]*://[!-~]+", re.ASCII)
_ROUTE = re.compile(r"/[!-~]*", re.ASCII)


class BadValue(ValueError):
    """A value that cannot be read; the message says what would be accepted, ``code`` which kind of fault it is."""

    def __init__(self, message: str, code: str = "GW102") -> None:
        super().__init__(message)
        self.code = code


def to_int(text: str, low: int, high: int | None = None) -> int:
    """Return ``text`` as a whole number within bounds or raise BadValue."""
    wanted = f"a whole number of at least {low}" if high is None else f"a whole number from {low} to {high}"
    try:
        number = int(text) if _plain(text) else None
    except ValueError:
        number = None
    if number is None or number < low or (high is not None and number > high):
        raise BadValue(f"must be {wanted}")
    return number


def _plain(text: str) -> bool:
    """Tell whether ``text`` writes a number as everybody does: Python also reads `1_000` and other scripts' digits."""
    return text.isascii() and "_" not in text


def to_seconds(text: str) -> float:
    """Return ``text`` as a number of seconds above 0, up to one day, or raise BadValue."""
    try:
        seconds = float(text) if _plain(text) else 0.0
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 86_400:
        raise BadValue("must be a number of seconds above 0, at most 86400")
    return seconds


def to_bool(text: str) -> bool:
    """Return ``text`` as yes or no or raise BadValue."""
    word = text.strip().lower()
    if word not in TRUE + FALSE:
        raise BadValue("must be one of " + ", ".join(TRUE + FALSE))
    return word in TRUE


def to_list(text: str) -> tuple[str, ...]:
    """Return the comma-separated words of ``text`` without empty ones."""
    return tuple(word for part in text.split(",") if (word := part.strip()))


def to_url(text: str) -> str:
    """Return an http(s) base without a trailing slash, or raise BadValue."""
    text = text.strip()
    try:
        parts = urlsplit(text)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid or not text.isprintable() or " " in text:
        raise BadValue("must be a URL such as https://api.example.com/v1")
    if parts.username is not None or parts.password is not None or "?" in text or "#" in text:
        raise BadValue("must be a URL without user, password, query or fragment; a key has its own variable",
                       "GW410")
    return text.rstrip("/")


def to_choice(*choices: str, code: str = "GW102") -> Callable[[str], str]:
    """Return a reader that accepts exactly ``choices``, in any case; ``code`` is that of any other word."""
    def read(text: str) -> str:
        word = text.strip().lower()
        if word not in choices:
            near = difflib.get_close_matches(word, choices, n=1, cutoff=0.7)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise BadValue(f"must be one of {', '.join(choices)}{hint}", code)
        return word
    return read


def to_label(text: str) -> str:
    """Return a short name that logs and metrics may show, or raise BadValue."""
    if not text.isprintable() or len(text) > 64:
        raise BadValue("must be at most 64 characters, none of them a control character")
    return text


def to_origins(text: str) -> tuple[str, ...]:
    """Return browser origins, or raise BadValue."""
    words = to_list(text)
    if not all(_ORIGIN.fullmatch(word) and "/" not in word.partition("://")[2].rstrip("/") for word in words):
        raise BadValue("must be origins such as https://app.example.com, separated by commas, or *")
    return words


def to_routes(text: str) -> tuple[str, ...]:
    """Return route patterns, or raise BadValue."""
    words = to_list(text)
    if not all(_ROUTE.fullmatch(word) for word in words):
        raise BadValue("must be paths such as /v1/files or /v1/files/*, separated by commas")
    return words


def to_zones(text: str) -> tuple[str, ...]:
    """Return `provider=Zone/Name` words, or raise BadValue."""
    words = to_list(text)
    if not all(provider and known_zone(zone) for provider, _, zone in (word.partition("=") for word in words)):
        raise BadValue("must be providers with time zones, such as gemini=America/Los_Angeles")
    return words


def to_port(text: str) -> int:
    """Return a TCP port, or raise BadValue."""
    return to_int(text, 1, 65_535)


def to_workers(text: str) -> int:
    """Return a number of processes, or raise BadValue."""
    return to_int(text, 1, 128)


def to_megabytes(text: str) -> int:
    """Return a size in MiB, or raise BadValue."""
    return to_int(text, 1, 4_096)


def to_whole(text: str) -> int:
    """Return a whole number up to a million, or raise BadValue."""
    return to_int(text, 0, 1_000_000)


def to_characters(text: str) -> int:
    """Return a number of characters, or raise BadValue."""
    return to_int(text, 0, 65_536)


def to_host(text: str) -> str:
    """Return a host name or address without brackets, or raise BadValue."""
    if not text.isprintable() or any(c.isspace() or c in "/@?#" for c in text):
        raise BadValue("must be a host name or an address such as 127.0.0.1 or 0.0.0.0")
    host = text.strip("[]")
    if host.count(":") == 1 or "]" in host:
        raise BadValue("must be a host name or an address without a port, which PORT holds")
    return host


def to_database_url(text: str) -> str:
    """Return a database URL or `off`, or raise BadValue."""
    try:
        parse_database_url(text, Path())
    except ValueError as error:
        raise BadValue(str(error), "GW506") from None
    return text.strip()
