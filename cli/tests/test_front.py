"""The front end's build: when it is made anew, that it is put in place whole or not at all, and what is said when it fails."""

import asyncio
from pathlib import Path

import pytest

from waybill.embedded import front


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a checkout with a page, a package list and an interface, and a cache of its own."""
    monkeypatch.setenv("WAYBILL_CACHE", str(tmp_path / "cache"))
    root = tmp_path / "project"
    for name in (
        "web/package-lock.json",
        "web/index.html",
        "web/src/store/main.tsx",
        "web/src/api/schema/order.ts",
        "docs/openapi/order.json",
    ):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("1")
    (root / "web/node_modules").mkdir()
    return root


def page(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "index.html").write_text("page")


class Npm:
    """Stands for npm: notes what it is asked and writes a page, or fails."""

    def __init__(self, problem: str = "") -> None:
        self.asked: list[str] = []
        self.problem = problem

    async def __call__(self, _web: Path, _log: Path, *arguments: str, **env: str) -> None:
        self.asked.append(arguments[-1] if arguments[0] == "run" else arguments[0])
        await asyncio.sleep(0)
        if self.problem:
            raise front.FrontError(self.problem)
        if "WAYBILL_WEB_OUT" in env:
            page(Path(env["WAYBILL_WEB_OUT"]))


@pytest.fixture
def npm(monkeypatch: pytest.MonkeyPatch) -> Npm:
    one = Npm()
    monkeypatch.setattr(front, "npm", one)
    return one


async def test_an_unchanged_source_is_built_once(checkout: Path, npm: Npm) -> None:
    assert not front.is_built(checkout)
    folder = await front.build(checkout)
    assert (folder / "index.html").read_text() == "page"
    assert front.is_built(checkout)
    assert await front.build(checkout) == folder
    assert npm.asked == ["ci", "build"]


@pytest.mark.parametrize("name", ["web/src/store/main.tsx", "web/index.html", "docs/openapi/order.json", "web/src/new.ts"])
async def test_a_changed_source_is_built_anew_with_the_packages_that_are_there(checkout: Path, npm: Npm, name: str) -> None:
    before = await front.build(checkout)
    (checkout / name).write_text("2")
    assert await front.build(checkout) != before
    assert npm.asked == ["ci", "build", "build"]


async def test_a_changed_lock_brings_new_packages(checkout: Path, npm: Npm) -> None:
    await front.build(checkout)
    (checkout / "web/package-lock.json").write_text("2")
    await front.build(checkout)
    assert npm.asked == ["ci", "build", "ci", "build"]


def test_types_that_are_made_anew_change_nothing(checkout: Path) -> None:
    before = front.digest(checkout)
    (checkout / "web/src/api/schema/order.ts").write_text("2")
    assert front.digest(checkout) == before


async def test_two_starts_at_once_build_once(checkout: Path, npm: Npm) -> None:
    one, other = await asyncio.gather(front.build(checkout), front.build(checkout))
    assert one == other
    assert npm.asked == ["ci", "build"]


async def test_a_build_that_fails_leaves_nothing_behind(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front, "npm", Npm("no"))
    with pytest.raises(front.FrontError, match="no"):
        await front.build(checkout)
    assert not front.is_built(checkout)


async def test_what_npm_complains_of_is_told_in_one_line(checkout: Path, tmp_path: Path) -> None:
    with pytest.raises(front.FrontError) as refused:
        await front.npm(checkout / "web", tmp_path / "log", "run", "nothing")
    assert "npm run" in str(refused.value)
    assert str(tmp_path / "log") in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.usefixtures("npm")
async def test_only_a_few_builds_are_kept(checkout: Path) -> None:
    folders = []
    for number in range(front.BUILDS_KEPT + 2):
        (checkout / "web/index.html").write_text(str(number))
        folders.append(await front.build(checkout))
    assert [folder.exists() for folder in folders] == [False, False, True, True, True]
