"""The names of open files on a storage that lends its paths, and names by the named location."""

import os
from pathlib import Path

import pytest
from tree.lent import LIKE_DISK, lend, lending

from inmemorystorage import InMemoryStorage


@pytest.fixture
def storage(tmp_path):
    """Return a storage that behaves like a disk and lends its paths."""
    with lending(tmp_path / "media", **LIKE_DISK) as storage:
        yield storage


def test_the_name_of_an_open_file_is_a_path(storage):
    """At the name of an open file is the file, as on a disk."""
    storage.save("f", b"content")
    assert Path(storage.open("f").name).read_bytes() == b"content"


def test_asking_whether_a_file_is_does_not_lend_it(storage):
    """The truth of an open file is that of its name, and puts nothing on the disk."""
    storage.save("f", b"content")
    file = storage.open("f")
    assert file
    assert os.listdir(storage.location) == []
    file.name = ""
    assert not file


def test_a_path_at_the_named_location_means_the_lent_file(storage, tmp_path):
    """An absolute name below the location that the project named finds the file."""
    path = lend(storage, "d/f")
    assert storage.exists(str(tmp_path / "media/d/f"))
    assert storage.path(str(tmp_path / "media/d/f")) == str(path)


def test_a_subclass_whose_path_refuses_has_names_all_the_same(tmp_path):
    """The name of an open file does not raise where path() does by then."""

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
