"""Charts over time as SVG, without a script: what a column holds is told when it is pointed at, and in its title.

Widths are percentages and heights pixels, so that text keeps its size however wide the page is.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from .html import Html, join, tag
from .scales import Scale

HEIGHT, ABOVE, BELOW = 150, 24, 22
_LABELS = 6
Values = tuple[float | None, ...]
Draw = Callable[["Chart", int], Html]


@dataclass(frozen=True)
class Column:
    """One hour or day: what stands below it, all that is to be said of it, where it leads, and its values.

    Of bars the values lie on top of each other, of lines each is its own; None is unknown and leaves a gap.
    """

    label: str
    said: str
    href: str
    values: Values
    mark: bool = False


@dataclass(frozen=True)
class Chart:
    """What is drawn: ``names`` are the classes of the values; ``aria`` says in words what it shows."""

    columns: Sequence[Column]
    names: tuple[str, ...]
    scale: Scale
    aria: str

    @property
    def width(self) -> float:
        """Return the width of a column in percent."""
        return 100 / max(1, len(self.columns))

    def middle(self, number: int) -> float:
        """Return the middle of a column in percent."""
        return (number + 0.5) * self.width


def bars(chart: Chart) -> Html:
    """Return the values of each column on top of each other."""
    return _drawn(chart, _bar)


def lines(chart: Chart) -> Html:
    """Return each value as a line that a column without one interrupts."""
    return _drawn(chart, _points)


def _drawn(chart: Chart, draw: Draw) -> Html:
    height = ABOVE + HEIGHT + BELOW
    left = tag("svg", [_tick_text(chart.scale, tick) for tick in chart.scale.ticks], class_="axis", height=height,
               aria_hidden="true")
    plot = tag("svg", _grid(chart.scale), _labels(chart), [_column(chart, number, draw) for number
                                                           in range(len(chart.columns))],
               class_="plot", width="100%", height=height, role="img", aria_label=chart.aria)
    return tag("div", left, plot, class_="chart")


def _y(scale: Scale, value: float) -> float:
    return round(ABOVE + HEIGHT * (1 - scale.share(value)), 1)


def _tick_text(scale: Scale, tick: float) -> Html:
    return tag("text", scale.show(tick), x="100%", y=_y(scale, tick) + 4, text_anchor="end")


def _grid(scale: Scale) -> list[Html]:
    return [tag("line", x1=0, x2="100%", y1=_y(scale, tick), y2=_y(scale, tick), class_="grid" if tick else "base")
            for tick in scale.ticks]


def _labels(chart: Chart) -> Iterator[Html]:
    every = max(1, -(-len(chart.columns) // _LABELS))
    last = len(chart.columns) - 1
    for number in range(last % every if last % every >= every // 2 else 0, last + 1, every):
        yield tag("text", chart.columns[number].label, x=f"{chart.middle(number):.2f}%", y=ABOVE + HEIGHT + 16,
                  text_anchor="middle")


def _column(chart: Chart, number: int, draw: Draw) -> Html:
    """Return a column: what catches the pointer, what is drawn, and what is said at the top while it is there."""
    column = chart.columns[number]
    hit = tag("rect", x=f"{number * chart.width:.3f}%", width=f"{chart.width:.3f}%", y=ABOVE, height=HEIGHT,
              class_="hit")
    said = tag("text", column.said, x="100%", y=12, text_anchor="end", class_="said")
    # The table below holds the same links for whoever has no pointer.
    return tag("a", tag("title", column.said), hit, draw(chart, number), said, href=column.href, class_="column",
               tabindex="-1")


def _bar(chart: Chart, number: int) -> Html:
    column, parts, below = chart.columns[number], list[Html](), 0.0
    width = chart.width * 0.72
    x = f"{chart.middle(number) - width / 2:.3f}%"
    for name, value in zip(chart.names, column.values):
        if value:
            high, low = _y(chart.scale, below + value), _y(chart.scale, below)
            # One error among thousands of requests still shows.
            height = max(1.5, round(low - high, 1))
            parts.append(tag("rect", x=x, width=f"{width:.3f}%", y=round(low - height, 1), height=height, class_=name))
            below += value
    if column.mark:
        parts.append(tag("circle", cx=f"{chart.middle(number):.3f}%", cy=_y(chart.scale, below) - 6, r=2.5,
                         class_="unknown"))
    return join(parts)


def _points(chart: Chart, number: int) -> Html:
    column, parts = chart.columns[number], list[Html]()
    before = chart.columns[number - 1].values if number else (None,) * len(column.values)
    for name, value, earlier in zip(chart.names, column.values, before):
        if value is None:
            continue
        x, y = f"{chart.middle(number):.3f}%", _y(chart.scale, value)
        if earlier is not None:
            parts.append(tag("line", x1=f"{chart.middle(number - 1):.3f}%", y1=_y(chart.scale, earlier), x2=x, y2=y,
                             class_=name))
        parts.append(tag("circle", cx=x, cy=y, r=2.5, class_=name))
    return join(parts)
