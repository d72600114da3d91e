"""The attributes of the exceptions, also after a pickle."""

import errno
import pickle

import pytest

from inmemorystorage import PathDoesNotExist, ReadOnlyStorageError
from inmemorystorage.exceptions import os_error


def test_path_does_not_exist_is_a_file_not_found_error():
    """PathDoesNotExist is a FileNotFoundError with errno, message and path."""
    error = PathDoesNotExist("a/b.txt")
    assert isinstance(error, FileNotFoundError)
    assert (error.errno, error.path, error.filename) == (errno.ENOENT, "a/b.txt", "a/b.txt")
    assert "a/b.txt" in str(error)


def test_path_does_not_exist_can_be_pickled():
    """PathDoesNotExist keeps its path through a pickle, as test runners need it."""
    error = pickle.loads(pickle.dumps(PathDoesNotExist("a/b.txt")))
    assert type(error) is PathDoesNotExist
    assert error.path == "a/b.txt"


def test_read_only_storage_error_is_an_os_error():
    """ReadOnlyStorageError is an OSError, EROFS, with the name, also after a pickle."""
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
def test_os_error_has_the_class_of_its_errno(code, expected):
    """os_error() returns the class that Python has for an errno."""
    error = os_error(code, "a")
    assert type(error) is expected
    assert (error.errno, error.filename) == (code, "a")
