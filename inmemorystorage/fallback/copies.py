"""Copies in an upper layer: whole files copied up, and a cache of those that were read."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from tempfile import SpooledTemporaryFile
from typing import IO, Any

from django.conf import settings
from django.core.files import File

from ..forks import PerProcess
from .layer import Layer, is_inside, logger
from .whiteouts import StoredNames

_UNFINISHED = "unfinished"

# Lock striping: different names rarely contend.
_locks = PerProcess(lambda: [threading.Lock() for _ in range(64)])
_being_copied: PerProcess[set[str]] = PerProcess(set)
# The locks that a caller holds. A layer may be a FallbackStorage, which is called in another thread
# if the layer has a timeout: the context comes along, the owner of an RLock does not.
_held: ContextVar[frozenset[int]] = ContextVar("_held", default=frozenset())


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Hold the lock of a name while it is copied or changed, also in the calls of layers."""
    index, held = hash(name) % len(_locks.value), _held.get()
    if index in held:
        yield
        return
    token = _held.set(held | {index})
    try:
        with _locks.value[index]:
            yield
    finally:
        _held.reset(token)


def wait_for_copy(name: str) -> None:
    """Wait while another thread copies a file up, until the copy is whole."""
    if name in _being_copied.value:
        with locked(name):
            pass


@contextmanager
def _copying(name: str) -> Iterator[None]:
    with locked(name):
        names = _being_copied.value
        if name in names:  # to a FallbackStorage of which this is a layer
            yield
            return
        names.add(name)
        try:
            yield
        finally:
            names.discard(name)


def copy_up(
    name: str, source: Layer, target: Layer, is_hidden: Callable[[str], bool], file: Any = None
) -> bool:
    """
    Copy a file from one layer to another, unless the name exists there.

    It is read to its end before anything is written, and a copy that fails is deleted. Other
    threads wait for it with `wait_for_copy`. Other processes do not: a file that one saves under
    the name is kept, and a file that one deletes stays deleted. Returns false in the latter case.

    :param is_hidden: returns whether a name was deleted.
    :param file: the file, if it is open for reading bytes already.
    """
    with _copying(name):
        if target.ask("exists", name):
            return True
        with SpooledTemporaryFile(max_size=settings.FILE_UPLOAD_MAX_MEMORY_SIZE) as content:
            if file is None:
                with source.ask("open", name) as opened:
                    _fetch(opened, content)
            else:
                _fetch(file, content)
            if target.ask("exists", name):  # saved during the download; a target may overwrite it
                return True
            _store(name, File(content, name), target)
            # Looked at last: a process that deletes adds the whiteout first, then deletes the file.
            if is_hidden(name):
                _delete_copy(name, content, target)
                return False
        logger.info("copied %r from %s to %s", name, source.label, target.label)
        return True


def _fetch(file: Any, content: IO[bytes]) -> None:
    for chunk in file.chunks():
        content.write(chunk)
    content.seek(0)


def _store(name: str, content: File[bytes], target: Layer) -> None:
    try:
        target.store(name, content)
    except BaseException:
        with suppress(Exception):
            target.ask("delete", name)
        raise


def _delete_copy(name: str, content: IO[bytes], target: Layer) -> None:
    """Delete a file if it has this content: another one was saved under the deleted name."""
    content.seek(0)
    with suppress(FileNotFoundError):
        with target.ask("open", name) as stored:
            is_copy = all(chunk == content.read(len(chunk)) for chunk in stored.chunks())
            is_copy = is_copy and not content.read(1)
        if is_copy:
            target.ask("delete", name)


class ReadCache:
    """
    Keep copies of files of lower layers; the least recently read are deleted first.

    :param layer: where the copies are, each under its own name.
    :param reserved: the directory there of the names of the copies, each with a stamp: a file is
        deleted to make room only while it has its stamp, and no other file ever is.
    :param size: bytes that all copies together may have.
    :param is_hidden: returns whether a name was deleted; no copy of it is made.
    """

    def __init__(
        self, layer: Layer, reserved: str, size: int, is_hidden: Callable[[str], bool]
    ) -> None:
        self._layer = layer
        self._names = StoredNames(layer, reserved, "copies")
        self.size = size
        self._is_hidden = is_hidden
        self._lock = PerProcess(threading.RLock)
        self._sizes: OrderedDict[str, int] | None = None

    def __contains__(self, name: str) -> bool:
        return is_inside(name) and name in self._names

    def forget(self, name: str) -> None:
        """Make a copy, if the name is one, a file like any other: it is about to be changed."""
        if not is_inside(name):
            return
        with self._lock.value:
            if self._sizes is not None:
                self._sizes.pop(name, None)
            with suppress(ValueError, OSError):  # a name that is refused has no copy
                self._names.discard(name)

    def open(self, name: str, mode: str, source: Layer, file: Any) -> Any:
        """
        Return the copy of a file, made now if it does not exist, or else the file.

        :param file: the file, open for reading in its layer.
        """
        if source.is_writable:
            self._touch(name)
        elif self._keep_opened(name, mode, source, file):
            with suppress(FileNotFoundError):  # another reader may have needed its room
                copy = self._layer.ask("open", name, mode)
                file.close()
                return copy
        return file

    def _touch(self, name: str) -> None:
        """Note that a copy is read."""
        with self._lock.value, suppress(KeyError):
            if self._sizes is not None:
                self._sizes.move_to_end(name)

    def _keep_opened(self, name: str, mode: str, source: Layer, file: Any) -> bool:
        if "b" in mode:
            is_kept = self.keep(name, source, file)
            file.seek(0)
            return is_kept
        with source.ask("open", name) as binary:
            return self.keep(name, source, binary)

    def keep(self, name: str, source: Layer, file: Any) -> bool:
        """
        Copy a file up; return whether the copy exists.

        :param file: the file, open for reading bytes.
        """
        try:
            size = file.size
            if size > self.size:
                return False
            self._make_room(size)
            return self._copy(name, source, file, size)
        except Exception as error:  # the caller can read the file without a copy
            logger.warning("cannot keep a copy of %r: %s", name, error)
            self._clean_up(name)
            return False

    def _copy(self, name: str, source: Layer, file: Any, size: int) -> bool:
        with locked(name):
            if self._layer.ask("exists", name):
                return True
            if self._is_hidden(name):
                return False
            # Noted first: a copy that is not noted would count as a user's file for ever.
            self._note(name, _UNFINISHED)
            if not copy_up(name, source, self._layer, self._is_hidden, file):
                self._names.discard(name)
                return False
            # A process that changes a copy forgets it first: then the file is no copy.
            stamp = self._stamp(name)
            if self._names.text(name) != _UNFINISHED:
                return True
            self._note(name, stamp)
        with self._lock.value:
            self._known()[name] = size
        return True

    def _note(self, name: str, stamp: str) -> None:
        self._names.discard(name)
        self._names.add(name, stamp)

    def _clean_up(self, name: str) -> None:
        """Forget a copy that failed, unless it exists and cannot be deleted."""
        with suppress(Exception):
            if not self._layer.ask("exists", name):
                self.forget(name)

    def _stamp(self, name: str) -> str:
        """Return the size and time of a file, which change when the file does."""
        modified = ""
        with suppress(NotImplementedError):
            modified = self._layer.ask("get_modified_time", name).isoformat()
        return f"{self._layer.ask('size', name)} {modified}"

    def _make_room(self, size: int) -> None:
        for name, freed in self._take_excess(size):
            try:
                self._drop(name)
            except BaseException:
                with self._lock.value:
                    self._known()[name] = freed
                raise

    def _take_excess(self, size: int) -> list[tuple[str, int]]:
        """Remove the copies to delete from those that are known, and return them."""
        excess = []
        with self._lock.value:
            known = self._known()
            total = sum(known.values()) + size
            while known and total > self.size:
                excess.append(known.popitem(last=False))
                total -= excess[-1][1]
        return excess

    def _drop(self, name: str) -> None:
        with locked(name):
            stamp = self._names.text(name)
            if not stamp or not self._layer.ask("exists", name):
                return
            self._names.discard(name)
            if stamp in (_UNFINISHED, self._stamp(name)):
                self._layer.ask("delete", name)
                logger.debug("deleted the copy of %r from %s to make room", name, self._layer.label)

    def _known(self) -> OrderedDict[str, int]:
        """Return the sizes of the copies; those of an earlier process come first."""
        if self._sizes is None:
            sizes: OrderedDict[str, int] = OrderedDict()
            with suppress(NotImplementedError):  # without listdir(), only this process's own
                for name in self._names.walk():
                    sizes[name] = self._size_of(name)
            self._sizes = sizes  # when it is whole: a fork may come before
        return self._sizes

    def _size_of(self, name: str) -> int:
        with suppress(Exception):
            size: Any = self._layer.ask("size", name)
            return int(size)
        return 0
