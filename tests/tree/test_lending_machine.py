"""Random steps at the paths of FileSystemStorage and at lent paths, with equal results."""

import os
import shutil
import tempfile
from pathlib import Path

from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage
from hypothesis import given
from hypothesis import strategies as st
from tree.lent import FILESYSTEM, copy_with_times, lending, on_disk, read, replace, write

NAMES = ["a", "d", "d/a", "d/e", "d/e/a", "x/y/z"]


def path_of(storage, name):
    """Return the path of a name; make the directories above it, as lending does."""
    path = Path(storage.path(name))
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def append(path, content):
    """Append to the file at a path."""
    with path.open("ab") as file:
        file.write(content)


def use(storage, name, mode, content):
    """Write through a handle of the storage, and truncate the rest."""
    with storage.open(name, mode) as file:
        file.write(content)
        file.truncate()


# Steps at a path, then steps through the storage.
OUTSIDE = {
    "write": write,
    "append": append,
    "replace": replace,
    "copy": copy_with_times,
    "truncate": lambda path, content: os.truncate(path, len(content)),
    "remove": lambda path, content: path.unlink(),
    "rmdir": lambda path, content: path.rmdir(),
    "rmtree": lambda path, content: shutil.rmtree(path),
    "makedirs": lambda path, content: path.mkdir(parents=True, exist_ok=True),
}
INSIDE = {
    "save": lambda storage, name, content: (
        storage.exists(name) or storage.save(name, ContentFile(content))
    ),
    "delete": lambda storage, name, content: storage.delete(name),
    "exists": lambda storage, name, content: storage.exists(name),
    "read": lambda storage, name, content: read(storage, name),
    "listdir": lambda storage, name, content: [sorted(names) for names in storage.listdir(name)],
    **{
        mode: lambda storage, name, content, mode=mode: use(storage, name, mode, content)
        for mode in ["wb", "xb", "ab", "r+b"]
    },
}
steps = st.tuples(
    st.sampled_from([*OUTSIDE, *INSIDE]), st.sampled_from(NAMES), st.sampled_from([b"", b"1", b"2"])
)


def outcome(storage, step, name, content):
    """Take a step; return its result, or its error."""
    try:
        if step in OUTSIDE:
            return OUTSIDE[step](path_of(storage, name), content) and None
        return INSIDE[step](storage, name, content)
    except OSError as error:
        return isinstance(error, FileNotFoundError) or type(error), error.errno


def tree(storage, name=""):
    """Return all names below a name, with the contents of files."""
    directories, files = storage.listdir(name)
    found = {os.path.join(name, file): read(storage, os.path.join(name, file)) for file in files}
    for directory in directories:
        found |= {os.path.join(name, directory): None}
        found |= tree(storage, os.path.join(name, directory))
    return found


@given(st.lists(steps, max_size=30), st.booleans())
def test_lent_paths_behave_as_a_disk(taken, is_whole):
    """Each step has the same result, and leaves the same files in the tree and on the disk."""
    with tempfile.TemporaryDirectory() as top, lending(Path(top, "lent"), **FILESYSTEM) as storage:
        disk = FileSystemStorage(Path(top, "disk"))
        Path(disk.location).mkdir()
        if is_whole:
            storage.path("")
        for step in taken:
            assert outcome(storage, *step) == outcome(disk, *step)
        assert tree(storage) == tree(disk)
        assert not is_whole or on_disk(storage) == on_disk(disk)
