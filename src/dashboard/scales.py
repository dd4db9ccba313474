"""Axes whose marks are round numbers."""

import math
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """An axis from 0 to ``top``, with a mark at each of ``ticks``."""

    top: float
    ticks: tuple[float, ...]
    show: Callable[[float], str]

    def share(self, value: float) -> float:
        """Return where ``value`` lies, from 0 to 1."""
        return min(1.0, value / self.top) if self.top else 0.0


def scale(largest: float, show: Callable[[float], str], least: float = 0.0) -> Scale:
    """Return an axis for values up to ``largest`` with marks at multiples of 1, 2 or 5; ``least`` is the finest."""
    if largest <= 0:
        return Scale(1.0, (0.0,), show)
    rough = largest / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = max(least, next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough))
    steps = max(1, math.ceil(largest / step - 1e-9))
    return Scale(step * steps, tuple(step * number for number in range(steps + 1)), show)


def axis_count(value: float) -> str:
    """Return a number for an axis."""
    for least, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if value >= least:
            return f"{value / (1e3 if unit == 'k' else least):g} {unit}"
    return f"{value:,.0f}"


def axis_dollars(micros: float) -> str:
    """Return micro-dollars for an axis, with no more digits than it needs."""
    value = micros / 1e6
    return f"${value:,.0f}" if value == int(value) else f"${value:.2f}" if value >= 0.1 else f"${value:.6f}".rstrip("0")


def axis_milliseconds(value: float) -> str:
    """Return milliseconds for an axis."""
    return f"{value:g} ms" if value < 1000 else f"{value / 1000:g} s"
