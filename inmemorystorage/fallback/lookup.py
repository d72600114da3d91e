"""Reading: the backends asked in their order, and the first success is the answer."""

from __future__ import annotations

import contextlib
import posixpath
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, NoReturn

from django.core.exceptions import SuspiciousOperation
from django.core.files.storage import Storage

from ..exceptions import PathDoesNotExist
from .backends import Backend, logger, normal
from .cache import ReadCache
from .copying import wait_for_copy
from .failures import raise_failure
from .marks import Marks
from .routes import Route

# What a bucket lists for keys with two slashes, or one at their end.
_NO_NAMES = {"", "."}


class Inquiry:
    """
    One question put to several backends.

    :param backends: those that may know; one without the method is passed over.

    Iterating gives those that answer, each with its answer; ``failures`` has the errors of others.
    """

    def __init__(self, backends: Iterable[Backend], operation: str, name: Any) -> None:
        self._backends = backends
        self._operation = operation
        self._name = name
        self.failures: list[tuple[str, Exception]] = []

    def answers(self, *args: Any, **kwargs: Any) -> Iterator[tuple[Backend, Any]]:
        """Ask one after the other, as long as somebody wants to know."""
        for backend in self._backends:
            if not backend.has(self._operation):
                continue
            try:
                answer = backend.ask(self._operation, self._name, *args, **kwargs)
            except SuspiciousOperation:  # it is the name that is wrong, for all of them
                raise
            except Exception as error:
                self.failures.append((backend.label, error))
                logger.debug("%s(%r) on %s: %s", self._operation, self._name, backend.label, error)
            else:
                yield backend, answer

    def check_method(self, everyone: list[Backend]) -> None:
        """Raise ``AttributeError`` where no backend has the method."""
        if not any(backend.has(self._operation) for backend in everyone):
            labels = ", ".join(backend.label for backend in everyone)
            raise AttributeError(f"No backend has the method {self._operation!r}: {labels}.")

    def fail(self, everyone: list[Backend]) -> NoReturn:
        """Raise what the failures come to."""
        self.check_method(everyone)
        missing = ("", PathDoesNotExist(str(self._name)))
        raise_failure(self.failures or [missing], str(self._name))


class LookupMixin(Storage):
    """Ask several backends for what one storage would know."""

    _deleted: Marks | None
    _cache: ReadCache | None
    _reserved: str

    if TYPE_CHECKING:

        @property
        def _backends(self) -> list[Backend]: ...

    def _asked(self, name: Any, *, copies_count: bool) -> Iterator[Backend]:
        """
        Yield the backends that may have a file.

        :param copies_count: whether a copy that was made for reading is as good as the file; else
            it comes last.
        """
        form = normal(name)
        backends = [each for each in self._backends if each.route.admits(form)]
        if not copies_count and self._is_copy(form):
            backends.sort(key=lambda each: each.is_writable)
        return self._visible(form, backends)

    def _visible(self, form: str, backends: list[Backend]) -> Iterator[Backend]:
        """Yield backends, without those below for a name that was deleted from them."""
        if self._is_reserved(form):
            return
        is_hidden: bool | None = None
        for backend in backends:
            if not backend.is_writable and is_hidden is None:
                is_hidden = self._is_hidden(form)
            if backend.is_writable or not is_hidden:
                yield backend

    def _is_reserved(self, form: str) -> bool:
        return self._reserved in form.split("/")

    def _is_hidden(self, form: str) -> bool:
        """Return whether a name, or a directory above it, was deleted from what is below."""
        if self._deleted is None or not is_inside(form):
            return False
        with _telling_of_failures(form):
            return self._deleted.covers(form)
        return False

    def _deleted_in(self, directory: str) -> set[str]:
        """Return the names in a directory that were deleted from what is below."""
        if self._deleted is not None:
            with _telling_of_failures(directory):
                return self._deleted.names_in(directory)
        return set()

    def _is_copy(self, form: str) -> bool:
        return self._cache is not None and is_inside(form) and self._cache.has(form)

    def _first(
        self, operation: str, name: Any, *args: Any, copies_count: bool = False, **kwargs: Any
    ) -> tuple[Backend, Any]:
        """Return the first backend that has an answer, and the answer."""
        asked = self._asked(name, copies_count=copies_count)
        return self._first_of(asked, operation, name, *args, **kwargs)

    def _first_of(
        self, backends: Iterable[Backend], operation: str, name: Any, *args: Any, **kwargs: Any
    ) -> tuple[Backend, Any]:
        inquiry = Inquiry(backends, operation, name)
        for backend, answer in inquiry.answers(*args, **kwargs):
            return backend, answer
        inquiry.fail(self._backends)

    def _holder(self, name: Any, *, copies_count: bool = False) -> Backend | None:
        """Return the backend that has a file; raise where none can tell."""
        inquiry = Inquiry(self._asked(name, copies_count=copies_count), "exists", name)
        answers = 0
        for backend, is_there in inquiry.answers():
            if is_there:
                return backend
            answers += 1
        if inquiry.failures and not answers:
            inquiry.fail(self._backends)
        inquiry.check_method(self._backends)
        return None

    def exists(self, name: str) -> bool:
        """
        Return whether any backend has a file of that name.

        One that does not answer has none; where none answers, the first one's error is raised.
        """
        return self._holder(name, copies_count=True) is not None

    def which(self, name: str) -> Any:
        """
        Return the backend that has a file, as ``backends`` names it; ``None`` where none has.

        A copy that was made for reading is not the file.
        """
        holder = self._holder(name)
        return None if holder is None else holder.entry

    def size(self, name: str) -> int:
        """Return the bytes that a file has; raise ``FileNotFoundError`` where there is none."""
        wait_for_copy(normal(name))
        size: int = self._first("size", name, copies_count=True)[1]
        return size

    def url(self, name: str | None, *args: Any, **kwargs: Any) -> str:
        """Return the URL of a file: the first backend's that has it; where none has, the last's."""
        url: str = self._first_of(self._having(name), "url", name, *args, **kwargs)[1]
        return url

    def _having(self, name: Any) -> Iterator[Backend]:
        """Yield the backends that have a file, and the last of those asked, whether or not."""
        asked = [*self._asked(name or "", copies_count=False)]
        for backend in asked[:-1]:
            with contextlib.suppress(SuspiciousOperation):  # which has a URL, even so
                if has_file(backend, name):
                    yield backend
        yield from asked[-1:]

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        """
        Return the names of the directories and of the files that any backend has in a directory.

        Each comes once; what one backend has for a directory and another for a file is what the
        first of them says. Raises the first backend's error where all fail.
        """
        form = normal(path or "")
        backends = [each for each in self._backends if each.route.admits_below(form)]
        inquiry = Inquiry(self._visible(form, backends), "listdir", path)
        is_directory: dict[str, bool] = {}
        answers = 0
        is_there = False
        for backend, (directories, files) in inquiry.answers():
            answers += 1
            # Buckets have no directories: they list a missing one as an empty one.
            is_there = is_there or not form or any((directories, files)) or has_node(backend, form)
            entries = dict.fromkeys(directories, True) | dict.fromkeys(files, False)
            for name in self._shown(backend, form, entries):
                is_directory.setdefault(name, entries[name])
        if not is_there and (inquiry.failures or not answers):
            inquiry.fail(self._backends)
        directories = [name for name in is_directory if is_directory[name]]
        return directories, [name for name in is_directory if not is_directory[name]]

    def get_accessed_time(self, name: str) -> datetime:
        """Return when a file was last read."""
        return self._time("get_accessed_time", name)

    def get_created_time(self, name: str) -> datetime:
        """Return when a file was made."""
        return self._time("get_created_time", name)

    def get_modified_time(self, name: str) -> datetime:
        """Return when a file was last written."""
        return self._time("get_modified_time", name)

    def accessed_time(self, name: str) -> datetime:
        """Return what the first backend's ``accessed_time()`` does that has such a method."""
        return self._time("accessed_time", name)

    def created_time(self, name: str) -> datetime:
        """Return what the first backend's ``created_time()`` does that has such a method."""
        return self._time("created_time", name)

    def modified_time(self, name: str) -> datetime:
        """Return what the first backend's ``modified_time()`` does that has such a method."""
        return self._time("modified_time", name)

    def _time(self, operation: str, name: str) -> datetime:
        time: datetime = self._first(operation, name)[1]
        return time

    def _shown(self, backend: Backend, directory: str, entries: dict[str, bool]) -> Iterator[str]:
        """Yield the names of a listing that were not deleted, and for which a backend is asked."""
        hidden = {self._reserved, *_NO_NAMES}
        if not backend.is_writable:
            hidden |= self._deleted_in(directory)
        if backend.route == Route():
            yield from (name for name in entries if name not in hidden)
            return
        for name, is_directory in entries.items():
            full = posixpath.join(directory, name)
            admits = backend.route.admits_below if is_directory else backend.route.admits
            if name not in hidden and admits(full):
                yield name


def has_file(backend: Backend, name: Any) -> bool:
    """Return whether a backend says that it has a file; raise if it refuses the name."""
    try:
        return bool(backend.has("exists") and backend.ask("exists", name))
    except SuspiciousOperation:
        raise
    except Exception:
        return False


def may_have(backend: Backend, form: str) -> bool:
    """Return whether a backend has a file, or does not tell."""
    try:
        return bool(backend.ask("exists", form))
    except Exception:
        return True


def has_node(backend: Backend, form: str) -> bool:
    """Return whether a backend has a file, or an empty directory: a bucket's key with a slash."""
    return has_file(backend, form) or has_file(backend, f"{form}/")


def is_outside(form: str) -> bool:
    """Return whether a name, in its normal form, leads out of the storage."""
    return form == ".." or form.startswith(("../", "/"))


def is_inside(form: str) -> bool:
    """Return whether a name, in its normal form, is that of something in the storage."""
    return bool(form) and not is_outside(form)


@contextlib.contextmanager
def _telling_of_failures(name: str) -> Iterator[None]:
    """Take a file for one that was not deleted, where the marks cannot be read."""
    try:
        yield
    except Exception as error:
        logger.warning("cannot tell what was deleted of %r: %s", name, error)
