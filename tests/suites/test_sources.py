"""Fetching and keeping source distributions."""

import tarfile
from pathlib import Path

import pytest

from suites import sources

pytestmark = pytest.mark.once


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Pack a distribution as pip saves it: one directory in a tar archive."""
    folder = tmp_path / "a_suite-1"
    folder.mkdir()
    (folder / "tests.py").write_text("")
    with tarfile.open(tmp_path / "a_suite-1.tar.gz", "w:gz") as tar:
        tar.add(folder, folder.name)
    return tmp_path / "a_suite-1.tar.gz"


def test_fetch_once(archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """fetch() downloads a distribution once, and then finds it in the cache."""
    downloads = [archive]
    monkeypatch.setattr(sources, "download", lambda *args: downloads.pop())
    first, second = (sources.fetch("a-suite==1", tmp_path / "cache") for _ in range(2))
    assert first == second
    assert [path.name for path in first.iterdir()] == ["tests.py"]
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["a-suite==1"]


def test_download_fails(tmp_path: Path) -> None:
    """fetch() ends with pip's message if pip cannot find a distribution."""
    with pytest.raises(SystemExit, match=r"could not download \./nowhere:\n.*nowhere"):
        sources.download("./nowhere", tmp_path)
