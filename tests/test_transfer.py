"""tree(), load(), dump() and repr(), and the files that one process dumps for the next."""

from __future__ import annotations

import io
import os
import pickle
import subprocess
from pathlib import Path
from typing import Any

import pytest
from archive.models import Document
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage, storages
from django.db import models
from overrides import use_storage
from uploads.models import Upload

from inmemorystorage import InMemoryStorage
from inmemorystorage.transfer import dump_files, load_files

IN_MEMORY = "inmemorystorage.InMemoryStorage"


@pytest.fixture
def storage():
    """Return a storage with three files."""
    storage = InMemoryStorage(location="/srv/media")
    storage.save("b.txt", b"x" * 1234)
    storage.save("a/deep/c.txt", b"")
    storage.save("a/d.txt", b"d")
    return storage


def test_tree_shows_names_and_sizes(storage):
    """tree() draws names and sizes as text."""
    assert storage.tree().splitlines() == [
        "/srv/media/",
        "├── a/",
        "│   ├── d.txt (1)",
        "│   └── deep/",
        "│       └── c.txt (0)",
        "└── b.txt (1,234)",
    ]


def test_repr_counts_files_and_bytes(storage):
    """repr() names the behavior and the location, and counts files and bytes."""
    assert repr(storage) == (
        "<InMemoryStorage behaves_like='memory' location='/srv/media' files=3 bytes=1235>"
    )


def test_dump_writes_all_files(storage, tmp_path):
    """dump() writes each file with its modification time, and returns the names."""
    assert storage.dump(tmp_path / "new") == ["a/d.txt", "a/deep/c.txt", "b.txt"]
    assert (tmp_path / "new/a/d.txt").read_bytes() == b"d"
    modified = storage.get_modified_time("b.txt").timestamp()
    assert (tmp_path / "new/b.txt").stat().st_mtime == pytest.approx(modified)


def test_load_reads_all_files(storage, tmp_path):
    """load() reads each file with its modification time, and replaces existing ones."""
    storage.dump(tmp_path)
    (tmp_path / "b.txt").write_bytes(b"changed")
    os.utime(tmp_path / "b.txt", (1, 1_000_000_000))
    assert storage.load(str(tmp_path)) == ["a/d.txt", "a/deep/c.txt", "b.txt"]
    assert storage.open("b.txt").read() == b"changed"
    assert storage.get_modified_time("b.txt").timestamp() == 1_000_000_000


def test_load_follows_links(tmp_path):
    """load() reads the files of a linked directory."""
    (tmp_path / "real").mkdir()
    (tmp_path / "real/f").write_bytes(b"x")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert InMemoryStorage().load(tmp_path) == ["link/f", "real/f"]


def test_load_follows_a_circle_of_links_once(tmp_path):
    """load() follows links that lead back once."""
    (tmp_path / "f").write_bytes(b"")
    for name in ("one", "two"):
        (tmp_path / name).symlink_to(tmp_path)
    assert InMemoryStorage().load(tmp_path) == ["f"]


def test_deep_directories(tmp_path):
    """tree(), dump(), load(), repr() and pickle follow directories deeper than Python recurses."""
    storage = InMemoryStorage(location="/srv")
    name = storage.save("d/" * 1500 + "f", b"content")
    assert storage.tree().endswith("f (7)") and "files=1 bytes=7" in repr(storage)
    assert storage.dump(tmp_path) == [name]
    other = InMemoryStorage()
    assert other.load(tmp_path) == [name]
    assert pickle.loads(pickle.dumps(other)).open(name).read() == b"content"
    subprocess.run(["rm", "-r", tmp_path / "d"], check=True)  # shutil.rmtree() recurses


def test_load_refuses_a_pipe(tmp_path):
    """load() refuses a pipe, which it would read for ever."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="neither a file nor a directory"):
        InMemoryStorage().load(tmp_path)


def test_tree_of_a_location_that_is_a_file(tmp_path):
    """tree() and repr() show no file if the location is a file."""
    options = {"behaves_like": "filesystem"}
    InMemoryStorage(location=tmp_path, **options).save("f", b"")
    storage = InMemoryStorage(location=tmp_path / "f", **options)
    assert "files=0 bytes=0" in repr(storage)
    assert storage.tree() == f"{tmp_path}/f/"


@pytest.mark.parametrize(("name", "error"), [("no", FileNotFoundError), ("f", NotADirectoryError)])
def test_load_needs_a_directory(storage, tmp_path, name, error):
    """load() refuses a source that is not a directory."""
    (tmp_path / "f").write_bytes(b"")
    with pytest.raises(error):
        storage.load(tmp_path / name)


@pytest.mark.parametrize(
    ("taken", "error"),
    [("z", NotADirectoryError), ("z/f/x", IsADirectoryError)],
)
def test_load_is_all_or_nothing(tmp_path, taken, error):
    """load() loads no file if one cannot be stored."""
    (tmp_path / "z").mkdir()
    (tmp_path / "z/f").write_bytes(b"")
    (tmp_path / "a").write_bytes(b"")
    storage = InMemoryStorage()
    storage.save(taken, b"")
    with pytest.raises(error):
        storage.load(tmp_path)
    assert not storage.exists("a")


def test_load_keeps_to_max_size(tmp_path):
    """load() raises past max_size and loads nothing, but counts replaced files as room."""
    (tmp_path / "a").write_bytes(b"12345")
    (tmp_path / "b").write_bytes(b"12345")
    storage = InMemoryStorage(max_size=9)
    with pytest.raises(OSError, match="No space left"):
        storage.load(tmp_path)
    assert storage.listdir("") == ([], [])
    (tmp_path / "b").write_bytes(b"1234")
    storage.load(tmp_path)
    storage.load(tmp_path)
    assert storage.listdir("") == ([], ["a", "b"])


def test_load_of_a_broken_link_raises(tmp_path):
    """load() raises for a broken link."""
    (tmp_path / "broken").symlink_to(tmp_path / "nothing")
    with pytest.raises(FileNotFoundError):
        InMemoryStorage().load(tmp_path)


def test_load_of_a_locked_directory_raises(tmp_path, monkeypatch):
    """load() raises for a directory that it cannot list."""
    real = os.scandir

    def refuse(path):
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    (tmp_path / "locked").mkdir()
    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(PermissionError):
        InMemoryStorage().load(tmp_path)


# dump_files() and load_files().


def storage_of(name: str) -> Any:
    """Return the storage of a field."""
    return Upload._meta.get_field(name).storage


def save(storage: Any, name: str = "d/a.txt") -> str:
    """Save a file with times of long ago; return its name."""
    storage.save(name, ContentFile(b"content"))
    node = storage.filesystem.resolve(name)
    node.created = node.modified = 1_000_000_000
    return name


def dumped() -> io.BytesIO:
    """Return the files as the next process gets them."""
    file = io.BytesIO()
    dump_files(file)
    file.seek(0)
    return file


def test_files_of_aliases_and_fields_are_loaded() -> None:
    """load_files() restores the files of aliases and fields, with their times."""
    owners = [default_storage, storage_of("own"), storage_of("chosen")]
    for owner in owners:
        save(owner)
    file = dumped()
    for owner in owners:
        owner.delete("d")
        save(owner, "new.txt")
    load_files(file)
    for owner in owners:
        assert owner.open("d/a.txt").read() == b"content"
        assert owner.get_modified_time("d/a.txt").timestamp() == 1_000_000_000
        assert owner.exists("new.txt")  # a file of the next process stays
        owner.save("d/b.txt", ContentFile(b"more"))


def test_directories_are_merged() -> None:
    """load_files() keeps new files in a directory of the same name."""
    save(default_storage)
    file = dumped()
    default_storage.delete("d/a.txt")
    save(default_storage, "d/new.txt")
    load_files(file)
    assert sorted(default_storage.listdir("d")[1]) == ["a.txt", "new.txt"]


def test_shared_files_are_loaded(settings: Any, tmp_path: Path) -> None:
    """load_files() restores the tree of all storages that share by location."""
    settings.INMEMORYSTORAGE_PERSIST = True
    here = {"location": "/here"}
    save(InMemoryStorage(**here))
    use_storage(settings, "default", IN_MEMORY, location="/here/d")
    file = dumped()
    InMemoryStorage(**here).delete("d")
    load_files(file)
    assert default_storage.exists("a.txt") and InMemoryStorage(**here).exists("d/a.txt")


def test_changes_at_lent_paths_are_dumped(settings: Any) -> None:
    """dump_files() writes what other programs did at lent paths."""
    use_storage(settings, "default", IN_MEMORY, lend_paths=True)
    Path(default_storage.path(save(default_storage))).write_bytes(b"outside")
    file = dumped()
    default_storage.delete("d")
    load_files(file)
    assert default_storage.open("d/a.txt").read() == b"outside"


def test_labels_that_no_longer_exist_are_skipped(settings: Any) -> None:
    """load_files() skips labels that no longer exist, or are not in memory now."""
    use_storage(settings, "gone", IN_MEMORY)
    save(storages["gone"])
    save(default_storage)
    file = dumped()
    use_storage(settings, "default", "archive.storages.RemoteStorage")
    del settings.STORAGES["gone"]
    storages._backends = settings.STORAGES
    storages.__dict__.pop("backends", None)
    load_files(file)


def test_other_storages_are_not_dumped() -> None:
    """dump_files() does not read disks and buckets."""
    assert isinstance(Document._meta.get_field("remote"), models.FileField)
    assert b"RemoteStorage" not in dumped().getvalue()
