"""The guard that the other tests rely on."""

from pathlib import Path

import pytest
from media_guard import fail_if_written


def test_guard_passes_when_nothing_was_written(tmp_path: Path) -> None:
    """The guard passes if MEDIA_ROOT does not exist."""
    fail_if_written(tmp_path / "media")


def test_guard_names_what_was_written_and_removes_it(tmp_path: Path) -> None:
    """The guard fails a test that wrote below MEDIA_ROOT, names the file and removes it."""
    media_root = tmp_path / "media"
    (media_root / "a").mkdir(parents=True)
    (media_root / "a" / "b.txt").write_bytes(b"x")
    with pytest.raises(pytest.fail.Exception, match=r"a/b\.txt"):
        fail_if_written(media_root)
    assert not media_root.exists()
