"""tree(), load(), dump() and repr(); the files of one process handed over to the next."""

from __future__ import annotations

import io
import os
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
    """tree() is text for a person."""
    assert storage.tree().splitlines() == [
        "/srv/media/",
        "├── a/",
        "│   ├── d.txt (1)",
        "│   └── deep/",
        "│       └── c.txt (0)",
        "└── b.txt (1,234)",
    ]


def test_repr_says_what_there_is(storage):
    """Repr says backend, behavior, location, files and bytes."""
    assert repr(storage) == (
        "<InMemoryStorage behaves_like='memory' location='/srv/media' files=3 bytes=1235>"
    )


def test_dump_writes_all_files(storage, tmp_path):
    """dump() copies each file with its modification time, and names them."""
    assert storage.dump(tmp_path / "new") == ["a/d.txt", "a/deep/c.txt", "b.txt"]
    assert (tmp_path / "new/a/d.txt").read_bytes() == b"d"
    modified = storage.get_modified_time("b.txt").timestamp()
    assert (tmp_path / "new/b.txt").stat().st_mtime == pytest.approx(modified)


def test_load_reads_all_files(storage, tmp_path):
    """load() is the way back, over what has the same name."""
    storage.dump(tmp_path)
    (tmp_path / "b.txt").write_bytes(b"changed")
    os.utime(tmp_path / "b.txt", (1, 1_000_000_000))
    assert storage.load(str(tmp_path)) == ["a/d.txt", "a/deep/c.txt", "b.txt"]
    assert storage.open("b.txt").read() == b"changed"
    assert storage.get_modified_time("b.txt").timestamp() == 1_000_000_000


def test_load_follows_links(tmp_path):
    """A link to a directory is loaded as one."""
    (tmp_path / "real").mkdir()
    (tmp_path / "real/f").write_bytes(b"x")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert InMemoryStorage().load(tmp_path) == ["link/f", "real/f"]


def test_load_does_not_go_in_circles(tmp_path):
    """Links that lead back are followed once."""
    (tmp_path / "f").write_bytes(b"")
    for name in ("one", "two"):
        (tmp_path / name).symlink_to(tmp_path)
    assert InMemoryStorage().load(tmp_path) == ["f"]


def test_load_refuses_what_is_no_file(tmp_path):
    """A pipe would be read for ever."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="neither a file nor a directory"):
        InMemoryStorage().load(tmp_path)


def test_a_location_that_is_a_file_has_nothing_to_show(tmp_path):
    """Repr and tree() do not raise where there is no directory."""
    options = {"behaves_like": "filesystem"}
    InMemoryStorage(location=tmp_path, **options).save("f", b"")
    storage = InMemoryStorage(location=tmp_path / "f", **options)
    assert "files=0 bytes=0" in repr(storage)
    assert storage.tree() == f"{tmp_path}/f/"


@pytest.mark.parametrize(("name", "error"), [("no", FileNotFoundError), ("f", NotADirectoryError)])
def test_load_needs_a_directory(storage, tmp_path, name, error):
    """A source that is no directory is refused."""
    (tmp_path / "f").write_bytes(b"")
    with pytest.raises(error):
        storage.load(tmp_path / name)


@pytest.mark.parametrize(
    ("taken", "error"),
    [("z", NotADirectoryError), ("z/f/x", IsADirectoryError)],
)
def test_load_is_all_or_nothing(tmp_path, taken, error):
    """Where one file does not fit, none is loaded."""
    (tmp_path / "z").mkdir()
    (tmp_path / "z/f").write_bytes(b"")
    (tmp_path / "a").write_bytes(b"")
    storage = InMemoryStorage()
    storage.save(taken, b"")
    with pytest.raises(error):
        storage.load(tmp_path)
    assert not storage.exists("a")


def test_load_keeps_to_max_size(tmp_path):
    """What is over max_size is refused whole; what is replaced makes room."""
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


def test_load_says_what_cannot_be_read(tmp_path):
    """A link that leads nowhere is an error, not left out in silence."""
    (tmp_path / "broken").symlink_to(tmp_path / "nothing")
    with pytest.raises(FileNotFoundError):
        InMemoryStorage().load(tmp_path)


def test_a_directory_that_cannot_be_entered_is_an_error(tmp_path, monkeypatch):
    """What the walk cannot list is an error too."""
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
    """Save something, long ago."""
    storage.save(name, ContentFile(b"content"))
    node = storage.filesystem.resolve(name)
    node.created = node.modified = 1_000_000_000
    return name


def handed_over() -> io.BytesIO:
    """Return what the next process gets."""
    file = io.BytesIO()
    dump_files(file)
    file.seek(0)
    return file


def test_aliases_and_fields() -> None:
    """Each storage has its files again, with their times: those of aliases and those of fields."""
    owners = [default_storage, storage_of("own"), storage_of("chosen")]
    for owner in owners:
        save(owner)
    file = handed_over()
    for owner in owners:
        owner.delete("d")
        save(owner, "new.txt")
    load_files(file)
    for owner in owners:
        assert owner.open("d/a.txt").read() == b"content"
        assert owner.get_modified_time("d/a.txt").timestamp() == 1_000_000_000
        assert owner.exists("new.txt")  # what the next process has made by itself stays
        owner.save("d/b.txt", ContentFile(b"more"))


def test_directories_become_one() -> None:
    """What the next process has made in a directory of the same name stays beside it."""
    save(default_storage)
    file = handed_over()
    default_storage.delete("d/a.txt")
    save(default_storage, "d/new.txt")
    load_files(file)
    assert sorted(default_storage.listdir("d")[1]) == ["a.txt", "new.txt"]


def test_storages_that_share_by_location(settings: Any, tmp_path: Path) -> None:
    """The one tree of all that share by their location is handed over, whoever made them."""
    settings.INMEMORYSTORAGE_PERSIST = True
    here = {"location": "/here"}
    save(InMemoryStorage(**here))
    use_storage(settings, "default", IN_MEMORY, location="/here/d")
    file = handed_over()
    InMemoryStorage(**here).delete("d")
    load_files(file)
    assert default_storage.exists("a.txt") and InMemoryStorage(**here).exists("d/a.txt")


def test_lent_paths(settings: Any) -> None:
    """What other programs did at lent paths is handed over too."""
    use_storage(settings, "default", IN_MEMORY, lend_paths=True)
    Path(default_storage.path(save(default_storage))).write_bytes(b"outside")
    file = handed_over()
    default_storage.delete("d")
    load_files(file)
    assert default_storage.open("d/a.txt").read() == b"outside"


def test_what_the_project_has_no_longer(settings: Any) -> None:
    """What belonged to a name that is gone, or is not in memory now, is left out."""
    use_storage(settings, "gone", IN_MEMORY)
    save(storages["gone"])
    save(default_storage)
    file = handed_over()
    use_storage(settings, "default", "archive.storages.RemoteStorage")
    del settings.STORAGES["gone"]
    storages._backends = settings.STORAGES
    storages.__dict__.pop("backends", None)
    load_files(file)


def test_real_storages_are_left_alone() -> None:
    """What is not in memory is not read: the project's disks and buckets have what they have."""
    assert isinstance(Document._meta.get_field("remote"), models.FileField)
    assert b"RemoteStorage" not in handed_over().getvalue()
