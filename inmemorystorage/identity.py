"""When two storages are equal, and how one is copied, pickled and written to a migration."""

from __future__ import annotations

import copy
from typing import Any, NoReturn

from .nodes import InMemoryDir
from .paths import PathMixin

# What is found anew by a copy: it may have other settings, or live in another process.
_NOT_COPIED = {
    "_base",
    "_base_place",
    "_directories",
    "_lease",
    "_quota",
    "_fixed_location",
    "deconstruct",
    "base_location",
    "base_url",
    "file_permissions_mode",
    "directory_permissions_mode",
}


class IdentityMixin(PathMixin):
    """Compare, copy and pickle storages."""

    _constructor_args: tuple[tuple[Any, ...], dict[str, Any]]

    def __eq__(self, other: object) -> bool:
        """
        Return whether two storages are one to Django.

        They are if they have the same tree and the same base URL: a file saved through one is
        then there through the other. They are too if they were made by the same call without a
        ``filesystem`` of their own: that call is all that a migration writes down of a storage, so
        ``FileField(storage=InMemoryStorage())`` in a model and in its migrations is one field.
        """
        if type(other) is not type(self):
            return NotImplemented
        assert isinstance(other, IdentityMixin)
        if self._filesystem is None and other._filesystem is None:
            same = self._constructor_args == other._constructor_args
            return same or (self._shares_tree(other) and self.base_url == other.base_url)
        return self._own_tree is other._own_tree and self.base_url == other.base_url

    def __hash__(self) -> int:
        """Return one hash for all of a class: what else makes them equal changes with settings."""
        return hash(type(self))

    def _shares_tree(self, other: IdentityMixin) -> bool:
        return (
            self._is_shared()
            and other._is_shared()
            and self._tree_location() == other._tree_location()
        )

    def __getstate__(self) -> dict[str, Any]:
        self._pull_all()
        return {name: value for name, value in vars(self).items() if name not in _NOT_COPIED}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._connect()
        if self._lend_paths and self._top().mirror is not None:
            self._borrow()  # paths that are lent last as long as the copy

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        # Models are deep-copied with their fields and storages; the files are not.
        return copy.copy(self)


def refuse_in_migrations() -> None:
    """Have the migration writer refuse a tree, which no call could make again."""
    from django.db.migrations.serializer import BaseSerializer
    from django.db.migrations.writer import MigrationWriter

    class TreeSerializer(BaseSerializer):
        def serialize(self) -> NoReturn:
            raise ValueError(
                "Cannot serialize an InMemoryStorage with a filesystem of its own: a migration "
                "cannot hold its files. Give the field a callable that returns the storage, "
                "FileField(storage=get_storage), or have storages share by location instead: "
                "InMemoryStorage(location=…, behaves_like='filesystem')."
            )

    MigrationWriter.register_serializer(InMemoryDir, TreeSerializer)
