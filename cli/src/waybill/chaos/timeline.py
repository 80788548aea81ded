"""A picture of a run: orders a second and under way above, faults with their recovery below, one row for each kind."""

import itertools
from collections.abc import Sequence
from html import escape
from typing import Final

from waybill.chaos.course import Course, Hurt

WIDTH: Final = 1200
LEFT: Final = 150
RIGHT: Final = 20
PLOT: Final = 160
ROW: Final = 13
GAP: Final = 24
POINTS: Final = 400
STYLE: Final = (
    "text{font:11px system-ui,sans-serif;fill:#444}.fault{fill:#c0392b}.missed{fill:#bbb}.recovery{fill:#f5b041}"
    ".placed{fill:none;stroke:#2471a3;stroke-width:1.5}.open{fill:#d4e6f1;stroke:none}.grid{stroke:#ddd}.heal{stroke:#1e8449}"
)


def draw(course: Course) -> str:
    """Draw a run as SVG."""
    kinds = list(dict.fromkeys(hurt.fault.kind for hurt in sorted(course.hurts, key=lambda one: one.fault.kind)))
    span = max([course.books.seconds, course.plan.seconds, *(moment.at for moment in course.books.course)], default=1.0)
    scale = (WIDTH - LEFT - RIGHT) / max(span, 1.0)
    height = PLOT + GAP + ROW * len(kinds) + GAP
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        f"<title>Chaos, seed {course.plan.seed}</title><style>{STYLE}</style>",
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
        *_axis(span, scale, height),
        *_orders(course, scale),
        *_faults(course.hurts, kinds, scale, span),
    ]
    if course.healed is not None:
        x = LEFT + course.healed * scale
        parts.append(f'<line class="heal" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{height - GAP}"/>')
    return "\n".join([*parts, "</svg>", ""])


def _axis(span: float, scale: float, height: int) -> list[str]:
    step = next(step for step in (10, 30, 60, 300, 600, 3600) if span / step <= 15 or step == 3600)  # noqa: PLR2004
    found = []
    for second in range(0, int(span) + 1, step):
        x = LEFT + second * scale
        found.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{height - GAP}"/>')
        found.append(f'<text x="{x:.1f}" y="{height - 8}" text-anchor="middle">{second} s</text>')
    return found


def _orders(course: Course, scale: float) -> list[str]:
    moments = course.books.course[:: max(1, len(course.books.course) // POINTS)]
    if len(moments) < 2:  # noqa: PLR2004 - a line needs two points
        return []
    rates = [
        (after.at, (after.placed - before.placed) / max(0.1, after.at - before.at))
        for before, after in itertools.pairwise(moments)
    ]
    most_rate = max(rate for _, rate in rates) or 1.0
    most_open = max(moment.under_way for moment in moments) or 1
    area = " ".join(f"{LEFT + one.at * scale:.1f},{PLOT - one.under_way / most_open * (PLOT - 20):.1f}" for one in moments)
    first, last = moments[0], moments[-1]
    closed = f"{LEFT + first.at * scale:.1f},{PLOT} {area} {LEFT + last.at * scale:.1f},{PLOT}"
    path = " ".join(f"{LEFT + at * scale:.1f},{PLOT - rate / most_rate * (PLOT - 20):.1f}" for at, rate in rates)
    return [
        f'<polygon class="open" points="{closed}"/>',
        f'<polyline class="placed" points="{path}"/>',
        f'<text x="4" y="20">acknowledged, to {most_rate:.0f}/s</text>',
        f'<text x="4" y="36">under way, to {most_open}</text>',
    ]


def _faults(hurts: Sequence[Hurt], kinds: Sequence[str], scale: float, span: float) -> list[str]:
    found = []
    for number, kind in enumerate(kinds):
        y = PLOT + GAP + number * ROW
        found.append(f'<text x="4" y="{y + 9}">{escape(kind)}</text>')
    for hurt in hurts:
        y = PLOT + GAP + kinds.index(hurt.fault.kind) * ROW
        over = hurt.healed if hurt.healed is not None else span
        if not hurt.missed and hurt.recovered is not None:
            found.append(_bar("recovery", over, hurt.recovered, y, scale, ""))
        title = f"{hurt.fault.name}, {hurt.began:.1f} s"
        found.append(_bar("missed" if hurt.missed else "fault", hurt.began, over, y, scale, title))
    return found


def _bar(kind: str, begin: float, end: float, y: int, scale: float, title: str) -> str:
    width = max(2.0, (end - begin) * scale)
    told = f"<title>{escape(title)}</title>" if title else ""
    return f'<rect class="{kind}" x="{LEFT + begin * scale:.1f}" y="{y}" width="{width:.1f}" height="{ROW - 3}">{told}</rect>'
