"""The files of one process handed over to the next."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from archive.models import Document
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage, storages
from django.db import models
from overrides import use_storage
from uploads.models import Upload

from inmemorystorage import InMemoryStorage
from inmemorystorage.transfer import dump_files, load_files

IN_MEMORY = "inmemorystorage.InMemoryStorage"


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
