"""The Java programs' jars: only what was committed gets in, and what changed is noticed."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from waybill.embedded import jars
from waybill.embedded.jars import Jar, JarError, class_path, digest, locked

GOOD, BAD = b"the jar that was tested", b"another jar"


class Repository:
    """Stands for the repository that jars come from; `content` is what it serves."""

    def __init__(self, content: bytes = GOOD) -> None:
        self.content = content
        self.downloads = 0

    def download(self, jar: Jar, scratch: Path) -> Path:
        self.downloads += 1
        path = scratch / jar.file_name
        path.write_bytes(self.content)
        return path


@pytest.fixture
def repository(monkeypatch: pytest.MonkeyPatch) -> Repository:
    served = Repository()
    monkeypatch.setattr(jars, "_download", served.download)
    return served


@pytest.fixture
def lock_file(tmp_path: Path) -> Path:
    sample = tmp_path / "sample"
    sample.write_bytes(GOOD)
    path = tmp_path / "jars.lock"
    path.write_text(f"kafka org.example:broker:4.4.0 {digest(sample)}\nidentity org.example:idp:1.0 {digest(sample)}\n")
    return path


def test_a_missing_jar_is_fetched_once(repository: Repository, lock_file: Path, tmp_path: Path) -> None:
    for _ in range(2):
        paths = class_path("kafka", tmp_path, lock_file)
        assert [path.name for path in paths] == ["broker-4.4.0.jar"]
        assert paths[0].read_bytes() == GOOD
    assert repository.downloads == 1


def test_programs_of_a_kind_that_start_together_fetch_once(repository: Repository, lock_file: Path, tmp_path: Path) -> None:
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda _: class_path("kafka", tmp_path, lock_file), range(3)))
    assert found[0] == found[1] == found[2]
    assert repository.downloads == 1


def test_a_jar_with_another_sum_never_gets_in(repository: Repository, lock_file: Path, tmp_path: Path) -> None:
    repository.content = BAD
    with pytest.raises(JarError, match=r"broker-4\.4\.0\.jar was downloaded with SHA-256 .* nothing was installed"):
        class_path("kafka", tmp_path, lock_file)
    assert not (tmp_path / "jars" / "broker-4.4.0.jar").exists()


def test_a_tampered_jar_is_noticed_and_fetched_again(repository: Repository, lock_file: Path, tmp_path: Path) -> None:
    (path,) = class_path("kafka", tmp_path, lock_file)
    path.write_bytes(BAD)
    class_path("kafka", tmp_path, lock_file)
    assert path.read_bytes() == GOOD
    assert repository.downloads == 2


@pytest.mark.usefixtures("repository")
def test_a_tampered_jar_that_cannot_be_replaced_stops_the_start(
    lock_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (path,) = class_path("kafka", tmp_path, lock_file)
    path.write_bytes(BAD)
    monkeypatch.setattr(jars, "fetch", lambda *_: None)
    with pytest.raises(JarError, match=r"broker-4\.4\.0\.jar is not the file Waybill was tested with: remove it"):
        class_path("kafka", tmp_path, lock_file)


def test_no_network_is_one_line(lock_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    with pytest.raises(JarError, match=r"broker-4\.4\.0\.jar cannot be downloaded \(.*\): check the network") as error:
        class_path("kafka", tmp_path, lock_file)
    assert "\n" not in str(error.value)


def test_the_committed_list_is_whole() -> None:
    for program in jars.PROGRAMS:
        listed = locked(program)
        assert len(listed) >= 40
        assert len({jar.file_name for jar in listed}) == len(listed)
        assert all(len(jar.sha256) == 64 for jar in listed)
    kafka = {jar.artifact: jar.version for jar in locked("kafka")}
    assert kafka["kafka_2.13"] == kafka["kafka-clients"] == "4.4.0"
