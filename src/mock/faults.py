"""What a model of the mock upstream does wrong, and for how long."""

import re
import threading
from collections import Counter, UserDict
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, get_origin, get_type_hints

BREAKS = ("", "reset", "error", "stall", "cut")


@dataclass(frozen=True)
class Fault:
    """How requests for one model are answered; the package docstring has the table of fields.

    Times are in seconds, ``after`` and ``chunks`` count content chunks. Raises ValueError for what cannot be done.
    """

    status: int | None = None
    message: str | None = None
    code: str | None = None
    body: object = None
    content_type: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    retry_after: float | str | None = None
    delay: float = 0.0
    hang: bool = False
    chunks: int | None = None
    gap: float | None = None
    breaks: str = ""
    after: int = 0
    times: int | None = None
    then: "Fault | None" = None
    echo_key: bool = False
    require_key: str | None = None
    refuses: tuple[str, ...] = ()
    reply: str | None = None
    usage: bool = True
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    reasoning_tokens: int | None = None
    cached_tokens: int | None = None

    def __post_init__(self) -> None:
        if self.breaks not in BREAKS:
            raise ValueError(f"breaks={self.breaks!r}: expected one of {', '.join(filter(None, BREAKS))}")
        if self.status is not None and not 200 <= self.status <= 599:
            raise ValueError(f"status={self.status}: expected 200 to 599")
        for name in ("delay", "gap", "after", "chunks", "times"):
            if (getattr(self, name) or 0) < 0:
                raise ValueError(f"{name}={getattr(self, name)}: expected 0 or more")
        if self.times is None and self.then is not None:
            raise ValueError("then: needs times, the number of requests before it")

    def at(self, earlier: int) -> "Fault":
        """Return what applies to a request after ``earlier`` ones: this fault, or what follows its ``times``."""
        fault = self
        while fault.times is not None and earlier >= fault.times:
            earlier -= fault.times
            fault = fault.then or NORMAL
        return fault

    @classmethod
    def from_json(cls, value: object) -> "Fault":
        """Return the fault that a JSON object describes; raises ValueError for unknown names and wrong types."""
        if not isinstance(value, dict):
            raise ValueError("expected a JSON object")
        return cls(**{name: _converted(name, item) for name, item in value.items()})

    def to_json(self) -> dict[str, Any]:
        """Return the fields that differ from the defaults."""
        changed = {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) != _default(f)}
        if self.then is not None:
            changed["then"] = self.then.to_json()
        return changed


def _default(of: Any) -> object:
    return of.default if of.default is not MISSING else of.default_factory()


def _converted(name: str, value: object) -> Any:
    """Return a JSON value as the type of the field ``name``."""
    if name not in _HINTS:
        raise ValueError(f"unknown field {name!r}; known: {', '.join(_HINTS)}")
    if name == "then":
        return Fault.from_json(value)
    hint = _HINTS[name]
    if get_origin(hint) is tuple:
        fits, value = isinstance(value, list), tuple(map(str, value)) if isinstance(value, list) else value
    elif name == "headers":
        fits = isinstance(value, dict) and all(isinstance(v, str) for v in value.values())
    else:
        # JSON's true is no number, although Python's bool is an int; 1 is fine as 1.0.
        number = float(value) if isinstance(value, int) and not isinstance(value, bool) else value
        fits = isinstance(number, hint) or isinstance(value, hint) and (hint is bool or not isinstance(value, bool))
    if not fits and name != "body":
        raise ValueError(f"{name}={value!r}: expected {getattr(hint, '__name__', hint)}")
    return value


_HINTS: dict[str, Any] = get_type_hints(Fault)
NORMAL = Fault()

NAMED: dict[str, Fault] = {
    "429": Fault(status=429, retry_after=1),
    "context": Fault(status=400, code="context_length_exceeded",
                     message="This model's maximum context length is 8192 tokens. Please shorten the messages."),
    "quota": Fault(status=429, code="insufficient_quota", message="You exceeded your current quota."),
    "echo-key": Fault(status=401, echo_key=True),
    "flaky": Fault(status=500, times=1),
    "slow": Fault(delay=2.0, gap=0.2),
    "spaced": Fault(chunks=10, gap=0.2),
    "hang": Fault(hang=True),
    "reset": Fault(breaks="reset"),
    "reset-later": Fault(breaks="reset", after=2),
    "break": Fault(breaks="error", after=2),
    "break-first": Fault(breaks="error"),
    "stall": Fault(breaks="stall", after=2),
    "cut": Fault(breaks="cut", after=2),
    "html": Fault(body="<html><body>mock</body></html>", content_type="text/html"),
    "html-502": Fault(status=502, body="<html><body>502 Bad Gateway</body></html>", content_type="text/html"),
    "empty": Fault(body=""),
    "text": Fault(content_type="text/plain"),
    "no-usage": Fault(usage=False),
}


def named(model: str) -> Fault | None:
    """Return the fault that the name of a model asks for (``mock-429``), or None for an ordinary name."""
    prefix, dash, rest = model.rpartition("/")[2].partition("-")
    if prefix != "mock" or not dash:
        return None
    if rest not in NAMED and re.fullmatch("[45][0-9][0-9]", rest):
        return Fault(status=int(rest))
    return NAMED.get(rest)


class FaultBook(UserDict[str, Fault]):
    """Faults by path (``/one/``: what begins so), model, operation or ``*``; safe between threads.

    Setting one starts its count of requests again.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._served: Counter[str] = Counter()
        super().__init__()

    def __setitem__(self, name: str, fault: Fault) -> None:
        with self._lock:
            self._served.pop(name, None)
            self.data[name] = fault

    def __delitem__(self, name: str) -> None:
        with self._lock:
            self._served.pop(name, None)
            del self.data[name]

    def clear(self) -> None:
        """Forget every fault and every count."""
        with self._lock:
            self._served.clear()
            self.data.clear()

    def take(self, name: str, path: str = "") -> Fault:
        """Return what applies to the next request for ``name`` at ``path``, and count that request."""
        with self._lock:
            place = self._place(path)
            name = name if place is None else place
            fault = self.data.get(name) or named(name)
            used = name if fault is not None else "*"
            fault = fault or self.data.get("*", NORMAL)
            if fault.times is None:
                return fault
            earlier = self._served[used]
            self._served[used] += 1
            return fault.at(earlier)

    def _place(self, path: str) -> str | None:
        """Return the name among the faults that is the beginning of ``path``, None without one."""
        return next((name for name in self.data if name.startswith("/") and path.startswith(name)), None)
