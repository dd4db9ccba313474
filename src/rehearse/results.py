"""What a rehearsal found: one `Check` per promise and alias, and the report made of them."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from ..errors import GatewayError

Outcome = Literal["passed", "failed", "skipped"]


@dataclass(frozen=True)
class Check:
    """One promise that was tried. ``subject`` is an alias or empty; ``detail`` says what was seen, or what is wrong."""

    name: str
    subject: str
    outcome: Outcome
    detail: str = ""
    seconds: float = 0.0

    @property
    def title(self) -> str:
        """Return the name with its subject."""
        return f"{self.name} {self.subject}".rstrip()


def judged(name: str, subject: str, problems: Iterable[str], seen: str, seconds: float = 0.0) -> Check:
    """Return a check that failed with ``problems``, or passed with what was ``seen``."""
    wrong = [problem for problem in problems if problem]
    return Check(name, subject, "failed" if wrong else "passed", "; ".join(wrong) or seen, seconds)


@dataclass(frozen=True)
class Report:
    """Everything a rehearsal found; ``notes`` say what the rehearsed copy changed, ``seconds`` how long it took.

    ``error`` is why the gateway did not start, None where it did.
    """

    checks: tuple[Check, ...]
    notes: tuple[str, ...] = ()
    config: str = ""
    seconds: float = 0.0
    error: GatewayError | None = None

    @property
    def failed(self) -> tuple[Check, ...]:
        """Return what failed."""
        return tuple(check for check in self.checks if check.outcome == "failed")

    def count(self, outcome: Outcome) -> int:
        """Return how many checks ended so."""
        return sum(check.outcome == outcome for check in self.checks)

    def document(self) -> dict[str, Any]:
        """Return the report as JSON-ready values."""
        return {"ok": not self.failed, "config": self.config, "seconds": round(self.seconds, 3),
                "checks": [asdict(check) for check in self.checks], "notes": list(self.notes)}


_MARKS = {"passed": "ok", "failed": "FAILED", "skipped": "-"}


def table(checks: Sequence[Check]) -> list[str]:
    """Return the checks as aligned lines below a heading."""
    cells = [("", "check", "alias", "what was seen")]
    cells += [(_MARKS[check.outcome], check.name, check.subject, check.detail) for check in checks]
    widths = [max(len(row[column]) for row in cells) for column in range(3)]
    return ["  ".join((*(cell.ljust(width) for cell, width in zip(row, widths)), row[3])).rstrip() for row in cells]


def summary(report: Report) -> str:
    """Return the last line: how many checks ended how."""
    parts = [f"{report.count('passed')} passed", f"{report.count('failed')} failed",
             f"{report.count('skipped')} not rehearsed"]
    names = ", ".join(dict.fromkeys(check.title for check in report.failed))
    return f"{', '.join(parts)} in {report.seconds:.1f} s" + (f"; failed: {names}" if names else "")


def junit(report: Report) -> str:
    """Return the report as JUnit XML, one test case per check."""
    from xml.etree import ElementTree as tree
    suite = tree.Element("testsuite", name="litellm-gateway rehearse", tests=str(len(report.checks)),
                         failures=str(report.count("failed")), errors="0", skipped=str(report.count("skipped")),
                         time=f"{report.seconds:.3f}")
    for check in report.checks:
        case = tree.SubElement(suite, "testcase", classname=f"rehearse.{check.name}",
                               name=_xml(check.subject or check.name), time=f"{check.seconds:.3f}")
        if check.outcome != "passed":
            found = tree.SubElement(case, "failure" if check.outcome == "failed" else "skipped")
            found.set("message", _xml(check.detail))
    tree.indent(suite)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tree.tostring(suite, encoding="unicode") + "\n"


def _xml(text: str) -> str:
    """Return ``text`` without the control characters that XML 1.0 cannot hold."""
    return "".join(c if c in "\t\n" or c >= " " and c not in "\ufffe\uffff" else "?" for c in text)
