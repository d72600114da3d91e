"""Names of open files whose paths are lent, and absolute names below base_location."""

import os
import subprocess
from pathlib import Path

import pytest
from tree.lent import FILESYSTEM, lend, lending, read

from inmemorystorage import InMemoryStorage


@pytest.fixture
def storage(tmp_path):
    """Return a storage that behaves like FileSystemStorage and lends its paths."""
    with lending(tmp_path / "media", **FILESYSTEM) as storage:
        yield storage


def test_name_of_an_open_file_is_its_path(storage):
    """The name of an open file is a path at which the file is."""
    storage.save("f", b"content")
    assert Path(storage.open("f").name).read_bytes() == b"content"


def test_truth_of_an_open_file_lends_nothing(storage):
    """bool() of an open file is that of its name, and puts nothing on the disk."""
    storage.save("f", b"content")
    file = storage.open("f")
    assert file
    assert os.listdir(storage.location) == []
    file.name = ""
    assert not file


def test_path_below_base_location_is_the_lent_file(storage, tmp_path):
    """open() takes an absolute path below base_location for the lent file."""
    path = lend(storage, "d/f")
    assert storage.exists(str(tmp_path / "media/d/f"))
    assert storage.path(str(tmp_path / "media/d/f")) == str(path)


def test_name_does_not_change_with_path(tmp_path):
    """The name of an open file does not raise when an overridden path() does later."""

    class Remote(InMemoryStorage):
        is_remote = False

        def path(self, name):
            if self.is_remote:
                raise NotImplementedError
            return super().path(name)

    storage = Remote(location=tmp_path, behaves_like="filesystem", lend_paths=True)
    storage.save("f", b"content")
    file = storage.open("f")
    storage.is_remote = True
    assert file.name.endswith("/f")


def test_deep_names_are_lent(storage):
    """A storage lends a name of more directories than Python calls functions in each other."""
    name = "/".join(["d"] * 1_100) + "/a"
    storage.save(name, b"content")
    path = Path(storage.path(name))
    assert path.read_bytes() == b"content"
    path.write_bytes(b"outside")
    assert "files=1 bytes=7" in repr(storage)
    assert read(storage, name) == b"outside"
    top = Path(storage.path("d"))
    storage.save(f"{name}~", b"content")
    assert path.with_name("a~").read_bytes() == b"content"
    subprocess.run(["rm", "-r", top], check=True)  # shutil.rmtree() recurses before Python 3.13
    assert not storage.exists("d")
