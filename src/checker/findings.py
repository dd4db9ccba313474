"""What a check finds: a code, what is wrong, the place, and a repair to paste."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """Where a finding is: a position in a file, or a name.

    ``line`` and ``column`` count from 1; ``name`` is a variable, `flag --port`, `row models/gpt-5`, or a path in a
    document such as `model_list[0].litellm_params.rpm`.
    """

    file: str | None = None
    line: int | None = None
    column: int | None = None
    name: str = ""

    def text(self) -> str:
        """Return the place as compilers write it: `file:line:column: name`, whatever of it is known."""
        position = ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)
        return ": ".join(part for part in (position, self.name) if part)


@dataclass(frozen=True)
class Finding:
    """One finding. The severity belongs to the code and stands in one table: `codes.CODES`."""

    code: str
    what: str
    place: Place = Place()
    repair: str = ""


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings once each, by file and position; what has no position comes last, as it was found."""
    return sorted(dict.fromkeys(findings), key=_position)


def _position(finding: Finding) -> tuple[bool, str, int, int]:
    place = finding.place
    return place.file is None, place.file or "", place.line or 0, place.column or 0
