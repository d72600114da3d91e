"""The exceptions carry what a caller needs, through pickles too."""

import errno
import pickle

import pytest

from inmemorystorage import PathDoesNotExist, ReadOnlyStorageError
from inmemorystorage.exceptions import os_error


def test_a_missing_path_is_a_missing_file():
    """PathDoesNotExist is a FileNotFoundError with errno, message and path."""
    error = PathDoesNotExist("a/b.txt")
    assert isinstance(error, FileNotFoundError)
    assert (error.errno, error.path, error.filename) == (errno.ENOENT, "a/b.txt", "a/b.txt")
    assert "a/b.txt" in str(error)


def test_a_missing_path_survives_a_pickle():
    """A test runner hands exceptions from process to process."""
    error = pickle.loads(pickle.dumps(PathDoesNotExist("a/b.txt")))
    assert type(error) is PathDoesNotExist
    assert error.path == "a/b.txt"


def test_a_read_only_storage_is_an_error_of_the_system():
    """ReadOnlyStorageError is an OSError, EROFS, with the name; a pickle keeps it."""
    for error in [made := ReadOnlyStorageError("no", "a.txt"), pickle.loads(pickle.dumps(made))]:
        assert type(error) is ReadOnlyStorageError and isinstance(error, OSError)
        assert (error.errno, error.strerror, error.filename) == (errno.EROFS, "no", "a.txt")


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (errno.ENOENT, PathDoesNotExist),
        (errno.ENOTDIR, NotADirectoryError),
        (errno.EISDIR, IsADirectoryError),
        (errno.EEXIST, FileExistsError),
        (errno.ENOSPC, OSError),
    ],
)
def test_errno_becomes_the_standard_class(code, expected):
    """An errno becomes the class that Python has for it."""
    error = os_error(code, "a")
    assert type(error) is expected
    assert (error.errno, error.filename) == (code, "a")
