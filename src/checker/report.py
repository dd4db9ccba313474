"""The result of one check: what was found, what was not looked at, and the exit code that follows."""

from collections.abc import Container, Iterable
from dataclasses import dataclass, replace

from ..errors import EXIT_OK, EXIT_PROBLEMS, EXIT_USAGE
from .codes import severity
from .findings import Finding
from .secrets import masked


@dataclass(frozen=True)
class Report:
    """``subject`` says what was checked. ``conditions`` are what no offline check can know; ``failures`` what should
    have been checked and could not be, such as a file that cannot be read; ``ignored`` counts what was left out.
    ``file`` stands for findings without one where a format cannot do without."""

    subject: str
    findings: tuple[Finding, ...] = ()
    conditions: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()
    ignored: int = 0
    file: str = ".env"

    def ignoring(self, codes: Container[str]) -> "Report":
        """Return the report without the findings of ``codes``."""
        kept = tuple(finding for finding in self.findings if finding.code not in codes)
        return replace(self, findings=kept, ignored=len(self.findings) - len(kept))

    def count(self, kind: str) -> int:
        """Return the number of findings of a severity."""
        return sum(severity(finding.code) == kind for finding in self.findings)

    @property
    def ok(self) -> bool:
        """Tell whether the configuration will start under the conditions."""
        return not self.failures and not self.count("error")

    def exit_code(self, strict: bool) -> int:
        """Return 2 where something could not be checked, 1 for errors, with ``strict`` also for warnings, else 0."""
        if self.failures:
            return EXIT_USAGE
        return EXIT_PROBLEMS if self.count("error") or (strict and self.findings) else EXIT_OK


def without_secrets(findings: Iterable[Finding], secrets: Iterable[str]) -> tuple[Finding, ...]:
    """Return the findings without a character of a known secret or of anything that is shaped like a key."""
    known = sorted({text for text in secrets if len(text) >= 8}, key=len, reverse=True)
    return tuple(replace(finding, what=masked(finding.what, known), repair=masked(finding.repair, known),
                         place=replace(finding.place, name=masked(finding.place.name, known)))
                 for finding in findings)
