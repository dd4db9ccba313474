"""The one family of errors an operator sees: what is wrong, where it came from, how to repair it."""

from collections.abc import Iterable
from dataclasses import dataclass

# Stands in messages for the way this program was started; the funnel in main.py fills it in.
PROGRAM = "{program}"
EXIT_OK = 0
EXIT_PROBLEMS = 1
EXIT_USAGE = 2
EXIT_NOT_STARTED = 3
EXIT_INTERRUPTED = 130


@dataclass(frozen=True)
class Problem:
    """One thing to repair: ``what`` is wrong, ``where`` it was declared, the ``repair``, often a line to paste.

    ``code`` is the stable name of this kind of fault, explained by `check --explain`.
    """

    what: str
    where: str = ""
    repair: str = ""
    code: str = ""

    def text(self) -> str:
        """Return the problem as one to three lines."""
        lines = [self.what]
        if self.where:
            lines.append(f"  from: {self.where}")
        if self.repair:
            lines.append("  repair: " + self.repair.replace("\n", "\n          "))
        return "\n".join(lines)


class GatewayError(Exception):
    """Base of every error that ends a command with a message instead of a traceback."""

    exit_code = EXIT_PROBLEMS

    def __init__(self, what: str, where: str = "", repair: str = "") -> None:
        self.problems: tuple[Problem, ...] = (Problem(what, where, repair),)
        super().__init__(what)

    def text(self) -> str:
        """Return everything the operator needs, one block per problem."""
        return "\n".join(problem.text() for problem in self.problems)


class UsageProblem(GatewayError):
    """A declaration or flag that cannot be used; exit code 2."""

    exit_code = EXIT_USAGE


class ConfigurationError(UsageProblem):
    """Everything that is wrong with what the operator declared, at once; exit code 2."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        Exception.__init__(self, "; ".join(problem.what for problem in self.problems))


class NotStarted(GatewayError):
    """The proxy did not start, or a running gateway could not be reached; exit code 3."""

    exit_code = EXIT_NOT_STARTED
