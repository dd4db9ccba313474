"""What each check expects, and what is wrong with what was seen: pure functions over observations."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..policy.chains import Failure, moves_on
from .asking import PIECES, Answer
from .targets import Target

SWITCHED_OFF = "feature_disabled"


@dataclass(frozen=True)
class Call:
    """One request as the mock saw it: the alias of its deployment, the key that came with it."""

    alias: str
    key: str
    expected_key: str


@dataclass(frozen=True)
class Case:
    """The first ``broken`` models of a walk fail in one way; ``expected`` are those that must be asked, in order.

    ``status`` is what the client must get, its first digit times 100 where any of that class will do.
    """

    target: Target
    fault: str
    broken: int
    expected: tuple[str, ...]
    status: int
    stream: bool = False

    @property
    def failing(self) -> tuple[str, ...]:
        """Return the aliases that fail."""
        return self.target.walk[:self.broken]

    @property
    def text(self) -> str:
        """Return the case for people."""
        return f"{self.fault}{' streamed' if self.stream else ''} x{self.broken}: {' -> '.join(self.expected)}"


_FAULTS = {"429": Failure("status", 429), "500": Failure("status", 500), "timeout": Failure("timeout")}


def cases(target: Target) -> list[Case]:
    """Return what to inject for one alias, and the walk that its declaration promises."""
    found = [_case(target, fault, broken) for fault in ("429", "500") for broken in range(1, len(target.walk) + 1)]
    found.append(_case(target, "timeout", 1))
    if target.streams and len(target.walk) > 1:
        found.append(_case(target, "500", 1, stream=True))
    return found


def _case(target: Target, fault: str, broken: int, stream: bool = False) -> Case:
    moves = moves_on(_FAULTS[fault], target.on)
    expected = target.walk[:broken + 1] if moves else target.walk[:1]
    answered = moves and broken < len(target.walk)
    status = 200 if answered else 429 if fault == "429" else 500
    return Case(target, fault, broken, expected, status, stream)


def walk_problems(case: Case, seen: Sequence[Call], answer: Answer) -> list[str]:
    """Return how a walk differs from the declared one."""
    asked = tuple(call.alias for call in seen)
    problems = []
    if asked != case.expected:
        problems.append(f"{case.fault} from {' and '.join(case.failing)}: asked {_arrow(asked)}, "
                        f"declared {_arrow(case.expected)}")
    # LiteLLM says 408 for a timeout, others 504.
    fits = answer.status == case.status or case.status == 500 and (answer.status >= 500 or answer.status == 408)
    if not fits and not problems:
        problems.append(f"{case.fault} from {' and '.join(case.failing)}: the client got {answer.status}, "
                        f"not {case.status}{_why(answer)}")
    return problems


def _arrow(aliases: Iterable[str]) -> str:
    return " -> ".join(aliases) or "nobody"


def answer_problems(target: Target, answer: Answer, seen: Sequence[Call]) -> list[str]:
    """Return what is wrong with a plain answer: its status, who was asked, with which key."""
    problems = []
    if answer.status != 200:
        problems.append(f"answered {answer.status}{_why(answer)}")
    elif not answer.text:
        problems.append("answered nothing")
    if [call.alias for call in seen] != list(target.walk[:1]):
        problems.append(f"asked {_arrow(call.alias for call in seen)}, declared {target.walk[0]}")
    problems += [f"{call.alias} was sent another key than its own" for call in seen if call.key != call.expected_key]
    named = answer.headers.get("x-gateway-model")
    if answer.status == 200 and named != target.walk[0]:
        problems.append(f"x-gateway-model says {named}, declared {target.walk[0]}")
    return problems


def stream_problems(answer: Answer, total: int = len(PIECES)) -> list[str]:
    """Return what is wrong with a stream.

    It is spaced where the client had its first chunk before the upstream had sent its last one: an order of events,
    whatever the clock of a busy machine says.
    """
    if answer.status != 200:
        return [f"answered {answer.status or answer.broken}{_why(answer)}"]
    if len(answer.sent) != total:
        return [f"{len(answer.sent)} of {total} chunks arrived{': ' + answer.broken if answer.broken else ''}"]
    if answer.sent[0] >= total:
        return ["the first chunk arrived after the upstream had sent all of them: something buffers"]
    return []


def limit_problems(answers: Sequence[Answer], most: int, asked: int, fresh: bool = True) -> list[str]:
    """Return what is wrong with a row of requests that should end in a 429; the mock was ``asked`` so often.

    ``fresh``: nothing of the limit was used before.
    """
    passed = [answer for answer in answers if answer.status == 200]
    refused = [answer for answer in answers if answer.status == 429]
    others = [str(answer.status) for answer in answers if answer.status not in (200, 429)]
    if others:
        return [f"answered {', '.join(others)}{_why(answers[-1])}"]
    if not refused:
        return [f"{len(passed)} requests passed, none was refused"]
    problems = []
    if fresh and not passed:
        problems.append("the first request was refused already")
    if len(passed) > most:
        problems.append(f"{len(passed)} requests passed where {most} may")
    if asked != len(passed):
        problems.append(f"{len(passed)} requests passed, but the upstream was asked {asked} times")
    wait = refused[0].headers.get("retry-after", "")
    if not wait.isdigit() or int(wait) < 1:
        problems.append(f"the 429 has {'Retry-After ' + wait if wait else 'no Retry-After'}")
    return problems


def auth_problems(probes: Mapping[str, int], listed: Iterable[str], declared: Iterable[str]) -> list[str]:
    """Return who got in without the key (what -> status), and which aliases are listed too few or too many."""
    problems = [f"{what} is answered {status}, not 401" for what, status in probes.items() if status != 401]
    served, wanted = set(listed), set(declared)
    exact = {name for name in wanted if "*" not in name}
    if exact - served:
        problems.append("not served: " + ", ".join(sorted(exact - served)))
    # LiteLLM lists what a wildcard stands for by itself.
    if exact == wanted and served - wanted:
        problems.append("served, but not declared: " + ", ".join(sorted(served - wanted)))
    return problems


def template_problems(parts: Iterable[str | None], body: object) -> list[str]:
    """Return which filled parts of a template are not in the body that the upstream received."""
    received = "\n".join(texts(body))
    return [f"the upstream did not get {part[:60]!r}" for part in parts if part and part not in received]


def texts(value: object) -> list[str]:
    """Return every text anywhere in a JSON value."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        return [text for child in value.values() for text in texts(child)]
    if isinstance(value, list | tuple):
        return [text for child in value for text in texts(child)]
    return []


def ledger_problems(calls: Mapping[str, int], rows: Sequence[Mapping[str, object]]) -> list[str]:
    """Return what the ledger lost or invented; ``calls`` has the upstream calls of each request by the mock's count."""
    known = {str(row["request_id"]): row for row in rows}
    problems = []
    if lost := set(calls) - set(known):
        problems.append(f"{len(lost)} of {len(calls)} requests have no row")
    if strange := set(known) - set(calls):
        problems.append(f"{len(strange)} rows of requests that nobody made")
    if len(rows) != len(known):
        problems.append("requests have more than one row")
    if open_ended := sum(row["ended_at"] is None for row in rows):
        problems.append(f"{open_ended} rows have no end")
    for name, row in known.items():
        told = int(str(row["attempt_count"] or 0))
        if name in calls and told != calls[name]:
            problems.append(f"the row of {row['alias']} (status {row['status']}) tells of {told} upstream calls, "
                            f"the mock saw {calls[name]}")
    return problems


def _why(answer: Answer) -> str:
    text = " ".join((answer.broken or answer.text).split())
    return f": {text[:160]}" if text else ""
