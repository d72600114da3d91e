"""Move or replace the storages of a project in tests."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import InvalidStorageError, Storage, default_storage, storages
from django.core.signals import setting_changed
from django.db.models import Model
from django.db.models.signals import class_prepared

from ..project import (
    field_label,
    file_fields,
    labelled_storages,
    make_field_storages,
    storage_layers,
    unwrap,
)
from . import django_memory
from .azure_floor import AzureFloor
from .bucket_floor import BucketFloor, extra_for
from .floor import Floor
from .gcs_floor import GCSFloor
from .http_connections import connections_answered
from .isolation import isolate_storages
from .places import check_name
from .project_settings import STATICFILES
from .replacement import Replacements
from .s3_floor import S3Floor
from .tools import TestTool, attribute

BUCKET_FLOORS = (S3Floor, GCSFloor, AzureFloor)


class override_storages(TestTool):
    """
    Keep all storages of the project from their real directories and buckets.

    A ``FileSystemStorage``, or a storage derived from it, keeps its class, its state and its code,
    but its directory is a private one, which begins with files of the project. MEDIA_ROOT and the
    other settings that name such a directory move along. A directory that a test names itself
    stays: a temporary one, and one in a MEDIA_ROOT or in STORAGES that the test overrides. The
    storage of static files stays too. A storage on S3, Google Cloud Storage or Azure keeps its
    class, its state and its code as well: buckets in memory answer its client, and all other
    clients of the service. A storage that keeps its files in memory stays as it is; any other is
    replaced in place, as `replace_storage` says. At the end everything is restored, and the files
    are deleted.

    :param chosen: storages to use for some aliases, or for fields named ``"app.Model.field"``.
    :param load: the files of the project with which private directories begin: ``"none"``,
        ``"all"`` or patterns; by default those that git tracks.
    :param left: directories to leave alone, besides the temporary directory, and URLs of services
        that are really reached, such as ``"http://127.0.0.1:9000"``.
    :param parent: in a worker process, the private directory of its parent, whose files are copied.
    :param may_list: whether clients have the right to list a bucket of S3. Without it, S3 refuses
        requests for missing objects with 403 instead of 404.

    Raises ``ImproperlyConfigured`` for a name that is neither an alias nor a field. A context
    manager (``with`` and ``async with``), and a decorator of functions, coroutines and classes.
    """

    def __init__(
        self,
        chosen: Mapping[str, Storage] | None = None,
        *,
        load: str = "",
        left: tuple[str, ...] = (),
        parent: str = "",
        may_list: bool = True,
    ) -> None:
        super().__init__()
        self._chosen = dict(chosen or {})
        self._load = load
        self._left = left
        self._parent = parent
        self._may_list = may_list

    def begin(self, stack: contextlib.ExitStack) -> None:
        """Move and replace the storages."""
        for name in self._chosen:
            check_name(name)
        if Floor.current is None:
            stack.enter_context(Floor(self._load, self._left, self._parent))
            stack.enter_context(django_memory.rolled_back())
            for floor in BUCKET_FLOORS:
                stack.enter_context(floor(self._left))
            stack.enter_context(connections_answered())
        for active in () if self._may_list else BucketFloor.active:
            stack.enter_context(attribute(active.buckets, "may_list", False))
        stack.enter_context(isolate_storages())
        replacements = Replacements(self._chosen.values())
        stack.callback(replacements.close)
        make_field_storages()  # a lazy one would keep a chosen storage after the end
        if self._chosen:
            use_chosen(self._chosen, replacements, stack)
        replace_known(replacements)
        replace_entries(replacements, stack)


def replace_known(replacements: Replacements) -> None:
    """Replace the storages that exist, and the layers of each `FallbackStorage`."""
    backends = storages.backends
    made = vars(storages)["_storages"]
    entries = {id(made[alias]): entry for alias, entry in backends.items() if alias in made}
    for _, storage in labelled_storages():
        for layer in (storage, *storage_layers(storage)):
            replacements.replace(unwrap(layer), entries.get(id(layer)))


def replace_entries(replacements: Replacements, stack: contextlib.ExitStack) -> None:
    """Replace storages that are made later, of an entry of STORAGES or for a model's fields."""
    create_storage = storages.create_storage
    entries = [entry for alias, entry in storages.backends.items() if alias != STATICFILES]

    def create(params: Any) -> Storage:
        try:
            storage: Storage = create_storage(params)
        except (InvalidStorageError, ImproperlyConfigured) as error:
            extra = extra_for(error)
            if extra is None:
                raise
            raise type(error)(
                f"{error} Install {extra} where the tests run, too: the storage keeps its class "
                "and its client, whose requests are answered in memory."
            ) from error
        if params in entries:
            replacements.replace(unwrap(storage), params)
            for position, layer in enumerate(storage_layers(storage)):
                replacements.replace(unwrap(layer), (params, position))
        return storage

    def prepare(sender: type[Model], **kwargs: Any) -> None:
        for field in file_fields(sender):
            with contextlib.suppress(InvalidStorageError):  # its alias is not in STORAGES
                replacements.replace(unwrap(field.storage))

    stack.enter_context(attribute(storages, "create_storage", create))
    class_prepared.connect(prepare, weak=False)
    stack.callback(class_prepared.disconnect, prepare)


def use_chosen(
    chosen: Mapping[str, Storage], replacements: Replacements, stack: contextlib.ExitStack
) -> None:
    """Use the chosen storages, for aliases and for fields."""
    by_alias = {name: storage for name, storage in chosen.items() if "." not in name}
    made: dict[str, Storage] = vars(storages)["_storages"]
    before = {alias: made[alias] for alias in by_alias if alias in made}
    for alias, storage in before.items():
        replacements.choose(storage, by_alias[alias])

    # In place: default_storage may be made in the block, and is one of them afterwards.
    def follow(**kwargs: Any) -> None:
        vars(storages)["_storages"].update(by_alias)

    def restore() -> None:
        for alias in by_alias:
            vars(storages)["_storages"].pop(alias, None)
        vars(storages)["_storages"].update(before)

    follow()
    stack.callback(restore)
    if "default" in by_alias:
        stack.enter_context(attribute(default_storage, "_wrapped", by_alias["default"]))
    setting_changed.connect(follow, weak=False)
    stack.callback(setting_changed.disconnect, follow)
    use_in_fields(chosen, stack)


def use_in_fields(chosen: Mapping[str, Storage], stack: contextlib.ExitStack) -> None:
    """Use the chosen storages for fields, also of models that are defined later."""

    def prepare(sender: type[Model], **kwargs: Any) -> None:
        for field in file_fields(sender):
            storage = chosen.get(field_label(sender, field)) or given_by(field, [*chosen.values()])
            if storage is not None:
                # deconstruct() prefers it, so that migrations see the project's storage.
                if "_storage_callable" not in vars(field):
                    stack.enter_context(attribute(field, "_storage_callable", field.storage))
                stack.enter_context(attribute(field, "storage", storage))

    for model in apps.get_models(include_auto_created=True, include_swapped=True):
        prepare(model)
    class_prepared.connect(prepare, weak=False)
    stack.callback(class_prepared.disconnect, prepare)


def given_by(field: Any, chosen: list[Storage]) -> Storage | None:
    """
    Return the chosen storage that a field's callable returns now, or ``None``.

    The storage that it returned before may be one that ``storages`` has dropped since: it drops all
    of them when settings change.
    """
    ask = vars(field).get("_storage_callable")
    if not callable(ask):
        return None
    with contextlib.suppress(Exception):  # it may fail outside of the model's definition
        given = unwrap(ask())
        return next((each for each in chosen if each is given), None)
    return None
