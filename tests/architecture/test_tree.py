"""What must hold of the files themselves: their size, their names, and what may not stand in them."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from .repository import texts

LINES = 440
"""A room becomes a package at about 400 lines; a tenth over is still about 400."""
MEASURED = ("services/", "chassis/src/", "contracts/src/")
BAD_NAMES = {"utils", "helpers", "common", "base", "core", "util", "helper", "misc"}

# In pieces, so that this file does not hold what it looks for.
UNFINISHED = re.compile("|".join(["TO" + "DO", "FIX" + "ME", "X" + "XX", "NotImplemented" + "Error", "pragma: " + "no cover"]))
REGISTRIES = re.compile(
    "|".join(
        re.escape(host)
        for host in [
            "pypi." + "org",
            "python" + "hosted.org",
            "npm" + "js.",
            "yarn" + "pkg.com",
            "maven." + "org",
            "maven.apache." + "org",
            "proxy.golang." + "org",
            "crates." + "io",
            "registry." + "docker",
        ]
    )
)
MACHINE = re.compile(
    r"(?<![\w.$}])/(?:" + "|".join(["wo" + "rk/", "ho" + r"me/\w+/", "Us" + r"ers/\w+/", "tmp/l" + "ab"]) + ")"
)

# What a word is allowed in, and why.
ALLOWED = {
    ("unfinished", "script.py.mako"): "the template of a migration refuses to be left empty",
}

Text = tuple[str, str]


def too_long(files: Iterable[Text]) -> list[str]:
    """List modules that should have become packages, with their lines."""
    sizes = [(text.count("\n"), path) for path, text in files if path.endswith(".py") and path.startswith(MEASURED)]
    return [f"{path}: {lines} lines" for lines, path in sorted(sizes, reverse=True) if lines > LINES and "/tests/" not in path]


def badly_named(paths: Iterable[str]) -> list[str]:
    """List files and folders whose name says nothing of what they hold."""
    return [path for path in paths if BAD_NAMES & {Path(part).stem.lower() for part in Path(path).parts}]


def holding(pattern: re.Pattern[str], files: Iterable[Text], rule: str) -> Iterator[str]:
    """Find the lines that hold what may not stand in the tree."""
    for path, text in files:
        if (rule, Path(path).name) in ALLOWED:
            continue
        for number, line in enumerate(text.splitlines(), 1):
            if pattern.search(line):
                yield f"{path}:{number}: {line.strip()[:120]}"


@pytest.fixture(scope="module")
def tree(root: Path) -> list[Text]:
    return list(texts(root))


def test_no_module_is_too_long(tree: list[Text]) -> None:
    assert too_long(tree) == []


def test_a_long_module_is_seen() -> None:
    path = "services/order/src/order/api.py"
    assert too_long([(path, "x\n" * LINES)]) == []
    assert too_long([(path, "x\n" * (LINES + 1))]) == [f"{path}: {LINES + 1} lines"]


def test_every_name_says_what_it_holds(tree: list[Text]) -> None:
    assert badly_named(path for path, _ in tree) == []


@pytest.mark.parametrize("path", ["chassis/src/chassis/utils.py", "services/order/src/order/common/dates.py", "cli/core.py"])
def test_a_name_that_says_nothing_is_seen(path: str) -> None:
    assert badly_named([path, "chassis/src/chassis/relay.py"]) == [path]


@pytest.mark.parametrize(
    ("rule", "pattern"),
    [("unfinished", UNFINISHED), ("registry", REGISTRIES), ("machine", MACHINE)],
    ids=["nothing unfinished", "no registry's host name", "no path of a machine"],
)
def test_the_tree_is_clean(tree: list[Text], rule: str, pattern: re.Pattern[str]) -> None:
    assert list(holding(pattern, tree, rule)) == []


@pytest.mark.parametrize(
    ("rule", "pattern", "line"),
    [
        ("unfinished", UNFINISHED, "x = 1  # TO" + "DO later"),
        ("unfinished", UNFINISHED, "raise NotImplemented" + "Error"),
        ("registry", REGISTRIES, "index-url = https://pypi." + "org/simple"),
        ("registry", REGISTRIES, "FROM registry." + "docker.example/python"),
        ("machine", MACHINE, 'ROOT = "/ho' + 'me/alice/waybill"'),
        ("machine", MACHINE, "see /wo" + "rk/notes.md"),
    ],
)
def test_a_line_that_may_not_stand_there_is_seen(rule: str, pattern: re.Pattern[str], line: str) -> None:
    assert list(holding(pattern, [("a.py", f"ok\n{line}\n")], rule)) == [f"a.py:2: {line}"]
