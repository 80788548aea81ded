"""Plots as SVG: lines over two logarithmic axes, with the name of each line at its end; readable on light and dark pages."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import Final

WIDTH: Final = 720
HEIGHT: Final = 360
LEFT: Final = 64
RIGHT: Final = 130
TOP: Final = 34
BOTTOM: Final = 48
MIDDLE: Final = 'text-anchor="middle"'
NAMES_APART: Final = 16.0
STEPS: Final = (1, 2, 5)
COLOURS: Final = (("#0b63ce", "#6cb0ff"), ("#b35900", "#ffb066"), ("#7a3fb0", "#c9a0ff"), ("#1a7f37", "#6fdd8b"))
"""Of the lines in their order, on a light and on a dark page; each has a contrast of 4.5 or more to its page."""

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Line:
    """A named line through points, in the order of x."""

    name: str
    points: Sequence[Point]


@dataclass(frozen=True, slots=True)
class Axis:
    """A logarithmic axis between two values, over pixels."""

    low: float
    high: float
    start: float
    end: float

    @classmethod
    def over(cls, values: Sequence[float], start: float, end: float) -> "Axis":
        """Choose round ends that hold all values."""
        return cls(_round(min(values), up=False), _round(max(values), up=True), start, end)

    def place(self, value: float) -> float:
        """Tell the pixel of a value."""
        span = math.log(self.high / self.low)
        return self.start + (self.end - self.start) * (math.log(value / self.low) / span)

    def ticks(self) -> list[float]:
        """List round values; powers of ten alone where the axis is long."""
        first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
        steps = STEPS if last - first <= len(STEPS) else STEPS[:1]
        found = [step * 10.0**power for power in range(first, last + 1) for step in steps]
        return [value for value in found if self.low * 0.999 <= value <= self.high * 1.001]


def _round(value: float, *, up: bool) -> float:
    power = 10.0 ** math.floor(math.log10(value))
    known = [step * power for step in (*STEPS, 10)]
    if up:
        return next(one for one in known if one >= value * 1.05 or one == known[-1])
    return next(one for one in reversed(known) if one <= value) if value > power else power / 2


def plot(title: str, across: str, upwards: str, lines: Sequence[Line]) -> str:
    """Draw lines; `across` and `upwards` name the axes. There must be a point."""
    points = [point for line in lines for point in line.points]
    x = Axis.over([point[0] for point in points], LEFT, WIDTH - RIGHT)
    y = Axis.over([point[1] for point in points], HEIGHT - BOTTOM, TOP)
    drawn = [
        f'<text class="title" x="{LEFT}" y="20">{escape(title)}</text>',
        *(_across(x.place(value), value) for value in x.ticks()),
        *(_upwards(y.place(value), value) for value in y.ticks()),
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2:.0f}" y="{HEIGHT - 10}" {MIDDLE}>{escape(across)}</text>',
        f'<text transform="translate(14 {(TOP + HEIGHT - BOTTOM) / 2:.0f}) rotate(-90)" {MIDDLE}>{escape(upwards)}</text>',
    ]
    names = _names([y.place(line.points[-1][1]) for line in lines])
    for number, line in enumerate(lines):
        pixels = [(x.place(a), y.place(b)) for a, b in line.points]
        path = " ".join(f"{a:.1f},{b:.1f}" for a, b in pixels)
        drawn.append(f'<polyline class="line c{number}" points="{path}"/>')
        drawn += [f'<circle class="dot c{number}" cx="{a:.1f}" cy="{b:.1f}" r="3.5"/>' for a, b in pixels]
        drawn.append(
            f'<text class="name c{number}" x="{pixels[-1][0] + 9:.1f}" y="{names[number] + 4:.1f}">{escape(line.name)}</text>'
        )
    alternative = escape(f"{title}: {'; '.join(_told(line) for line in lines)}")
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{alternative}">'
    return (
        "\n".join([head, _style(len(lines)), f'<rect class="page" width="{WIDTH}" height="{HEIGHT}"/>', *drawn, "</svg>"])
        + "\n"
    )


def _across(place: float, value: float) -> str:
    grid = f'<line class="grid" x1="{place:.1f}" x2="{place:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>'
    return f'{grid}<text x="{place:.1f}" y="{HEIGHT - BOTTOM + 17}" text-anchor="middle">{_number(value)}</text>'


def _upwards(place: float, value: float) -> str:
    grid = f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{place:.1f}" y2="{place:.1f}"/>'
    return f'{grid}<text x="{LEFT - 8}" y="{place + 4:.1f}" text-anchor="end">{_number(value)}</text>'


def _names(places: Sequence[float]) -> list[float]:
    """Move names apart that would lie on each other, downwards."""
    found = list(places)
    downwards = sorted(range(len(found)), key=found.__getitem__)
    for earlier, later in pairwise(downwards):
        found[later] = max(found[later], found[earlier] + NAMES_APART)
    return found


def _told(line: Line) -> str:
    return f"{line.name} " + ", ".join(f"{b:.3g} at {_number(a)}" for a, b in line.points)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1 else f"{value:g}"


def _style(lines: int) -> str:
    light = _colours(lines, 0, page="#ffffff", ink="#1f2328", grid="#d8dee4")
    dark = _colours(lines, 1, page="#0d1117", ink="#e6edf3", grid="#30363d")
    shapes = "text{font:12px system-ui,sans-serif}.title{font-weight:600;font-size:14px}.name{font-weight:600}"
    shapes += ".line{fill:none;stroke-width:2.5}.grid{stroke-width:1}"
    return f"<style>{shapes}{light}@media (prefers-color-scheme:dark){{{dark}}}</style>"


def _colours(lines: int, which: int, *, page: str, ink: str, grid: str) -> str:
    found = [f".page{{fill:{page}}}text{{fill:{ink}}}.grid{{stroke:{grid}}}"]
    for number in range(lines):
        colour = COLOURS[number % len(COLOURS)][which]
        found.append(f".line.c{number}{{stroke:{colour}}}.dot.c{number},.name.c{number}{{fill:{colour}}}")
    return "".join(found)
