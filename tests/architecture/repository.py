"""The files of the repository, as git would commit them."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

SKIPPED = {".venv", ".git", ".waybill", "node_modules", "__pycache__", ".hypothesis", "dist"}


def files(root: Path) -> list[Path]:
    """List the files that are committed or would be; without git, all but those that tools make."""
    try:
        listed = subprocess.run(  # noqa: S603 - git, with arguments of ours
            ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        return sorted(_walk(root))
    if listed.returncode != 0:
        return sorted(_walk(root))
    return sorted(path for name in listed.stdout.split("\0") if name and (path := root / name).is_file())


def _walk(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.is_dir() and path.name not in SKIPPED and not path.name.endswith((".egg-info", "_cache")):
            yield from _walk(path)
        elif path.is_file():
            yield path


def texts(root: Path, suffixes: set[str] | None = None) -> Iterator[tuple[str, str]]:
    """Read the text files, by their path below the root."""
    for path in files(root):
        if suffixes is not None and path.suffix not in suffixes:
            continue
        try:
            yield path.relative_to(root).as_posix(), path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
