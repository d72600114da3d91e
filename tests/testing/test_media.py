"""media, capture_media() and the assertions show a test its files."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, default_storage, storages

from inmemorystorage import InMemoryStorage
from inmemorystorage.testing import (
    InMemoryStorageTestMixin,
    Media,
    assertNotStored,
    assertStorageUnchanged,
    assertStored,
    capture_media,
    isolate_storages,
    override_storages,
)


def save(name: str, content: bytes = b"content") -> None:
    """Save a file to the default storage."""
    assert default_storage.save(name, ContentFile(content)) == name


def write(name: str, content: bytes) -> None:
    """Write over a file."""
    with default_storage.open(name, "wb") as file:
        file.write(content)


@pytest.fixture(scope="module", autouse=True)
def _before() -> None:
    """Save files that exist before each test."""
    for name in ("kept.txt", "changed.txt", "d/gone.txt", "d/e/gone.txt", "moved/a.txt"):
        save(name)


def test_a_mapping(media: Media) -> None:
    """The files are a read-only mapping of their names to their contents."""
    save("avatars/a.png", b"png")
    assert media["avatars/a.png"] == b"png"
    assert "avatars/a.png" in media and "avatars" not in media and "b.png" not in media
    assert len(media) == 6
    assert list(media)[:2] == ["avatars/a.png", "changed.txt"]
    with pytest.raises(KeyError):
        media["missing"]
    with pytest.raises(TypeError):
        media["new"] = b""  # type: ignore[index]
    assert "└── moved/\n    └── a.txt (7)" in repr(media)


def test_no_changes_at_the_beginning(media: Media) -> None:
    """At the beginning nothing is created, changed or deleted."""
    assert (media.created, media.changed, media.deleted) == ([], [], [])


def test_changes_since_the_test_began(media: Media) -> None:
    """media lists the files that the test created, changed and deleted."""
    save("new.txt")
    save("n/e/w.txt")
    write("n/e/w.txt", b"written twice")
    write("changed.txt", b"other")
    write("kept.txt", b"content")
    default_storage.delete("d")
    assert media.created == ["n/e/w.txt", "new.txt"]  # sorted
    assert media.changed == ["changed.txt"]
    assert sorted(media.deleted) == ["d/e/gone.txt", "d/gone.txt"]


def test_changes_that_were_undone(media: Media) -> None:
    """A file that was created and deleted, or deleted and restored, is not listed."""
    save("new.txt")
    default_storage.delete("new.txt")
    default_storage.delete("kept.txt")
    save("kept.txt")
    default_storage.delete("changed.txt")
    save("changed.txt", b"other")
    assert (media.created, media.changed, media.deleted) == ([], ["changed.txt"], [])


def test_a_directory_that_replaces_another(media: Media) -> None:
    """Files of a deleted directory are compared with their contents before the test."""
    write("moved/a.txt", b"other")
    default_storage.delete("moved")
    save("moved/b.txt")
    assert (media.created, media.changed, media.deleted) == (["moved/b.txt"], [], ["moved/a.txt"])
    save("moved/a.txt", b"other")
    assert media.changed == ["moved/a.txt"]


def test_files_that_other_code_writes(media: Media) -> None:
    """media shows files that are written by paths."""
    with override_storages(), isolate_storages() as level:
        private = Media(level, "private")
        path = Path(storages["private"].path("d/by-hand.txt"))
        path.parent.mkdir(parents=True)
        path.write_text("by hand")
        assert private.created == ["d/by-hand.txt"]
        assert private["d/by-hand.txt"] == b"by hand"
        assert list(private) == ["d/by-hand.txt"] and "d" not in private
        assert "└── d/\n    └── by-hand.txt (7)" in repr(private)
        assert not Media(None, "private").created
        (path.parent / "linked.txt").symlink_to("by-hand.txt")
        assert list(private) == ["d/by-hand.txt"]


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("*.txt", ["changed.txt", "kept.txt"]),
        ("d/*", ["d/gone.txt"]),
        ("*/*.txt", ["d/gone.txt", "moved/a.txt"]),
        ("d/**/gone.txt", ["d/e/gone.txt", "d/gone.txt"]),
        ("**", ["changed.txt", "d/e/gone.txt", "d/gone.txt", "kept.txt", "moved/a.txt"]),
        ("KEPT.txt", []),
        ("[ck]*", ["changed.txt", "kept.txt"]),
    ],
)
def test_glob(media: Media, pattern: str, names: list[str]) -> None:
    """glob() matches within a directory with one star, across directories with two."""
    assert media.glob(pattern) == names


def test_storages_that_cannot_be_seen(media: Media) -> None:
    """media raises an error that names the cure for a bucket."""
    message = r"see the files of a archive.storages.RemoteStorage.*override_storages"
    with pytest.raises(TypeError, match=message):
        len(media.alias("remote"))


def test_changes_on_a_disk_that_is_not_moved(tmp_path: Path) -> None:
    """media shows files in a test's own directory, and raises an error for their changes."""
    with (
        override_storages({"private": FileSystemStorage(tmp_path)}),
        capture_media("default") as captured,
    ):
        storages["private"].save("a.txt", ContentFile(b""))
        own = captured.alias("private")
        assert list(own) == ["a.txt"]
        with pytest.raises(TypeError, match="is not moved, so its changes are unknown"):
            assert own.created


def test_changes_without_a_floor(tmp_path: Path) -> None:
    """assertStorageUnchanged() raises an error for a disk that no kit moved, and no pass."""
    with mock.patch.dict(vars(storages)["_storages"], disk=FileSystemStorage(tmp_path)):
        with pytest.raises(TypeError, match="set inmemorystorage_override"):
            with assertStorageUnchanged(alias="disk"):
                pass


def test_changes_on_a_disk() -> None:
    """capture_media() lists files that a block creates, changes and deletes on a moved disk."""
    with override_storages({"default": FileSystemStorage("/nowhere/media")}):
        for name in ("kept.txt", "changed.txt", "d/gone.txt"):
            save(name)
        with capture_media() as captured:
            write("changed.txt", b"other")
            save("new.txt")
            os.link(default_storage.path("new.txt"), default_storage.path("linked.txt"))
            shutil.rmtree(default_storage.path("d"))
            with isolate_storages():
                save("undone.txt")
                assert "undone.txt" in captured.created
            found = captured.created, captured.changed, captured.deleted
        assert found == (["linked.txt", "new.txt"], ["changed.txt"], ["d/gone.txt"])
        save("later.txt")
        assert (captured.created, captured.changed, captured.deleted) == found


def test_a_location_that_is_removed() -> None:
    """Files of a directory that is removed are deleted, and those saved again are changed."""
    with override_storages({"default": FileSystemStorage("/nowhere/media")}):
        save("d/gone.txt")
        save("changed.txt")
        with capture_media() as captured:
            shutil.rmtree(default_storage.location)
            assert sorted(captured.deleted) == ["changed.txt", "d/gone.txt"]
            save("changed.txt", b"other")
            save("new.txt")
            found = captured.created, captured.changed, captured.deleted
            assert found == (["new.txt"], ["changed.txt"], ["d/gone.txt"])


def test_a_location_in_a_directory_that_is_removed(settings: Any) -> None:
    """Files are deleted if a directory above the location is removed in a shared tree."""
    settings.INMEMORYSTORAGE_PERSIST = True
    above = InMemoryStorage(location="/deep")
    with override_storages({"default": InMemoryStorage(location="/deep/er/media")}):
        save("gone.txt")
        with capture_media() as captured:
            above.delete("er")
            save("new.txt")
            found = captured.created, captured.changed, captured.deleted
        assert found == (["new.txt"], [], ["gone.txt"])


def test_files_elsewhere_on_the_disk(tmp_path: Path) -> None:
    """media does not list changes at another location of the same disk."""
    other = InMemoryStorage(location=tmp_path / "other", behaves_like="filesystem")
    here = InMemoryStorage(location=tmp_path / "here", behaves_like="filesystem")
    other.save("changed.txt", ContentFile(b"before"))
    with override_storages({"default": here}), capture_media() as captured:
        with other.open("changed.txt", "wb") as file:
            file.write(b"now")
        other.save("new.txt", ContentFile(b""))
        default_storage.save("own.txt", ContentFile(b""))
        found = captured.created, captured.changed, captured.deleted
    assert found == (["own.txt"], [], [])


def test_capture_media() -> None:
    """capture_media() lists the changes of its block, also afterwards, and undoes none."""
    save("before.txt")
    with capture_media() as captured:
        save("inside.txt")
        write("kept.txt", b"other")
        assert captured.created == ["inside.txt"]
    save("after.txt")
    default_storage.delete("inside.txt")
    assert "after.txt" in captured
    assert captured.changed == ["kept.txt"]
    assert captured.created == ["inside.txt"]


def test_captured_changes_roll_back_outside() -> None:
    """The changes of a captured block roll back with the level around it."""
    with isolate_storages():
        write("changed.txt", b"before the block")
        with capture_media():
            save("inside.txt")
            write("changed.txt", b"in the block")
            default_storage.delete("d")
        save("after.txt")
    assert default_storage.listdir("") == (["d", "moved"], ["kept.txt", "changed.txt"])
    assertStored("changed.txt", b"content")
    assertStored("d/e/gone.txt", b"content")


def test_stored() -> None:
    """assertStored() passes for a stored file and its content, as bytes or text."""
    assertStored("kept.txt")
    assertStored("kept.txt", b"content")
    assertStored("kept.txt", "content")
    assertNotStored("missing.txt")
    assertNotStored("d")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("kept_Xy12.txt", None, r"'kept_Xy12.txt' is not stored. Did you mean 'kept.txt'\?"),
        ("nothing like it", None, "'nothing like it' is not stored.\n"),
        ("kept.txt", b"other", "'kept.txt' holds b'content', not b'other'"),
        (
            "kept.txt",
            "other",
            r"Expected 5 .* stored 7 bytes \(\+\):\nline 1:\n- other\n\+ content\n",
        ),
        ("kept.txt", b"x" * 100, r"not b'x{50}'… \(100 bytes\)"),
    ],
)
def test_not_stored(name: str, content: bytes | None, message: str) -> None:
    """A failure shows the tree, and suggests a similar name."""
    with pytest.raises(AssertionError, match=message) as raised:
        assertStored(name, content)
    assert "├── kept.txt (7)" in str(raised.value)


def test_stored_after_all() -> None:
    """assertNotStored() fails for a stored file."""
    with pytest.raises(AssertionError, match="'kept.txt' is stored"):
        assertNotStored("kept.txt")


def test_unchanged() -> None:
    """assertStorageUnchanged() passes for reading, and fails for each change."""
    with assertStorageUnchanged():
        assertStored("kept.txt")
    with pytest.raises(AssertionError, match="created: new.txt\ndeleted: kept.txt"):
        with assertStorageUnchanged():
            save("new.txt")
            default_storage.delete("kept.txt")
    with pytest.raises(KeyError), assertStorageUnchanged():
        save("newer.txt")
        raise KeyError


def test_methods_of_a_test_case() -> None:
    """The mixin has the assertions as methods."""
    case = InMemoryStorageTestMixin()
    case.assertStored("kept.txt", b"content")
    case.assertNotStored("missing.txt")
    with case.assertStorageUnchanged(), case.assertNumStorageOperations(1, "exists"):
        default_storage.exists("kept.txt")
