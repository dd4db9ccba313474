"""Medians and ratios over rounds, as Markdown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

Row = Mapping[str, float]


@dataclass(frozen=True)
class Column:
    """One measure: its key in a row, its title, and the digits shown."""

    key: str
    title: str
    digits: int = 2


@dataclass(frozen=True)
class Measured:
    """The median of a measure and of its ratio to the reference, with the ratio's range over the rounds."""

    value: float
    ratio: float
    lowest: float
    highest: float


def measured(rows: Sequence[Row], reference: Sequence[Row], key: str) -> Measured:
    """Compare round by round, so that what slows the machine for a while slows both."""
    ratios = [row[key] / base[key] for row, base in zip(rows, reference)]
    return Measured(median(row[key] for row in rows), median(ratios), min(ratios), max(ratios))


def markdown(rows: Mapping[str, Sequence[Row]], columns: Sequence[Column]) -> str:
    """Return a table of ``rows`` (by target, one per round); the first target is the reference of all ratios."""
    reference = next(iter(rows.values()))
    lines = ["| | " + " | ".join(column.title for column in columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for name, own in rows.items():
        cells = [_cell(measured(own, reference, column.key), column, own is reference) for column in columns]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(value: Measured, column: Column, is_reference: bool) -> str:
    text = f"{value.value:.{column.digits}f}"
    return text if is_reference else f"{text} (**{value.ratio:.2f}**, {value.lowest:.2f}-{value.highest:.2f})"
