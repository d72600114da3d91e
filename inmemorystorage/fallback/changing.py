"""Writing: to the first backend, as if it had what the others have."""

from __future__ import annotations

import contextlib
import errno
from typing import Any

from ..exceptions import os_error
from .backends import Backend, normal
from .copying import add_witness, copy_up, lock_of, make_directory, wait_for_copy
from .files import BelowFile
from .lookup import Inquiry, has_file, is_inside, is_outside, may_have
from .marks import ancestors
from .naming import NamingMixin, overwrites
from .readonly import is_writing


class ChangingMixin(NamingMixin):
    """Change the files of one backend so that they are as if all were there."""

    def _open(self, name: str, mode: str = "rb") -> Any:
        if not _is_mode(mode):
            return self._backends[0].ask("open", name, mode)  # which refuses it
        if is_writing(mode):
            return self._open_for_change(name, mode)
        wait_for_copy(normal(name))
        backend, file = self._first("open", name, mode, copies_count=True)
        if self._cache is not None:
            file = self._open_copy(name, mode, backend, file)
        elif backend.is_writable:
            return file
        return BelowFile(file, self, name, mode)

    def _open_copy(self, name: str, mode: str, backend: Backend, file: Any) -> Any:
        """Have a file that is open in a backend below copied up; return it opened there."""
        assert self._cache is not None
        form = normal(name)
        if backend.is_writable:
            self._cache.touch(form)
        elif self._keep_copy(form, mode, backend, file):
            with contextlib.suppress(FileNotFoundError):  # others may have needed its room
                copy = self._cache.target.ask("open", name, mode)
                file.close()
                return copy
        return file

    def _keep_copy(self, form: str, mode: str, backend: Backend, file: Any) -> bool:
        assert self._cache is not None
        if "b" in mode:
            is_kept = self._cache.keep(form, backend, file, self._is_hidden)
            file.seek(0)
            return is_kept
        with backend.ask("open", form) as binary:
            return self._cache.keep(form, backend, binary, self._is_hidden)

    def _open_for_change(self, name: str, mode: str) -> Any:
        writer = self._writers(name)[0]
        self._refuse_below(name, writer)
        self._lift_file_above(name, writer)
        with lock_of(normal(name)):
            if "x" not in mode:
                self._forget_copy(name)
            self._lift_for_change(name, mode, writer)
            return self._open_above(name, mode, writer)

    def _open_above(self, name: str, mode: str, writer: Backend) -> Any:
        """Open a file; make the directory for it where only a backend below has that."""
        try:
            return writer.ask("open", name, mode)
        except FileNotFoundError:
            above = normal(name).rpartition("/")[0]
            if not above or has_file(writer, above) or not self._is_directory(above):
                raise
            make_directory(above, writer)
        return writer.ask("open", name, mode)

    def _refuse_below(self, name: str, writer: Backend) -> None:
        """Raise where a backend that is not written would hide the change from who reads."""
        above = self._backends[: self._backends.index(writer)]
        for backend in self._visible(normal(name), above):
            if not backend.is_writable and has_file(backend, name):
                backend.storage.refuse("a change", name)

    def _lift_for_change(self, name: str, mode: str, writer: Backend) -> None:
        """Have the writer open a file, or refuse to, as if it had what is below."""
        source = None if has_file(writer, name) else self._holder(name)
        if source is None:
            return
        if is_directory(source, name):
            make_directory(normal(name), writer)
        elif "x" in mode:
            raise os_error(errno.EEXIST, str(name))
        elif "w" not in mode:
            copy_up(normal(name), source, writer)

    def _lift_file_above(self, name: str, writer: Backend) -> None:
        """Copy the file up that is where a directory must be, so that the writer refuses."""
        for directory in ancestors(normal(name)):
            if has_file(writer, directory):
                continue
            source = self._holder(directory)
            if source is None:
                return
            if not is_directory(source, directory):
                copy_up(directory, source, writer)
                return

    def _forget_copy(self, name: Any) -> None:
        if self._cache is not None and is_inside(normal(name)):
            self._cache.forget(normal(name))

    def _save(self, name: str, content: Any) -> str:
        writers = self._writers(name)
        self._lift_file_above(name, writers[0])
        with lock_of(normal(name)):
            self._forget_copy(name)
            if overwrites(writers[0]):
                self._refuse_below(name, writers[0])
                self._lift_for_change(name, "w", writers[0])
            return self._save_to_first(writers, name, content)

    def _save_to_first(self, writers: list[Backend], name: str, content: Any) -> str:
        """Save to the first that takes it; half a file in one would hide the whole in the next."""
        failures: list[tuple[str, Exception]] = []
        for writer in writers:
            leaves_half = writers[1:] and not has_file(writer, name)
            inquiry = Inquiry([writer], "_save", name)
            for _, saved in inquiry.answers(content):
                return str(saved)
            failures += inquiry.failures
            if leaves_half:
                with contextlib.suppress(Exception):
                    writer.ask("delete", name)
        inquiry.failures = failures
        inquiry.fail(writers)

    def delete(self, name: str) -> None:
        """
        Delete a file from the backends that may be written, and hide it where another has it.

        A directory goes as the first backend deletes one: with all that is in it, or not unless it
        is empty. Without ``whiteouts`` the first backend's file goes, and no other.
        """
        writers = self._writers(name)
        form = normal(name) if name else ""
        if self._deleted is None or not name or is_outside(form):
            self._first_of(writers, "delete", name)
            return
        is_below = self._is_below(form)
        if not is_below:
            self._lift_file_above(name, writers[0])
        with lock_of(form):  # one at a time: it is taken with no other held
            self._forget_copy(name)
            if not is_below:
                _delete(name, writers)
            elif self._is_directory(form):
                self._delete_directory(name, form, writers)
            else:
                self._deleted.add(form)
                _delete(name, writers)

    def _is_below(self, form: str) -> bool:
        """Return whether a backend that is not written shows a file or a directory."""
        below = [each for each in self._asked(form, copies_count=True) if not each.is_writable]
        return any(may_have(each, form) or is_directory(each, form) for each in below)

    def _delete_directory(self, name: str, form: str, writers: list[Backend]) -> None:
        """Delete a directory if the writer does that with one which has as much in it."""
        assert self._deleted is not None
        writer = writers[0]
        witness = add_witness(form, writer) if any(self.listdir(form)) else None
        try:
            _delete(name, writers)
            is_deleted = witness is None or not has_file(writer, witness)
        finally:
            if witness is not None and has_file(writer, witness):
                writer.ask("delete", witness)
        if is_deleted and form:
            self._deleted.add(form)

    def path(self, name: str) -> str:
        """
        Return a path at which Python's ``open()`` finds a file.

        What may be changed there is changed in a backend that may be written: a file that is below
        is copied up first, if the first backend has paths. If it has none, the path is that of the
        backend which has the file, and what is written there is written to it. Raises
        ``NotImplementedError`` where a file has no path.
        """
        holder = self._holder(name)
        if holder is None:
            return str(self._first("path", name)[1])
        if holder.is_writable:
            return str(holder.ask("path", name))
        lifted = self._lifted_path(name)
        return str(holder.ask("path", name)) if lifted is None else lifted

    def _lifted_path(self, name: str) -> str | None:
        """Copy a file up and return its path there, or ``None`` where that has none."""
        path: str | None = None
        with contextlib.suppress(Exception):
            writer = self._writers(name)[0]
            path = writer.ask("path", name)
        if path is not None:
            with lock_of(normal(name)):
                self._refuse_below(name, writer)
                self._forget_copy(name)
                self._lift_for_change(name, "a", writer)
        return path

    def _is_directory(self, form: str) -> bool:
        holder = self._holder(form)
        if holder is not None:
            return is_directory(holder, form)
        return any(is_directory(each, form) for each in self._asked(form, copies_count=True))


def _delete(name: str, writers: list[Backend]) -> None:
    for writer in writers:
        writer.ask("delete", name)


def is_directory(backend: Backend, name: str) -> bool:
    """Return whether a name is that of a directory in a backend, one with files in a bucket."""
    try:
        if any(backend.ask("listdir", name)):
            return True
        backend.ask("open", name).close()  # a bucket lists a file, too, as an empty directory
    except (IsADirectoryError, PermissionError):
        return True
    except FileNotFoundError:
        return has_file(backend, f"{name}/")
    except Exception:
        return False
    return False


def _is_mode(mode: Any) -> bool:
    """Return whether ``open()`` takes a mode."""
    if not isinstance(mode, str) or len({*mode}) != len(mode) or not {*mode} <= {*"rwaxbt+"}:
        return False
    return len({*mode} & {*"rwax"}) == 1 and not {*"bt"} <= {*mode}
