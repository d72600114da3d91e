"""The layers of a `FallbackStorage`, asked in order: the first that answers counts."""

from __future__ import annotations

import contextlib
import errno
import posixpath
import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Any, NoReturn

from django.core.exceptions import SuspiciousFileOperation, SuspiciousOperation

from ..exceptions import PathDoesNotExist, ReadOnlyStorageError, os_error
from .copies import ReadCache, copy_up
from .failures import raise_failure
from .layer import Layer, Route, logger
from .whiteouts import Whiteouts, ancestors

# Buckets list these for keys with two slashes, or with one at the end.
_NOT_NAMES = {"", "."}

# Buckets read a backslash as a slash, as Windows does.
_separator = re.compile(r"[/\\]")


def _fold(component: str) -> str:
    """
    Return a component of a name as the most lenient file system reads it.

    Windows and macOS ignore case; macOS normalizes letters and ignores those that are not shown;
    Windows ignores a stream's name, and dots and spaces at the end.
    """
    if not component.isascii():
        letters = unicodedata.normalize("NFKC", component)
        component = "".join(each for each in letters if unicodedata.category(each) != "Cf")
    return component.partition(":")[0].rstrip(". ").casefold()


class Layers:
    """
    Storages in order, which together have the files that a caller sees.

    :param entries: what ``backends``, or the setting, named.
    :param layers: the storages.
    :param reserved: the directory of whiteouts and of the read cache's notes; no file has it in
        its path.
    :param has_whiteouts: whether deleted files of lower layers stay hidden.
    :param cache_size: bytes of the copies of files that were read; ``None`` for no copies.

    The first layer that may be written is the upper layer; it has the whiteouts and the copies.
    Layers that may not be written are lower layers, of which a whiteout hides files. All names are
    normalized.
    """

    def __init__(
        self,
        entries: Any,
        layers: list[Layer],
        reserved: str,
        has_whiteouts: bool,
        cache_size: int | None,
    ) -> None:
        self._args = entries, layers, reserved, has_whiteouts, cache_size
        self.entries = entries
        self.all = layers
        self.reserved = reserved
        self.whiteouts: Whiteouts | None = None
        self.cache: ReadCache | None = None
        upper = next((each for each in layers if each.is_writable), None)
        if upper is not None and has_whiteouts:
            self.whiteouts = Whiteouts(upper, reserved)
        if upper is not None and cache_size is not None:
            self.cache = ReadCache(upper, reserved, cache_size, self._is_hidden)

    def __reduce__(self) -> tuple[Any, ...]:
        # The cache has locks, and sizes that only this process knows.
        return Layers, self._args

    # Which layers are asked for a name.

    def asked(self, name: str, *, originals_first: bool = False) -> Iterator[Layer]:
        """
        Yield the layers that may have a file.

        :param originals_first: whether a copy that was made for reading comes after the file.
        """
        layers = [each for each in self.all if each.route.admits(name)]
        if originals_first and self.cache is not None and name in self.cache:
            layers.sort(key=lambda each: each.is_writable)
        return self.visible(name, layers)

    def visible(self, name: str, layers: Iterable[Layer]) -> Iterator[Layer]:
        """Yield the layers in which a name is not hidden: lower layers, if it was not deleted."""
        if self.is_reserved(name):
            return
        is_hidden: bool | None = None
        for layer in layers:
            if not layer.is_writable and is_hidden is None:
                is_hidden = self._is_hidden(name)
            if layer.is_writable or not is_hidden:
                yield layer

    def is_reserved(self, name: str) -> bool:
        """
        Return whether a name belongs to this storage itself, and not to its users.

        It does however a layer may spell it: whiteouts cannot be forged by another spelling.
        """
        return any(_fold(part) == self.reserved for part in _separator.split(name))

    def _is_hidden(self, name: str) -> bool:
        return self.whiteouts is not None and self.whiteouts.hides(name)

    def writers(self, name: str) -> list[Layer]:
        """
        Return the layers that may be written for a name; one that has it comes first.

        Raises ``SuspiciousFileOperation`` if the name is reserved, and `ReadOnlyStorageError` if no
        layer may be written.
        """
        if self.is_reserved(name):
            raise SuspiciousFileOperation(
                f"{name!r} cannot be stored: a FallbackStorage keeps its own files in directories "
                f"called {self.reserved!r}. Choose another name."
            )
        writers = [each for each in self.all if each.is_writable and each.route.admits(name)]
        if not writers:
            raise ReadOnlyStorageError(
                "no backend of this FallbackStorage may be written for that name: see its options "
                "writable, only and skip",
                name,
            )
        if writers[1:]:
            writers.sort(key=lambda each: not each.has_file(name))
        return writers

    # What they answer.

    def first(
        self, operation: str, name: str, *args: Any, originals_first: bool = False
    ) -> tuple[Layer, Any]:
        """Return the first layer that answers for a name, and its answer."""
        asked = self.asked(name, originals_first=originals_first)
        return self.first_of(asked, operation, name, *args)

    def first_of(
        self, layers: Iterable[Layer], operation: str, *args: Any, **kwargs: Any
    ) -> tuple[Layer, Any]:
        """Return the first of some layers that answers, and its answer; raise if none does."""
        question = _Question(self.all, operation, *args, **kwargs)
        for layer, answer in question.answers(layers):
            return layer, answer
        question.fail()

    def holder(self, name: str, *, originals_first: bool = False) -> Layer | None:
        """Return the layer that has a file, if any; raise if no layer can tell."""
        question = _Question(self.all, "exists", name)
        answers = 0
        for layer, exists in question.answers(self.asked(name, originals_first=originals_first)):
            if exists:
                return layer
            answers += 1
        if question.failures and not answers:
            question.fail()
        question.check_method()
        return None

    def url_layers(self, name: str) -> Iterator[Layer]:
        """Yield the layers that have a file, then the last of those asked in any case."""
        asked = [*self.asked(name, originals_first=True)]
        for layer in asked[:-1]:
            with contextlib.suppress(SuspiciousOperation):  # a refused name has a URL all the same
                if layer.has_file(name):
                    yield layer
        yield from asked[-1:]

    def may_be_taken(self, name: str) -> bool:
        """Return whether a layer has a name, or cannot tell."""
        return any(layer.may_have(name) for layer in self.asked(name))

    def is_directory(self, name: str) -> bool:
        """Return whether a name is that of a directory, in the layer that has it or in any."""
        holder = self.holder(name, originals_first=True)
        if holder is not None:
            return holder.is_directory(name)
        return any(layer.is_directory(name) for layer in self.asked(name))

    def lower_layer_has(self, name: str) -> bool:
        """Return whether a lower layer shows a file or a directory, or cannot tell."""
        lower = [each for each in self.asked(name) if not each.is_writable]
        return any(each.may_have(name) or each.is_directory(name) for each in lower)

    def listdir(self, directory: str) -> tuple[list[str], list[str]]:
        """Return the union of the layers' listings; an entry is what the first layer says."""
        layers = [each for each in self.all if each.route.admits_below(directory)]
        question = _Question(self.all, "listdir", directory)
        is_directory: dict[str, bool] = {}
        answers = 0
        exists = not directory
        for layer, (directories, files) in question.answers(self.visible(directory, layers)):
            answers += 1
            # Buckets have no directories: they list a missing one as an empty one.
            exists = exists or bool(directories or files) or layer.has_empty_directory(directory)
            entries = dict.fromkeys(directories, True) | dict.fromkeys(files, False)
            for name in self._visible_entries(layer, directory, entries):
                is_directory.setdefault(name, entries[name])
        if not answers or (question.failures and not exists):
            question.fail()
        directories = [name for name in is_directory if is_directory[name]]
        return directories, [name for name in is_directory if not is_directory[name]]

    def _visible_entries(
        self, layer: Layer, directory: str, entries: dict[str, bool]
    ) -> Iterator[str]:
        """Yield the names of a listing that are not hidden, and for which the layer is asked."""
        hidden = _NOT_NAMES
        if self.whiteouts is not None and not layer.is_writable:
            hidden = hidden | self.whiteouts.hidden_in(directory)
        is_asked_for_all = layer.route == Route()
        for name, is_directory in entries.items():
            admits = layer.route.admits_below if is_directory else layer.route.admits
            is_visible = name not in hidden and not self.is_reserved(name)
            if is_visible and (is_asked_for_all or admits(posixpath.join(directory, name))):
                yield name

    # What a change needs.

    def check_not_shadowed(self, name: str, writer: Layer) -> None:
        """Raise if a lower layer that comes before the writer has a file, and hides the change."""
        for layer in self.visible(name, self.all[: self.all.index(writer)]):
            if not layer.is_writable and layer.has_file(name):
                layer.storage.refuse("a change", name)

    def copy_up_parent_file(self, name: str, writer: Layer) -> None:
        """Copy up a file that stands where a directory is needed, so that the writer refuses."""
        for directory in ancestors(name):
            if writer.has_file(directory):
                continue
            source = self.holder(directory, originals_first=True)
            if source is None:
                return
            if not source.is_directory(directory):
                copy_up(directory, source, writer, self._is_hidden)
                return

    def copy_up_for_change(self, name: str, mode: str, writer: Layer) -> None:
        """Make the writer open a file, or refuse to, as if it had what the lower layers have."""
        source = None if writer.has_file(name) else self.holder(name, originals_first=True)
        if source is None:
            return
        if source.is_directory(name):
            writer.make_directory(name)
        elif "x" in mode:
            raise os_error(errno.EEXIST, name)
        elif "w" not in mode:
            copy_up(name, source, writer, self._is_hidden)

    def forget_copy(self, name: str) -> None:
        """Make a copy that was made for reading a file like any other."""
        if self.cache is not None:
            self.cache.forget(name)

    def save(self, name: str, content: Any, writers: list[Layer]) -> str:
        """Save to the first layer that takes a file; delete what the others have half written."""
        question = _Question(writers, "_save", name, content)
        for writer in writers:
            leaves_half = writers[1:] and not writer.has_file(name)
            for _, saved in question.answers([writer]):
                return str(saved)
            if leaves_half:  # which would hide the file of the next layer
                with contextlib.suppress(Exception):
                    writer.ask("delete", name)
        question.fail()


class _Question:
    """
    A call that is made to layers in order, and the errors of those that fail.

    :param layers: all layers that could be asked, for errors.
    """

    def __init__(self, layers: list[Layer], operation: str, *args: Any, **kwargs: Any) -> None:
        self._layers = layers
        self._operation = operation
        self._args = args
        self._kwargs = kwargs
        self.failures: list[tuple[str, Exception]] = []

    def answers(self, layers: Iterable[Layer]) -> Iterator[tuple[Layer, Any]]:
        """Yield the layers that answer, each with its answer; skip those without the method."""
        for layer in layers:
            if not layer.has_method(self._operation):
                continue
            try:
                answer = layer.ask(self._operation, *self._args, **self._kwargs)
            except SuspiciousOperation:  # the name is wrong for all layers
                raise
            except Exception as error:
                self.failures.append((layer.label, error))
                logger.debug("%s(%r) on %s: %s", self._operation, self._args[0], layer.label, error)
            else:
                yield layer, answer

    def check_method(self) -> None:
        """Raise ``AttributeError`` if no layer has the method."""
        if not any(layer.has_method(self._operation) for layer in self._layers):
            labels = ", ".join(layer.label for layer in self._layers)
            raise AttributeError(f"No backend has the method {self._operation!r}: {labels}.")

    def fail(self) -> NoReturn:
        """Raise one error for all failures; without any, the file does not exist."""
        self.check_method()
        name = str(self._args[0])
        raise_failure(self.failures or [("", PathDoesNotExist(name))], name)
