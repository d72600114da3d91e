"""The store of `--store`, which several processes share."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any
from urllib.parse import unquote

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.files import locks
from django.core.files.storage import Storage
from django.http import HttpRequest
from django.views.debug import SafeExceptionReporterFilter
from inmemorystorage.kvstore import KeyValueStorage
from inmemorystorage.kvstore.connections import close_connections
from inmemorystorage.kvstore.uri import parse


def shown_store(request: HttpRequest | None = None) -> dict[str, str | None]:
    """Return the store for templates, without the password that its URI may have."""
    return {"store": None if settings.STORE is None else str(parse(settings.STORE))}


def check_store() -> None:
    """Raise ``ImproperlyConfigured`` if a store is configured and does not answer."""
    if settings.STORE is None:
        return
    try:
        KeyValueStorage(settings.STORE).listdir("")
    except NotImplementedError as error:
        raise ImproperlyConfigured(str(error)) from error
    except OSError as error:
        raise ImproperlyConfigured(
            f"{error.strerror.rstrip('.')}. Start the store, or name one that runs: --store URI."
        ) from error
    finally:
        close_connections()


@contextmanager
def alone() -> Iterator[None]:
    """Let only one process at a time start on a store, so that each sees what exists."""
    with open(settings.SHARED / "starting", "a") as file:
        locks.lock(file, locks.LOCK_EX)  # until it is closed
        yield


def tree(storage: Storage) -> str:
    """Return a storage's content as text: a line for each name, with a file's size."""
    return storage.tree() if hasattr(storage, "tree") else "\n".join(lines(storage))


def lines(storage: Storage, directory: str = "", indent: str = "") -> Iterator[str]:
    """Yield the lines of a directory and below."""
    directories, files = storage.listdir(directory)
    prefix = f"{directory}/" if directory else ""
    for name in sorted(directories):
        yield f"{indent}{name}/"
        yield from lines(storage, prefix + name, indent + "    ")
    for name in sorted(files):
        yield f"{indent}{name} ({storage.size(prefix + name)} bytes)"


class StoreFilter(SafeExceptionReporterFilter):
    """Keep the URI's password out of Django's debug pages."""

    hidden_settings = re.compile(
        rf"{SafeExceptionReporterFilter.hidden_settings.pattern}|_STORE$|^STORE$|^uri$",
        re.IGNORECASE,
    )

    def get_traceback_frame_variables(
        self, request: HttpRequest, tb_frame: FrameType
    ) -> list[tuple[str, Any]]:
        """Return the variables of a frame, without values that contain the password."""
        found = super().get_traceback_frame_variables(request, tb_frame)
        return [
            (name, self.cleansed_substitute if has_password(value) else value)
            for name, value in found
        ]


def has_password(value: Any) -> bool:
    """Return whether a value contains the store's password, as in the URI or decoded."""
    encoded = parse(settings.STORE).store.rpartition("@")[0].partition(":")[2]
    return bool(encoded) and any(text in repr(value) for text in (encoded, unquote(encoded)))
