"""What a run leaves behind: `report.md` for people, `timeline.svg` to look at, `run.json` for programs."""

import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final

from waybill.chaos.course import Course, Hurt
from waybill.chaos.kinds import KINDS
from waybill.chaos.timeline import draw

SHOWN: Final = 100


def write(course: Course, folder: Path) -> Path:
    """Write the three files into a folder and answer the one for people."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "run.json").write_text(json.dumps(document(course), indent=1, default=str) + "\n")
    (folder / "timeline.svg").write_text(draw(course))
    file = folder / "report.md"
    file.write_text(_markdown(course))
    return file


def command(course: Course) -> str:
    """Tell how to do the same again."""
    plan = course.plan
    only = "".join(f" --only {kind}" for kind in course.only)
    nodes = "" if plan.brokers == 1 else f" --brokers {plan.brokers}"
    return (
        f"./waybill chaos --seed {plan.seed} --orders {len(plan.wishes)} --faults {len(plan.faults)}"
        f" --minutes {plan.seconds / 60:g}{nodes}{only}"
    )


def document(course: Course) -> dict[str, Any]:
    """Return everything for programs."""
    books, verdict = course.books, course.verdict
    return {
        "sound": course.sound,
        "seed": course.plan.seed,
        "again": command(course),
        "brokers": course.plan.brokers,
        "left_out": dict(course.plan.left_out),
        "orders": {
            "planned": len(course.plan.wishes),
            "acknowledged": len(books.orders),
            "ends": dict(verdict.ends) if verdict else {},
            "fates": dict(books.fates),
            "granted": dict(books.granted),
            "refused": dict(books.refused),
            "waited_in_vain": dict(books.waited_in_vain),
            "slowest_acknowledgement_seconds": round(max((took for _, took in books.slowest), default=0.0), 2),
        },
        "faults": [
            {
                "number": hurt.fault.number,
                "kind": hurt.fault.kind,
                "target": hurt.fault.target,
                "began": round(hurt.began, 1),
                "lasted": None if hurt.healed is None else round(hurt.healed - hurt.began, 1),
                "recovery_seconds": hurt.recovery,
                "missed": hurt.missed,
                "error": hurt.error or None,
            }
            for hurt in course.hurts
        ],
        "done": len(course.done),
        "kinds": course.kinds,
        "at_rest_seconds": course.rest_seconds,
        "figures": [
            {
                "loss": one.loss.name,
                "says": one.loss.says,
                "orders_a_second": one.rate,
                "usual": one.usual,
                "longest": one.longest,
                "goal": one.loss.goal,
            }
            for one in course.figures
        ],
        "outages": [
            {
                "outage": one.outage.name,
                "seconds": one.seconds,
                "asked": one.asked,
                "taken": one.taken,
                "slowest_seconds": one.slowest,
                "confirmed_after_seconds": one.caught_up,
            }
            for one in course.outages
        ],
        "crowd": None
        if course.crowded is None
        else {
            "memory_before": course.crowded.before,
            "memory_at_most": course.crowded.most,
            "growth": course.crowded.growth,
            "answers": dict(course.crowded.answers),
            "slowest_seconds": course.crowded.slowest,
        },
        "dead_letters": verdict.dead_letters if verdict else None,
        "violations": [{"rule": one.rule, "subject": one.subject, "says": one.says} for one in verdict.violations]
        if verdict
        else [],
        "reconciliation": verdict.document if verdict else None,
    }


def _markdown(course: Course) -> str:
    books, verdict = course.books, course.verdict
    violations = verdict.violations if verdict else []
    said = (
        f"{len(books.orders)} orders acknowledged, {len(course.done)} faults of {course.kinds} kinds"
        f" in {course.plan.seconds / 60:.1f} minutes. Again: `{command(course)}`"
    )
    lines = [
        f"# Chaos, seed {course.plan.seed}: {'no violation' if course.sound else f'{len(violations)} violations'}",
        "",
        said,
        "",
        "![what happened when](timeline.svg)",
        "",
        "| | |",
        "|---|---|",
        f"| at rest after healing | {_seconds(course.rest_seconds)} |",
        f"| slowest acknowledgement | {max((took for _, took in books.slowest), default=0.0):.1f} s |",
        f"| ends | {_counted(verdict.ends) if verdict else ''} |",
        f"| dead letters, all of them put there | {verdict.dead_letters if verdict else ''} |",
        f"| wishes granted | {books.granted.total()} |",
        f"| refused in good order | {_counted(books.refused) or 'none'} |",
        f"| waited in vain | {_counted(books.waited_in_vain) or 'none'} |",
        "",
        *_figures(course),
        *_outages(course),
        "## Violations",
        "",
        *([f"- **{one.rule}** {one.subject}: {one.says}" for one in violations[:SHOWN]] or ["None."]),
        *([f"- … and {len(violations) - SHOWN} more"] if len(violations) > SHOWN else []),
        "",
        *_kinds(course.done),
        *_left_out(course),
        *_faults(course.hurts),
    ]
    return "\n".join(lines)


def _faults(hurts: Sequence[Hurt]) -> list[str]:
    if len(hurts) > SHOWN:  # a page is to be read: all of them are in run.json, and to be seen in the picture
        return []
    head = ["## What was done when", "", "| at | fault | lasted | all well again after |", "|---:|---|---:|---:|"]
    return [*head, *(_row(hurt) for hurt in hurts), ""]


def _figures(course: Course) -> list[str]:
    if not course.figures:
        return []
    return [
        "## Recovery",
        "",
        "The longest that an order placed around the loss took from the request to its confirmation.",
        "",
        "| loss | orders/s | usual | longest | goal | |",
        "|---|---:|---:|---:|---:|---|",
        *(
            f"| {one.loss.says} | {one.rate} | {one.usual * 1000:.0f} ms | {one.longest:.2f} s | {one.loss.goal:g} s |"
            f" {'met' if one.met else 'not met'} |"
            for one in course.figures
        ),
        "",
    ]


def _outages(course: Course) -> list[str]:
    if not course.outages:
        return []
    lines = [
        "## Outages and crowds",
        "",
        "| who is away | for | orders taken, each asked for once | slowest answer | all confirmed |",
        "|---|---:|---:|---:|---:|",
        *(
            f"| {one.outage.says} | {one.seconds:g} s | {one.taken} of {one.asked} | {one.slowest:.2f} s |"
            f" {_seconds(one.caught_up)} later |"
            for one in course.outages
        ),
        "",
    ]
    if course.crowded is not None:
        one = course.crowded
        memory = f"{one.before / 2**20:.0f} → {one.most / 2**20:.0f} MB at the most, {one.growth} times"
        answers = _counted(one.answers)
        lines += [f"A crowd before a slow database: {one.served} people served, answers {answers}; memory {memory}.", ""]
    return lines


def _kinds(done: Sequence[Hurt]) -> list[str]:
    by_kind: dict[str, list[Hurt]] = defaultdict(list)
    for hurt in done:
        by_kind[hurt.fault.kind].append(hurt)
    rows = []
    for name, kind in KINDS.items():
        if name in by_kind:
            times = [hurt.recovery for hurt in by_kind[name] if hurt.recovery is not None]
            half, most = (f"{median(times):.1f} s", f"{max(times):.1f} s") if times else ("", "")
            rows.append(f"| {name} | {kind.says} | {len(by_kind[name])} | {half} | {most} |")
    head = ["| kind | | times | recovery, median | longest |", "|---|---|---:|---:|---:|"]
    note = "Recovery: from the end of the fault until those work again that it could hurt, faults that overlap included."
    return ["## Kinds of faults", "", note, "", *head, *rows, ""]


def _left_out(course: Course) -> list[str]:
    left = course.plan.left_out
    return ["Left out: " + ", ".join(f"{name} ({why})" for name, why in left.items()) + ".", ""] if left else []


def _row(hurt: Hurt) -> str:
    if hurt.error:
        return f"| {hurt.began:.1f} s | {hurt.fault.name} | could not be done: {hurt.error} | |"
    lasted = "" if hurt.healed is None else f"{hurt.healed - hurt.began:.1f} s"
    name = f"{hurt.fault.name}{' (found nothing to hurt)' if hurt.missed else ''}"
    return f"| {hurt.began:.1f} s | {name} | {lasted} | {_seconds(hurt.recovery)} |"


def _seconds(value: float | None) -> str:
    return "never" if value is None else f"{value:.1f} s"


def _counted(counter: Any) -> str:
    return ", ".join(f"{count} {name}" for name, count in counter.most_common())
