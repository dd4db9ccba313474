"""Writes `.env` text that every reader of it understands alike: python-dotenv, docker-compose 1.29 and v2, a shell."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ..config.environment import parse_dotenv
from ..errors import GatewayError

_PLAIN = re.compile(r"[^\s'\"#$\\`]*")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


class Unwritable(ValueError):
    """A name or value that two readers of `.env` files would read differently; the message never shows the value."""


@dataclass(frozen=True)
class Line:
    """One line: a variable with its value, a variable to fill in (``value`` None: behind a `#`), or a comment."""

    name: str = ""
    value: str | None = None
    comment: str = ""
    secret: bool = False

    def text(self) -> str:
        """Return the line as the file has it; raises Unwritable."""
        if not self.name:
            return f"# {self.comment}" if self.comment else ""
        return f"#{self.name}=" if self.value is None else f"{self.name}={quoted(self.value)}"


def quoted(value: str) -> str:
    """Return ``value`` as it stands behind `NAME=`, in quotes where it needs them; raises Unwritable.

    docker-compose 1.29 reads an env_file with python-dotenv (compose/config/environment.py), which expands `${NAME}`
    inside quotes too; v2 also expands `$NAME`, save in single quotes, and keeps backslashes there as they are.
    """
    if not value.isprintable():
        raise Unwritable("holds line ends or control characters")
    if "${" in value:
        raise Unwritable("holds `${`, which is expanded wherever it stands")
    if _PLAIN.fullmatch(value):
        return value
    if "'" not in value and "\\\\" not in value and not value.endswith("\\"):
        return f"'{value}'"
    if not set('"$\\`') & set(value):
        return f'"{value}"'
    raise Unwritable("holds quotes together with `$`, backslashes or other quotes")


def is_name(text: str) -> bool:
    """Tell whether ``text`` can be the name of a variable in every shell."""
    return _NAME.fullmatch(text) is not None


def written(lines: Iterable[Line]) -> str:
    """Return the file's text, read back and compared: no reader may find another value in it than was meant.

    Raises Unwritable with the variable's name.
    """
    listed = list(lines)
    texts = []
    for line in listed:
        try:
            texts.append(line.text())
        except Unwritable as error:
            raise Unwritable(f"{line.name} {error}") from None
    text = "\n".join(texts) + "\n"
    _read_back(text, {line.name: line.value for line in listed if line.name and line.value is not None})
    return text


def _read_back(text: str, meant: Mapping[str, str]) -> None:
    parsed = parse_dotenv(text.encode())
    found = {name: value for name, (value, _) in parsed.values.items()}
    if parsed.problems or found != meant:
        names = sorted(name for name in {*found, *meant} if found.get(name) != meant.get(name))
        raise GatewayError(f"the text that was made reads differently: {', '.join(names) or 'a broken line'}", "",
                           "please report this; nothing was written")
