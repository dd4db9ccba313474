"""Process environment and `.env` as one mapping in which every value remembers where it came from."""

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from ..errors import Problem

ReadFile = Callable[[str], bytes]
# Bytes of a key file that are read at most.
SECRET_FILE_LIMIT = 64 * 1024
_ALONE = "that holds the key and nothing else"


@dataclass(frozen=True)
class DotEnv:
    """What a `.env` file says: name -> (value, line number), and what is wrong with it."""

    path: str = ".env"
    values: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    def where(self, name: str) -> str:
        """Return `.env line 3` for a name of this file."""
        return f"{self.path} line {self.values[name][1]}"


def parse_dotenv(data: bytes, path: str = ".env", environ: Mapping[str, str] | None = None) -> DotEnv:
    """Read a `.env` file with python-dotenv's grammar; CRLF, quotes and a byte order mark are all fine.

    ``environ`` serves `${NAME}` references. Lines that cannot be read and names given twice are problems; an empty
    value is none, so that a line may be added behind the empty one of an example.
    """
    from dotenv.parser import parse_stream
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[:error.start].count(b"\n") + 1
        return DotEnv(path, {}, (Problem("the file is not UTF-8 text", f"{path} line {line}", "save it as UTF-8",
                                         "GW110"),))
    values: dict[str, tuple[str, int]] = {}
    problems: list[Problem] = []
    for binding in parse_stream(io.StringIO(text, newline=None)):
        start = binding.original.line + _blank_lines(binding.original.string)
        if binding.error or "\0" in binding.original.string or "=" in (binding.key or ""):
            problems.append(Problem("this line cannot be read", f"{path} line {start}",
                                    "write NAME=value, and close every quote", "GW110"))
        elif binding.key and binding.value is not None:
            value = _expand(binding.value, environ or {}, values)
            if values.get(binding.key, ("", 0))[0]:
                lines = f"{path} lines {values[binding.key][1]} and {start}"
                problems.append(Problem(f"{binding.key} is set twice", lines, "keep one of the two lines", "GW106"))
            else:
                values[binding.key] = (value, start)
    return DotEnv(path, values, tuple(problems))


def _blank_lines(text: str) -> int:
    return text[:len(text) - len(text.lstrip())].count("\n")


def _expand(value: str, environ: Mapping[str, str], earlier: Mapping[str, tuple[str, int]]) -> str:
    if "${" not in value:
        return value
    from dotenv.variables import parse_variables
    known = {**{name: text for name, (text, _) in earlier.items()}, **environ}
    return "".join(atom.resolve(known) for atom in parse_variables(value))


@dataclass(frozen=True)
class Environment:
    """The merged view. The process environment wins over `.env`; an empty process value does not hide `.env`."""

    process: Mapping[str, str]
    dotenv: DotEnv = DotEnv()
    read_file: ReadFile | None = None

    @cached_property
    def values(self) -> Mapping[str, str]:
        """Return name -> value after precedence."""
        merged = {name: value for name, (value, _) in self.dotenv.values.items()}
        merged.update((name, value) for name, value in self.process.items() if value or name not in merged)
        return merged

    def get(self, name: str) -> str | None:
        """Return the value of ``name``, None where it is nowhere set."""
        return self.values.get(name)

    def origin(self, name: str) -> str:
        """Return where ``name`` was set: `environment` or `.env line 3`."""
        if name in self.dotenv.values and not self.process.get(name):
            return self.dotenv.where(name)
        return "environment" if name in self.process else "nowhere"

    @cached_property
    def origins(self) -> Mapping[str, str]:
        """Return name -> origin for every name."""
        return {name: self.origin(name) for name in self.values}

    def secret(self, name: str) -> "Secret":
        """Return the secret ``name``, read from the file that ``NAME_FILE`` names where that is set instead."""
        file_name = f"{name}_FILE"
        path, plain = self.get(file_name), self.get(name)
        if path and plain:
            return Secret(name, None, self.origin(name), Problem(
                f"both {name} and {file_name} are set", f"{self.origin(name)}; {self.origin(file_name)}",
                f"remove one of the two, best {name}", "GW107"))
        if not path:
            return Secret(name, plain, self.origin(name))
        return self._from_file(name, path, f"{file_name}, {self.origin(file_name)}")

    def _from_file(self, name: str, path: str, where: str) -> "Secret":
        try:
            data = self.read_file(path) if self.read_file else b""
            text = data.decode("utf-8").strip("\r\n \t")
        except OSError as error:
            reason, repair = error.strerror or type(error).__name__, f"name a readable file {_ALONE}"
            if path.startswith("~"):
                reason, repair = f"{reason}; `~` is not expanded", f"{name}_FILE={self._absolute(path)}"
            return Secret(name, None, where, Problem(f"the file of {name} cannot be read: {path} ({reason})", where,
                                                     repair, "GW408"))
        except (UnicodeDecodeError, ValueError):
            return Secret(name, None, where, Problem(f"the file of {name} is not text: {path}", where,
                                                     f"name a file {_ALONE}", "GW408"))
        if not text:
            return Secret(name, None, where, Problem(f"the file of {name} is empty: {path}", where,
                                                     "write the key into it", "GW408"))
        return Secret(name, text, where, file=path)

    def _absolute(self, path: str) -> str:
        """Return the path that a shell makes of one that begins with `~`, as far as that is known here."""
        home = self.get("HOME")
        return f"{home}{path[1:]}" if home and path.startswith("~/") else "/the/absolute/path"


@dataclass(frozen=True)
class Secret:
    """A key variable, its value (None: unset) and what is wrong with it. The value never appears in `repr`.

    ``file`` is the file that held it; ``variable`` the name under which it was found, where that is another.
    """

    name: str
    value: str | None
    where: str
    problem: Problem | None = None
    file: str = ""
    variable: str = ""

    @property
    def in_environment(self) -> bool:
        """Tell whether processes find the value under its name in the process environment already."""
        return self.where == "environment" and not self.file and self.variable in ("", self.name)

    def __repr__(self) -> str:
        return f"Secret({self.name}, {'set' if self.value else 'unset'}, {self.where})"
