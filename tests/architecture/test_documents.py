"""The pages are true: generated parts are fresh, links lead somewhere, commands exist, records say what is enforced where."""

import re
from collections.abc import Iterable
from pathlib import Path
from types import MappingProxyType

import pytest

from contracts import TOPICS
from waybill.generate import everything, files
from waybill.generate.saga import loose_ends
from waybill.generate.system import Kind, Service, Step, System
from waybill.main import COMMANDS

from .repository import files as committed
from .repository import texts

LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)
COMMAND = re.compile(r"\./waybill ([a-z][a-z-]*)")
DECISION_PARTS = ("Status", "Context", "Decision", "Consequences", "Alternatives", "Enforced", "Revisit")
SCREEN = 60
"""Lines of one screen, on a large one."""

Pages = dict[str, str]


@pytest.fixture(scope="module")
def pages(root: Path) -> Pages:
    return dict(texts(root, {".md"}))


def slug(heading: str) -> str:
    """Name a heading's anchor as forges do."""
    return re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower()).replace(" ", "-")


def dead_links(root: Path, pages: Pages) -> list[str]:
    """List relative links that lead nowhere, and anchors that no heading has."""
    dead = []
    for path, text in pages.items():
        for target in LINK.findall(re.sub(r"```.*?```", "", text, flags=re.DOTALL)):
            if "://" in target or target.startswith("mailto:"):
                continue
            file, _, anchor = target.partition("#")
            place = (root / path).parent / file if file else root / path
            if not place.exists():
                dead.append(f"{path}: {target}")
            elif anchor and anchor not in {slug(one) for one in HEADING.findall(place.read_text(encoding="utf-8"))}:
                dead.append(f"{path}: {target} (no such heading)")
    return dead


def unknown_commands(pages: Pages) -> list[str]:
    """List commands that a page tells of and the command line does not have."""
    return [
        f"{path}: ./waybill {name}" for path, text in pages.items() for name in COMMAND.findall(text) if name not in COMMANDS
    ]


def mute(steps: Iterable[Step], services: Iterable[Service]) -> list[str]:
    """List the steps and routes without a purpose: the pages would show an empty cell."""
    silent = [step.place for step in steps if not step.purpose]
    return silent + [f"{route.method} {route.path}" for service in services for route in service.routes if not route.purpose]


def test_generated_files_are_fresh(root: Path, declared: System) -> None:
    assert [str(one) for one in files.compare(root, everything.documents(root, declared))] == []


def test_a_stale_and_a_missing_file_are_seen_with_the_command_that_helps(tmp_path: Path, root: Path, declared: System) -> None:
    wanted = everything.documents(root, declared)
    files.write(tmp_path, wanted)
    assert files.compare(tmp_path, wanted) == []
    (tmp_path / "docs/saga.md").write_text("old", encoding="utf-8")
    (tmp_path / "contracts/asyncapi.yaml").unlink()
    told = [str(one) for one in files.compare(tmp_path, wanted)]
    assert told == [
        "contracts/asyncapi.yaml is missing: run `./waybill generate` and commit it",
        "docs/saga.md is stale: run `./waybill generate` and commit it",
    ]


def test_what_people_wrote_around_a_generated_part_stays() -> None:
    page = files.between_markers("# Order\n\nHeart of the shop.\n", "new", title="")
    assert files.between_markers(page + "\nOperated by Ann.\n", "newer", title="") == (
        "# Order\n\nHeart of the shop.\n\n<!-- generated -->\n\nnewer\n\n<!-- /generated -->\n\nOperated by Ann.\n"
    )


def test_every_reaction_job_command_and_route_says_its_purpose(declared: System) -> None:
    assert mute(declared.steps, declared.services) == []


def test_a_function_without_a_purpose_is_seen() -> None:
    silent = Step(Kind.REACTION, "order", "cancel_order", "OrderPlaced", "", ())
    assert mute([silent], []) == ["order.cancel_order"]


def test_the_saga_says_who_leaves_a_job_its_work_where_the_code_says_so(declared: System) -> None:
    left_by = {step.place: step.serves for step in declared.steps if step.kind is Kind.JOB}
    assert left_by["payment.capture"] == ("capture_payment",)
    assert {"notify_received", "note_contact"} <= set(left_by["notification.deliver"])
    assert "note_plan" not in left_by["notification.deliver"], "it leaves no message"
    assert {place: names for place, names in left_by.items() if place.startswith("order.") and names} == {}


def test_subscribers_are_told_of_every_topic(pages: Pages) -> None:
    rows = re.findall(r"^\| `([\w.]+)` \| (\w+) \| `(\w+)` \|", pages["docs/subscribing.md"], re.MULTILINE)
    assert rows == [(topic.name, topic.publisher, topic.key) for topic in TOPICS.values()]


def test_nobody_waits_for_a_fact_that_nobody_tells(declared: System) -> None:
    assert loose_ends(declared) == []


def test_a_fact_that_nobody_tells_is_seen(declared: System) -> None:
    without_payment = System(tuple(service for service in declared.services if service.name != "payment"))
    assert "PaymentAuthorized" in loose_ends(without_payment)


def test_relative_links_lead_somewhere(root: Path, pages: Pages) -> None:
    assert dead_links(root, pages) == []


def test_a_dead_link_is_seen(tmp_path: Path) -> None:
    (tmp_path / "b.md").write_text("# One heading\n", encoding="utf-8")
    page = "[a](b.md) [b](b.md#one-heading) [c](c.md) [d](b.md#other) [e](https://example.org)"
    assert dead_links(tmp_path, {"a.md": page}) == ["a.md: c.md", "a.md: b.md#other (no such heading)"]


def test_the_commands_that_pages_tell_of_exist(pages: Pages) -> None:
    assert unknown_commands(pages) == []


def test_a_command_that_does_not_exist_is_seen() -> None:
    assert unknown_commands({"a.md": "run `./waybill up`, then `./waybill dance`"}) == ["a.md: ./waybill dance"]


def test_the_readme_fits_a_screen(pages: Pages) -> None:
    assert pages["README.md"].count("\n") <= SCREEN


def decisions(pages: Pages) -> Pages:
    return {path: text for path, text in pages.items() if path.startswith("docs/decisions/") and not path.endswith("README.md")}


def incomplete(records: Pages) -> list[str]:
    """List what decision records lack, and those that are too long to be read."""
    found = [f"{path}: no {part}" for path, text in records.items() for part in DECISION_PARTS if f"**{part}" not in text]
    return found + [f"{path}: {text.count(chr(10))} lines" for path, text in records.items() if text.count("\n") > 40]


def test_decision_records_are_complete_and_short(pages: Pages) -> None:
    records = decisions(pages)
    assert len(records) >= 10
    assert incomplete(records) == []
    numbers = [int(Path(path).name[:4]) for path in sorted(records)]
    assert numbers == list(range(1, len(numbers) + 1))


def test_an_incomplete_record_is_seen() -> None:
    text = "\n".join(f"**{part}.** x" for part in DECISION_PARTS if part != "Revisit") + "\n" * 50
    assert len(incomplete({"docs/decisions/0001-x.md": text})) == 2


def test_records_name_only_files_that_exist(root: Path, pages: Pages) -> None:
    named = re.compile(r"`((?:tests|chassis|contracts|services|cli|docs|deploy|bench)/[\w./-]+?\.\w+)`")
    missing = [f"{path}: {name}" for path, text in pages.items() for name in named.findall(text) if not (root / name).exists()]
    assert missing == []


def owners(text: str) -> MappingProxyType[str, list[str]]:
    lines = [line.split() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return MappingProxyType({pattern: names for pattern, *names in lines})


def test_every_owned_path_exists_and_has_an_owner(root: Path) -> None:
    owned = owners((root / "CODEOWNERS").read_text(encoding="utf-8"))
    assert "*" in owned
    paths = ["/" + path.relative_to(root).as_posix() for path in committed(root)]
    for pattern, names in owned.items():
        assert names, f"{pattern} has no owner"
        if pattern != "*":
            start = re.escape(pattern).replace(r"\*", "[^/]*")
            assert any(re.match(start, path) for path in paths), f"{pattern} owns nothing"


def test_the_changelog_keeps_contract_changes_apart(pages: Pages) -> None:
    changelog = pages["CHANGELOG.md"]
    assert "## [Unreleased]" in changelog
    assert "### Contracts" in changelog
