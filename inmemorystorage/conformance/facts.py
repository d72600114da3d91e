"""Checks of what a storage says about its files, and of ``delete()``."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from django.conf import settings
from django.core.files.storage import Storage
from django.db.migrations.writer import MigrationWriter
from django.utils import timezone

from . import sources
from .catalog import check
from .workspace import Workspace, expect, expect_equal

# Longer than a tick of any clock for file times, except for those of whole seconds.
TICK = 0.02


@check(sources.SUBCLASS)
def storage_is_a_subclass(space: Workspace) -> None:
    """The class of a storage is derived from Django's Storage."""
    expect(isinstance(space.storage, Storage), f"{type(space.storage)} is not derived from Storage")


@check(sources.SERIALIZED)
def storage_is_serialized(space: Workspace) -> None:
    """A migration can contain the storage."""
    text, imports = MigrationWriter.serialize(space.storage)
    expect(type(space.storage).__name__ in text, f"the migration would contain {text!r}")
    expect(imports, "the migration would not import the class")


@check(sources.EXISTS)
def saved_file_exists(space: Workspace) -> None:
    """exists() returns True for a file."""
    for name in ("a", "d/a"):
        expect_equal(space.exists(space.save(name)), True, f"exists({name!r})")


@check(sources.EXISTS, "writes")
def written_file_exists(space: Workspace) -> None:
    """exists() returns True for a file that a handle wrote."""
    space.save("other")  # makes the directory
    space.write("a", b"content")
    expect(space.exists("a"), "it does not exist")


@check(sources.EXISTS)
def missing_file_does_not_exist(space: Workspace) -> None:
    """exists() returns False for a missing file, and creates nothing."""
    space.save("d/abc")
    for name in ("missing", "d/missing", "missing/abc", "d/ab", "d/abcd", "d/missing"):
        expect_equal(space.exists(name), False, f"exists({name!r})")


@check(sources.EXAMPLE_DELETED, "deletes")
def deleted_file_does_not_exist(space: Workspace) -> None:
    """exists() returns False for a file that was deleted."""
    space.delete(space.save("d/a", b"content"))
    expect(not space.exists("d/a"), "it still exists")


@check(sources.DELETE, "deletes")
def other_files_are_not_deleted(space: Workspace) -> None:
    """delete() deletes no other file."""
    others = [space.save(name, b"content") for name in ("a", "d/ab", "d/a.txt", "d/e/a")]
    space.delete(space.save("d/a"))
    for name in others:
        expect_equal(space.read(name), b"content", f"the content of {name!r}")


@check(sources.DELETE, "deletes")
def deleted_name_is_free(space: Workspace) -> None:
    """save() takes the name of a deleted file, with the new content alone."""
    space.delete(space.save("a", b"the old content"))
    expect_equal(space.save("a", b"new"), "a", "the name")
    expect_equal(space.read("a"), b"new", "the content")


@check(sources.DELETE_RAISES, "deletes")
def missing_file_is_deleted_silently(space: Workspace) -> None:
    """delete() of a missing file raises nothing."""
    space.save("d/a")
    for name in ("missing", "d/missing"):
        space.delete(name)


@check(sources.SIZE, "sizes")
def size_is_in_bytes(space: Workspace) -> None:
    """size() returns the number of bytes of a file."""
    for content in (b"", "é日".encode(), b"x" * 10_000):
        name = space.name(space.save("a", content))
        expect_equal(space.storage.size(name), len(content), f"size() of {len(content)} bytes")


@check(sources.SIZE, "sizes", "writes")
def size_follows_writes(space: Workspace) -> None:
    """size() returns the number of bytes that a handle wrote."""
    name = space.save("a", b"content")
    space.storage.size(space.name(name))
    space.write(name, b"a longer content")
    expect_equal(space.storage.size(space.name(name)), 16, "size()")


@check(sources.LISTDIR, "lists")
def listdir_returns_two_lists(space: Workspace) -> None:
    """listdir() returns a tuple of all directories and all files, each of them once."""
    for name in ("a", "b.txt", "d/a", "d/e/a", "d/e/b", "f/a"):
        space.save(name)
    listed = space.storage.listdir(space.name(""))
    expect_equal(len(listed), 2, "the length of the tuple")
    expect_equal(space.listdir(), (["d", "f"], ["a", "b.txt"]), "listdir()")
    expect_equal(space.listdir("d"), (["e"], ["a"]), "listdir('d')")


@check(sources.LISTDIR, "lists")
def listdir_lists_one_directory(space: Workspace) -> None:
    """listdir() returns only names in one directory, without its path."""
    for name in ("a", "d/b", "d/e/c", "d/e/f/g", "dd/h"):
        space.save(name)
    for directory, expected in (("d", {"e", "b"}), ("d/e", {"f", "c"})):
        directories, files = space.storage.listdir(space.name(directory))
        others = {*(each.rstrip("/") for each in directories), *files} - expected
        expect(not others, f"listdir({directory!r}) contains {sorted(others)}")


@check(sources.LISTDIR, "lists")
def listdir_lists_the_root(space: Workspace) -> None:
    """listdir("") lists the storage itself."""
    space.save("d/a")
    directories, files = space.storage.listdir("")
    listed = [name.rstrip("/") for name in (*directories, *files)]
    top = space.directory.partition("/")[0]
    expect(top in listed, f"{top!r} is not in it")


@check(sources.LISTDIR, "lists", "deletes")
def listdir_omits_deleted_files(space: Workspace) -> None:
    """listdir() does not return a file that was deleted."""
    space.save("b")
    space.delete(space.save("a"))
    directories, files = space.listdir()
    expect("a" not in (*directories, *files), "it returns the file")


@check(sources.LISTDIR, "lists", "deletes", "directories")
def listdir_returns_empty_directories(space: Workspace) -> None:
    """listdir() returns a directory whose last file was deleted, which is empty."""
    space.delete(space.save("d/a"))
    directories, files = space.listdir()
    expect("d" in (*directories, *files), "it does not return the directory")
    expect_equal(space.listdir("d"), ([], []), "listdir('d')")


@check(sources.PATH, "paths")
def file_is_at_its_path(space: Workspace) -> None:
    """Python's open() reads a file at its path()."""
    path = space.storage.path(space.name(space.save("d/a", b"content")))
    with open(path, "rb") as file:
        expect_equal(file.read(), b"content", "the content at path()")


@check(sources.URL, "urls")
def url_is_a_text(space: Workspace) -> None:
    """url() returns an ASCII text, without spaces, for any name."""
    for name in ("a.txt", "d/a b.txt", "é 日.txt"):
        url = space.storage.url(space.name(space.save(name)))
        expect(
            isinstance(url, str) and re.fullmatch(r"[!-~]+", url),
            f"url({name!r}) is not quoted: {url!r}",
        )


@check(sources.URL, "urls")
def urls_are_different(space: Workspace) -> None:
    """url() returns different URLs for different files."""
    names = ["a", "b", "d/a", "a#b", "a?b", "a%23b"]
    urls = {space.storage.url(space.name(space.save(name))) for name in names}
    paths = {re.split("[?#]", url)[0] for url in urls}
    expect_equal(len(paths), len(names), f"the number of different URLs of {len(names)} files")


def _expect_time(ask: Callable[[str], datetime], space: Workspace) -> None:
    """Ask for the time of a new file, which must be the present, and aware with USE_TZ."""
    answer = ask(space.name(space.save("a", b"content")))
    expect_equal(timezone.is_aware(answer), settings.USE_TZ, f"{answer!r} is aware")
    now = timezone.now() if settings.USE_TZ else datetime.now()
    expect(abs(now - answer) < timedelta(minutes=5), f"it is {answer!r}, and now is {now!r}")


@check(sources.MODIFIED_AWARE, "modified_time")
def modified_time_is_the_present(space: Workspace) -> None:
    """get_modified_time() of a new file returns the present, aware if USE_TZ is True."""
    _expect_time(space.storage.get_modified_time, space)


@check(sources.CREATED_AWARE, "created_time")
def created_time_is_the_present(space: Workspace) -> None:
    """get_created_time() of a new file returns the present, aware if USE_TZ is True."""
    _expect_time(space.storage.get_created_time, space)


@check(sources.ACCESSED_AWARE, "accessed_time")
def accessed_time_is_the_present(space: Workspace) -> None:
    """get_accessed_time() of a new file returns the present, aware if USE_TZ is True."""
    _expect_time(space.storage.get_accessed_time, space)


@check(sources.MODIFIED_TIME, "modified_time", "writes")
def writing_moves_the_modified_time(space: Workspace) -> None:
    """get_modified_time() returns a later time after a write."""
    name = space.save("a", b"content")
    before = space.storage.get_modified_time(space.name(name))
    # The times of object stores have whole seconds.
    time.sleep(TICK if before.microsecond else 1)
    space.write(name, b"changed")
    after = space.storage.get_modified_time(space.name(name))
    expect(after > before, f"it was {before!r} before, and {after!r} after")


@check(sources.MODIFIED_TIME, "modified_time")
def reading_keeps_the_modified_time(space: Workspace) -> None:
    """get_modified_time() returns the same time after a file was opened and read."""
    name = space.save("a", b"content")
    before = space.storage.get_modified_time(space.name(name))
    time.sleep(TICK)
    space.read(name)
    expect_equal(space.storage.get_modified_time(space.name(name)), before, "the time")
